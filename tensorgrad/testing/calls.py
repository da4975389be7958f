"""The calls that show what an op does, as users write them: made from its entry, with arrays from its domain."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from tensorgrad.op import OPS, Case, Each, Interval, Op

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

SHAPES = ((2, 3), (3,), (2, 1), ())  # that an elementwise op is shown with
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "contiguous": lambda a: np.array(a, order="C"),
    "Fortran's order": lambda a: np.array(a, order="F"),
    "strided": lambda a: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a,
    "reversed": lambda a: np.flip(np.flip(a).copy()),
    "read-only": lambda a: read_only(a.copy()),
}


def read_only(a: Array) -> Array:
    """Return the array itself, made read-only."""
    a.setflags(write=False)
    return a


@dataclass(frozen=True)
class Call:
    """A call of an op as users write it, but for its arrays."""

    op: Op
    shapes: tuple[Shape, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def __call__(self, *arrays: Any) -> Any:
        """Call the function on what it takes, made of the arrays."""
        return FORMS.get(self.op.fn, self.op.fn)(*self.arguments(arrays), **self.params)

    def __str__(self) -> str:
        shapes = "" if self.elementwise else ",".join(str(shape).replace(" ", "") for shape in self.shapes)
        params = ",".join(f"{name}={value}".replace(" ", "") for name, value in self.params.items())
        params = re.sub(r"<function([^<>]+?)at0x\w+>", r"\1", params)  # a function by its name, not its address
        return re.sub(r"at0x\w+", "", "-".join(filter(None, [self.op.name, shapes, params])))

    def __repr__(self) -> str:
        return f"<call of {self}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002  # as Hypothesis prints it
        printer.text(repr(self))

    @property
    def __name__(self) -> str:
        """The name of its function, as reports show it."""
        return self.op.name

    @property
    def elementwise(self) -> bool:
        """Whether the op takes any shapes that broadcast."""
        return not self.op.cases

    def arguments(self, arrays: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what the function takes, made of arrays: a symmetric matrix of any, say."""
        if self.op.prepare is None:
            return arrays
        made = self.op.prepare(*arrays)
        return made if isinstance(made, tuple) else (made,)

    def values(self, seed: int = 0, shapes: Any = None) -> list[Array]:
        """Return arrays for this call, in the op's domain; see `sample`."""
        return sample(self.op, self.shapes if shapes is None else shapes, seed)


def cases_of(op: Op) -> list[Case]:
    """Return the calls that an op's entry says to test, as shapes and parameters; none if it does not say enough."""
    if op.cases:
        return list(op.cases)
    if op.kind == "composite" or isinstance(op.vjps, Each):
        return []
    n = len(op.vjps) or (op.fn.nin if isinstance(op.fn, np.ufunc) else 1)
    return [(SHAPES[:n], {})]


def calls_of(op: Op) -> list[Call]:
    """Return the calls that an op's entry says to test; none if it does not say enough."""
    return [Call(op, shapes, params) for shapes, params in cases_of(op)]


def calls(*kinds: str) -> Iterator[Call]:
    """Return the calls of all ops of some kinds."""
    return (call for op in OPS.values() if op.kind in kinds for call in calls_of(op))


def domains_of(op: Op, n: int) -> tuple[Interval, ...]:
    """Return the interval that the elements of each of `n` arrays are from."""
    domain: Any = op.domain
    return domain if isinstance(domain[0], tuple) else (domain,) * n


@lru_cache(maxsize=1024)
def points(low: float, high: float, n: int) -> tuple[float, ...]:
    """Return multiples of a power of two between two numbers, of `n` absolute values or more, simplest first; never 0.

    >>> points(-2.0, 2.0, 4)
    (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1.5, -1.5)
    """
    step = 1.0
    while True:
        found = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1) if k]
        if len({abs(x) for x in found}) >= n:
            return tuple(sorted(found, key=lambda x: (x.as_integer_ratio()[1], abs(x), x < 0)))
        step /= 2


def sample(op: Op, shapes: Any, seed: int = 0) -> list[Array]:
    """Return arrays for a call, in the op's domain, of which no two elements tie, even in size, or are 0.

    They are taken from `points`, in an order that `seed` says.
    """
    sizes = [math.prod(shape) for shape in shapes]
    rng, taken, arrays = np.random.default_rng(seed), set[float](), []
    for (low, high), shape, size in zip(domains_of(op, len(shapes)), shapes, sizes, strict=True):
        free = {abs(x): x for x in rng.permutation(points(low, high, sum(sizes) + 2)) if abs(x) not in taken}
        chosen = list(free.values())[:size]
        taken.update(map(abs, chosen))
        arrays.append(np.array(chosen, float).reshape(shape))
    return arrays


# Where the call is not simply of the arrays


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


# Where the arrays do not simply come first, or a name depends on NumPy's version
FORMS: dict[Callable[..., Any], Callable[..., Any]] = {
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
        condlist, list(choices[: len(condlist)]), *choices[len(condlist) :] or (default,)
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
    np.fromfile: lambda a: np.fromfile(__file__, np.uint8, like=a),
    np.loadtxt: lambda a: np.loadtxt(["1 2", "3 4"], like=a),
    np.genfromtxt: lambda a: np.genfromtxt(["1 2", "3 4"], like=a),
}
joining: tuple[Any, ...] = (np.hstack, np.vstack, np.dstack, np.column_stack)
for join in joining:  # one sequence of arrays
    FORMS[join] = lambda *arrays, fn=join, **params: fn(arrays, **params)
making: tuple[Any, ...] = (np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require)
for make in making:
    FORMS[make] = lambda a, fn=make, **params: fn(a, like=a, **params)
if hasattr(np, "astype"):  # the dtype by place only
    FORMS[np.astype] = lambda x, dtype: np.astype(x, dtype)
