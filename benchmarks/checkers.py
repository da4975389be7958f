"""Who checks: each checker runs a function and its backward pass the way its library wants them, at its defaults.

`check(forward, backward, inputs)` returns a verdict; whatever else is raised is passed on. `through(...)` returns the
gradients as they arrive through the library: some sum, cast or refuse what a backward pass gives.
"""

import importlib.util
import logging
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[..., Any]
Verdict = Literal["right", "wrong", "inconclusive"]
EPS, ATOL, RTOL = 1e-3, 1e-5, 1e-4  # of Chainer's check_backward


class Checker(NamedTuple):
    """A way to check a gradient."""

    library: str
    check: Callable[[Function, Function, tuple[Array, ...]], Verdict]
    through: Callable[[Function, Function, tuple[Array, ...], Array], list[Any]] | None = None


def drawn(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Array:
    """Return a Gaussian array."""
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


# Ours
def verdict_of(check: Callable[[], Any]) -> Verdict:
    """Return the verdict of a gradcheck of ours."""
    from tensorgrad.testing import GradientError, GradientWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)
        try:
            verdict: Verdict = check().verdict
        except GradientError:
            return "wrong"
    return verdict


def by_hand(forward: Function, backward: Function, inputs: tuple[Array, ...]) -> Verdict:
    """Check a backward pass written by hand with ours."""
    from tensorgrad.testing import gradcheck

    return verdict_of(lambda: gradcheck(forward, *inputs, vjp=backward))


def primitive(forward: Function, backward: Function, n: int) -> Function:
    """Return an op of ours of `n` inputs; its rules are the backward pass, each of one gradient."""
    import tensorgrad as tg

    rules: dict[int, Callable[[int], Function]] = {
        1: lambda k: lambda g, out, x: backward(g, out, x)[k],
        2: lambda k: lambda g, out, x, y: backward(g, out, x, y)[k],
        3: lambda k: lambda g, out, x, y, z: backward(g, out, x, y, z)[k],
    }
    forwards: dict[int, Function] = {
        1: lambda x: forward(x),
        2: lambda x, y: forward(x, y),
        3: lambda x, y, z: forward(x, y, z),
    }
    return tg.primitive(*(rules[n](k) for k in range(n)))(forwards[n])


def as_rule(forward: Function, backward: Function, inputs: tuple[Array, ...]) -> Verdict:
    """Check rules of an op of ours."""
    from tensorgrad.testing import gradcheck

    op = primitive(forward, backward, len(inputs))
    return verdict_of(lambda: gradcheck(op, *inputs, order=1))


def through_ours(forward: Function, backward: Function, inputs: tuple[Array, ...], g: Array) -> list[Any]:
    """Return the gradients that our engine makes of a backward pass."""
    import tensorgrad as tg

    leaves = [tg.tensor(x, requires_grad=True) for x in inputs]
    return tg.gradients(primitive(forward, backward, len(inputs))(*leaves), leaves, g)


# Chainer
def directional(forward: Function, backward: Function, inputs: tuple[Array, ...]) -> Verdict:
    """Check along one Gaussian direction of all inputs, of length 1, by a central difference of fixed step.

    It follows the algorithm of chainer.gradient_check.check_backward, as its documentation tells it.
    """
    out = np.asarray(forward(*inputs))
    g = drawn(out.shape, out.dtype)
    grads = backward(g.copy(), out, *inputs)
    if len(grads) != len(inputs):
        return "wrong"
    for d, x in zip(grads, inputs, strict=True):
        if d is None or np.shape(d) != x.shape or np.asarray(d).dtype != x.dtype:
            return "wrong"
    ways = [drawn(x.shape, np.float64, seed + 1) for seed, x in enumerate(inputs)]
    length = np.sqrt(sum(float((u * u).sum()) for u in ways))
    ways = [u / length for u in ways]
    up, down = (
        np.asarray(forward(*((x + s * EPS * u).astype(x.dtype) for x, u in zip(inputs, ways, strict=True))))
        for s in (1, -1)
    )
    measured = (g.astype(np.float64) * (up.astype(np.float64) - down)).sum() / (2 * EPS)
    claimed = sum(float((d * u).sum()) for d, u in zip(grads, ways, strict=True))
    return "right" if np.isclose(claimed, measured, rtol=RTOL, atol=ATOL) else "wrong"


# PyTorch
def shared(a: Any) -> Any:
    """Return a torch tensor in the array's memory; in memory of its own where torch cannot have that."""
    import torch

    a = np.asarray(a)
    return torch.from_numpy(a if a.flags.writeable and min(a.strides, default=0) >= 0 else a.copy())


def as_torch(forward: Function, backward: Function) -> Function:
    """Return a torch function, of torch.autograd.Function, that runs NumPy."""
    import torch

    class Op(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *xs: Any) -> Any:
            out = torch.from_numpy(np.array(forward(*(x.detach().numpy() for x in xs))))
            ctx.save_for_backward(out, *xs)
            return out

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            out, *xs = (t.detach().numpy() for t in ctx.saved_tensors)
            grads = backward(g.detach().numpy(), out, *xs)
            return tuple(None if d is None else shared(d) for d in grads)

    return Op.apply


def in_torch(fast: bool) -> Callable[[Function, Function, tuple[Array, ...]], Verdict]:
    """Return torch.autograd.gradcheck, slow (the default) or fast."""

    def check(forward: Function, backward: Function, inputs: tuple[Array, ...]) -> Verdict:
        import torch
        from torch.autograd.gradcheck import GradcheckError

        torch.manual_seed(0)
        xs = [shared(x).requires_grad_() for x in inputs]
        try:
            torch.autograd.gradcheck(as_torch(forward, backward), xs, fast_mode=fast)
        except GradcheckError:
            return "wrong"
        return "right"

    return check


def through_torch(forward: Function, backward: Function, inputs: tuple[Array, ...], g: Array) -> list[Any]:
    """Return the gradients that torch makes of a backward pass."""
    import torch

    xs = [shared(x).requires_grad_() for x in inputs]
    grads = torch.autograd.grad(as_torch(forward, backward)(*xs), xs, torch.from_numpy(g), allow_unused=True)
    return [None if d is None else d.numpy() for d in grads]


# JAX
def as_jax(forward: Function, backward: Function, inputs: tuple[Array, ...]) -> Function:
    """Return a JAX function, of jax.custom_vjp, that calls back to NumPy."""
    import jax

    jax.config.update("jax_enable_x64", True)
    logging.getLogger("jax._src.callback").setLevel(logging.CRITICAL)  # it prints what is raised, and raises it

    def like(a: Any) -> Any:
        return jax.ShapeDtypeStruct(np.shape(a), np.asarray(a).dtype)

    def numpy(xs: Any) -> list[Array]:
        return [np.asarray(x) for x in xs]

    out = np.asarray(forward(*inputs))
    forms: list[Any] = []  # of the gradients: found when they are first asked for

    @jax.custom_vjp
    def f(*xs: Any) -> Any:
        return jax.pure_callback(lambda *a: np.asarray(forward(*numpy(a))), like(out), *xs)

    def there(*xs: Any) -> Any:
        y = f(*xs)
        return y, (y, xs)

    def back(kept: Any, g: Any) -> Any:
        y, xs = kept
        if not forms:
            copies = [x.copy() for x in inputs]
            forms.extend(None if d is None else like(d) for d in backward(np.ones_like(out), out.copy(), *copies))
        known = [form for form in forms if form is not None]

        def call(g: Any, y: Any, *xs: Any) -> Any:
            grads = backward(*numpy((g, y, *xs)))
            return tuple(np.asarray(d) for d in grads if d is not None)

        found = iter(jax.pure_callback(call, tuple(known), g, y, *xs))
        return tuple(None if form is None else next(found) for form in forms)

    f.defvjp(there, back)
    return f


def in_jax(forward: Function, backward: Function, inputs: tuple[Array, ...]) -> Verdict:
    """Check with jax.test_util.check_grads."""
    from jax.test_util import check_grads

    try:
        check_grads(as_jax(forward, backward, inputs), inputs, order=1, modes=["rev"])
    except AssertionError:
        return "wrong"
    return "right"


def through_jax(forward: Function, backward: Function, inputs: tuple[Array, ...], g: Array) -> list[Any]:
    """Return the gradients that JAX makes of a backward pass."""
    import jax

    return [np.asarray(d) for d in jax.vjp(as_jax(forward, backward, inputs), *inputs)[1](g)]


# autograd
def as_autograd(forward: Function, backward: Function, n: int) -> Function:
    """Return a function of HIPS autograd, made with its primitive and defvjp."""
    from autograd.extend import defvjp, primitive

    f = primitive(lambda *xs: forward(*xs))
    defvjp(f, *(lambda out, *xs, k=k: lambda g: backward(g, out, *xs)[k] for k in range(n)))
    return f


def in_autograd(forward: Function, backward: Function, inputs: tuple[Array, ...]) -> Verdict:
    """Check with autograd.test_util.check_grads."""
    from autograd.test_util import check_grads

    np.random.seed(0)  # it draws from NumPy's global state
    try:
        check_grads(as_autograd(forward, backward, len(inputs)), modes=["rev"], order=1)(*inputs)
    except AssertionError:
        return "wrong"
    return "right"


def through_autograd(forward: Function, backward: Function, inputs: tuple[Array, ...], g: Array) -> list[Any]:
    """Return the gradients that autograd makes of a backward pass."""
    from autograd import make_vjp

    f = as_autograd(forward, backward, len(inputs))
    return [make_vjp(f, k)(*inputs)[0](g) for k in range(len(inputs))]


CHECKERS = {
    "ours, a rule": Checker("tensorgrad", as_rule, through_ours),
    "ours, by hand": Checker("tensorgrad", by_hand),
    "torch slow": Checker("torch", in_torch(fast=False), through_torch),
    "torch fast": Checker("torch", in_torch(fast=True), through_torch),
    "JAX": Checker("jax", in_jax, through_jax),
    "autograd": Checker("autograd", in_autograd, through_autograd),
    "Chainer-style": Checker("numpy", directional),
}


def installed() -> dict[str, Checker]:
    """Return the checkers whose library is installed, without importing it."""
    return {name: c for name, c in CHECKERS.items() if importlib.util.find_spec(c.library)}
