"""The calls that show every op of the registry, made from its entry: tests that take `call` run for each of them."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import tensorgrad as tg
import tensorgrad.nn  # loaded on first use: its ops are to be tested like all others
from tensorgrad.op import OPS, Op
from tensorgrad.rules import load
from tensorgrad.testing.entries import cases_of, sample

with contextlib.suppress(ImportError):  # without SciPy, its functions are not tested
    import tensorgrad.rules.special

load()
# Reproducible by default; `pytest --hypothesis-profile=explore` searches further, from another start each time.
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=4)
settings.register_profile("explore", deadline=None, max_examples=200, suppress_health_check=QUIET)
settings.load_profile("ci")


def eigh_fixed(a: Any, **params: Any) -> Any:
    """Return eigenvalues, and eigenvectors of which a weighted sum is positive: a phase is LAPACK's choice."""
    w, v = np.linalg.eigh(a, **params)
    return w, v * np.conjugate(phase(v, -2))


def svd_fixed(a: Any, hermitian: bool = False, **params: Any) -> Any:
    """Return singular vectors and values with phases fixed likewise, one for each pair."""
    a = (a + np.conjugate(np.swapaxes(a, -1, -2))) * 0.5 if hermitian else a
    out = np.linalg.svd(a, hermitian=hermitian, **params)
    if params.get("compute_uv") is False:
        return out
    u, s, vh = out
    left, right = phase(u, -2), np.conjugate(phase(vh, -1))
    k = np.shape(s)[-1]
    right = np.concatenate([np.swapaxes(left, -1, -2)[..., :k, :], right[..., k:, :]], axis=-2)
    return u * np.conjugate(left), s, vh * right


def phase(vectors: Any, axis: int) -> Any:
    """Return the direction of the weighted sum of each vector."""
    weights = np.sqrt(np.arange(2.0, np.shape(vectors)[axis] + 2)).astype(np.float16)  # lifts no dtype
    total = np.sum(vectors * (weights if axis == -1 else weights[:, None]), axis=axis, keepdims=True)
    return total / np.abs(total)


# Where the arrays do not simply come first, or a name depends on NumPy's version: the user's call
USER_CALLS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.concatenate: lambda *arrays, **params: np.concatenate(arrays, **params),
    np.stack: lambda *arrays, **params: np.stack(arrays, **params),
    np.einsum: lambda *arrays, subscripts, **params: np.einsum(subscripts, *arrays, **params),
    np.where: lambda c, x, y: np.where(np.greater(c, 0), x, y),
    np.reshape: lambda a, shape, **params: np.reshape(a, shape, **params),
    np.linalg.multi_dot: lambda *arrays: np.linalg.multi_dot(arrays),
    np.linalg.eigh: eigh_fixed,
    np.linalg.svd: svd_fixed,
    np.compress: lambda a, **params: np.compress(a=a, **params),
    np.extract: lambda a, **params: np.extract(arr=a, **params),
    np.choose: lambda *choices, a, **params: np.choose(a, choices, **params),
    np.select: lambda *choices, condlist, default=0: np.select(
        condlist, choices[: len(condlist)], *choices[2:], default
    ),
    np.insert: lambda a, values, obj, **params: np.insert(a, obj, values, **params),
    np.apply_along_axis: lambda a, func1d, axis, **params: np.apply_along_axis(func1d, axis, a, **params),
    np.apply_over_axes: lambda a, func, axes: np.apply_over_axes(func, a, axes),
    np.logspace: lambda start, stop, *base, **params: np.logspace(
        start, stop, **dict(zip(("base",), base, strict=False)), **params
    ),
    np.block: lambda a, b: np.block([[a, b], [np.multiply(b, 2), np.multiply(a, 2)]] if np.ndim(a) > 1 else [a, b]),
    np.array: lambda *arrays, **params: np.array(
        arrays[0] if len(arrays) == 1 else [*arrays], like=arrays[0], **params
    ),
    np.full: lambda value, shape, **params: np.full(shape, value, like=value, **params),
    np.zeros: lambda a: np.zeros(np.shape(a), like=a),
    np.ones: lambda a: np.ones(np.shape(a), like=a),
    np.empty: lambda a: np.empty(np.shape(a), like=a),
    np.eye: lambda a: np.eye(2, 3, like=a),
    np.tri: lambda a: np.tri(2, 3, like=a),
    np.identity: lambda a: np.identity(2, like=a),
    np.arange: lambda a: np.arange(3.0, like=a),
    np.fromfunction: lambda a: np.fromfunction(lambda i, j: i + j, (2, 3), like=a),
    np.fromiter: lambda a: np.fromiter([1.0, 2.0], float, like=a),
    np.frombuffer: lambda a: np.frombuffer(b"\1\2", np.uint8, like=a),
    np.fromstring: lambda a: np.fromstring("1 2", sep=" ", like=a),
    np.fromfile: lambda a: np.fromfile("pyproject.toml", np.uint8, like=a),
    np.loadtxt: lambda a: np.loadtxt(["1 2", "3 4"], like=a),
    np.genfromtxt: lambda a: np.genfromtxt(["1 2", "3 4"], like=a),
}
for fn in (np.hstack, np.vstack, np.dstack, np.column_stack):  # one sequence of arrays
    USER_CALLS[fn] = lambda *arrays, fn=fn, **params: fn(arrays, **params)
for fn in (np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require):
    USER_CALLS[fn] = lambda a, fn=fn, **params: fn(a, like=a, **params)
if hasattr(np, "astype"):  # the dtype by place only
    USER_CALLS[np.astype] = lambda x, dtype: np.astype(x, dtype)


@dataclass(frozen=True)
class Call:
    """A call of an op as users write it, but for its arrays."""

    op: Op
    shapes: tuple[tuple[int, ...], ...]
    params: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *arrays: Any) -> Any:
        if self.op.prepare is not None:
            arrays = self.op.prepare(*arrays)
            arrays = arrays if isinstance(arrays, tuple) else (arrays,)
        return USER_CALLS.get(self.op.fn, self.op.fn)(*arrays, **self.params)

    def __str__(self) -> str:
        shapes = "" if self.elementwise else ",".join(str(shape).replace(" ", "") for shape in self.shapes)
        params = ",".join(f"{name}={value}".replace(" ", "") for name, value in self.params.items())
        params = re.sub(r"<function([^<>]+?)at0x\w+>", r"\1", params)  # a function by its name, not its address
        return re.sub(r"at0x\w+", "", "-".join(filter(None, [self.op.name, shapes, params])))

    @property
    def elementwise(self) -> bool:
        """Whether the op takes any shapes that broadcast."""
        return not self.op.cases

    def values(self, seed: int = 0, shapes: Any = None) -> list[np.ndarray]:
        """Return arrays for this call, in the op's domain; see `sample`."""
        return sample(self.op, self.shapes if shapes is None else shapes, seed)


def calls_of(op: Op) -> list[Call]:
    """Return the calls that an op's entry says to test; none if it does not say enough."""
    return [Call(op, shapes, params) for shapes, params in cases_of(op)]


def calls(*kinds: str) -> Iterator[Call]:
    """Return the calls of all ops of some kinds."""
    return (call for op in OPS.values() if op.kind in kinds for call in calls_of(op))


DIFFERENTIABLE = list(calls("rules", "composite"))  # now: doctests of this session register toys later
CONSTANT = list(calls("step"))
PLAIN = [op for op in OPS.values() if op.kind == "plain"]
UNCOVERED = [op.name for op in OPS.values() if op.kind in ("rules", "composite") and not calls_of(op)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that take `call`, `constant` or `plain` once for each of these in the registry."""
    for name, found in (("call", DIFFERENTIABLE), ("constant", CONSTANT)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=str)
    if "plain" in metafunc.fixturenames:
        metafunc.parametrize("plain", PLAIN, ids=lambda op: op.name)


@pytest.fixture(scope="session")
def all_calls() -> list[Call]:
    """Every call of a differentiable op."""
    return DIFFERENTIABLE


@pytest.fixture(scope="session")
def uncovered() -> list[str]:
    """The differentiable ops whose entry shows no call."""
    return UNCOVERED


def weigh(weights: Any, out: Any) -> Any:
    """Return the sum of all elements of a result, or of several, each times its weight; a real number."""
    outs = out if isinstance(out, tuple | list) else [out]
    outs = [np.real(y) + 0.7 * np.imag(y) if np.iscomplexobj(y) else y for y in outs]
    terms = [np.sum(np.multiply(w, y)) for w, y in zip(weights, outs, strict=True)]
    return sum(terms[1:], terms[0])


@dataclass(frozen=True)
class Weighed:
    """A call as a function of numbers to a number: arrays and weights to the weighted sum of its results."""

    call: Call
    outs: int

    def __call__(self, arrays: Any) -> Any:
        return weigh(arrays[: self.outs], self.call(*arrays[self.outs :]))

    def gradients(self, arrays: Any) -> list[Any]:
        """Return the gradient for each array, weights included."""
        leaves = leaves_of(arrays)
        return tg.gradients(self(leaves), leaves)

    def curvature(self, arrays: Any, along: Any) -> list[Any]:
        """Return the Hessian times `along`: the gradient of <gradient, along>."""
        leaves = leaves_of(arrays)
        slopes = tg.gradients(self(leaves), leaves, create_graph=True)
        return tg.gradients(weigh(along, slopes), leaves)


def leaves_of(arrays: Any) -> list[tg.Tensor]:
    """Return leaves that hold the arrays themselves, in whatever memory layout they have."""
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    for leaf, a in zip(leaves, arrays, strict=True):
        leaf.data = a
    return leaves


@pytest.fixture(scope="session")
def weighed() -> Callable[[Call, list[np.ndarray], int], tuple[Weighed, list[np.ndarray]]]:
    """Make a function to a number of a call and its arrays: the function, and weights to put before the arrays."""

    def make(call: Call, arrays: list[np.ndarray], seed: int = 0) -> tuple[Weighed, list[np.ndarray]]:
        out = call(*arrays)
        outs = out if isinstance(out, tuple | list) else [out]
        rng = np.random.default_rng(seed)
        return Weighed(call, len(outs)), [rng.uniform(0.5, 1.5, np.shape(y)) for y in outs]

    return make
