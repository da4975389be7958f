"""Rules with a right gradient and a wrong derivative of it, and how each library checks such a rule.

Rules are written once, over a module `xp` of NumPy's names: tensorgrad's tensors take NumPy itself, the peers bring
theirs. Every mistake leaves the values of the gradient as they are: only its graph is wrong.
"""
# ruff: noqa: ARG001, ARG005  a backward pass names all that it is given

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.functions import Array, drawn

Rule = Callable[..., Any]  # rule(xp, g, out, *inputs)
Change = Callable[..., Any]  # change(xp, constant, rule, g, out, *inputs); constant(t): its value without its graph


class Differentiable(NamedTuple):
    """A function of tensors, a rule for each input, and where they are run."""

    name: str
    forward: Callable[..., Any]  # forward(xp, *inputs)
    rules: tuple[Rule, ...]
    inputs: tuple[Array, ...]


def transposed(xp: Any, x: Any) -> Any:
    """Return the transpose of a matrix."""
    return xp.swapaxes(x, 0, 1)


def softmax(xp: Any, x: Any) -> Any:
    """Return each row's exponentials, divided by their sum."""
    e = xp.exp(x)
    return e / xp.sum(e, axis=1, keepdims=True)


def softmax_rule(xp: Any, g: Any, out: Any, _x: Any) -> Any:
    """Return the gradient of softmax."""
    return out * (g - xp.sum(g * out, axis=1, keepdims=True))


POSITIVE, ANY = drawn(40, (3, 4), low=0.4), drawn(41, (3, 4))
FUNCTIONS = (
    Differentiable("exp", lambda xp, x: xp.exp(x), (lambda xp, g, out, x: g * out,), ANY),
    Differentiable("log", lambda xp, x: xp.log(x), (lambda xp, g, out, x: g / x,), POSITIVE),
    Differentiable("sqrt", lambda xp, x: xp.sqrt(x), (lambda xp, g, out, x: g * 0.5 / out,), POSITIVE),
    Differentiable("tanh", lambda xp, x: xp.tanh(x), (lambda xp, g, out, x: g * (1 - out * out),), ANY),
    Differentiable("sigmoid", lambda xp, x: 1 / (1 + xp.exp(-x)), (lambda xp, g, out, x: g * out * (1 - out),), ANY),
    Differentiable("sin", lambda xp, x: xp.sin(x), (lambda xp, g, out, x: g * xp.cos(x),), ANY),
    Differentiable("cube", lambda xp, x: x**3, (lambda xp, g, out, x: g * 3 * x * x,), ANY),
    Differentiable("reciprocal", lambda xp, x: 1 / x, (lambda xp, g, out, x: -g * out * out,), POSITIVE),
    Differentiable("sum of squares", lambda xp, x: xp.sum(x * x), (lambda xp, g, out, x: g * 2 * x,), ANY),
    Differentiable(
        "product",
        lambda xp, x, y: x * y,
        (lambda xp, g, out, x, y: g * y, lambda xp, g, out, x, y: g * x),
        drawn(42, (3, 4), (3, 4)),
    ),
    Differentiable(
        "matmul",
        lambda xp, x, w: x @ w,
        (lambda xp, g, out, x, w: g @ transposed(xp, w), lambda xp, g, out, x, w: transposed(xp, x) @ g),
        drawn(43, (3, 4), (4, 2)),
    ),
    Differentiable("softmax", softmax, (softmax_rule,), ANY),
)


def curved(change: Callable[[Any, Array], Any]) -> Change:
    """Return the mistake that multiplies the derivatives of a rule, not its values, by 1 + change(xp, x)."""

    def mistake(xp: Any, constant: Any, rule: Rule, g: Any, out: Any, *inputs: Any) -> Any:
        d = rule(xp, g, out, *inputs)
        return d + change(xp, constant(inputs[0])) * (d - constant(d))

    return mistake


def last(xp: Any, x: Any) -> Any:
    """Return a mask of the largest element."""
    return xp.where(x == xp.max(x), 1.0, 0.0)


KINDS: dict[str, Change] = {
    "second derivative dropped": curved(lambda xp, x: -1.0),
    "second derivative of wrong sign": curved(lambda xp, x: -2.0),
    "second derivative half as large": curved(lambda xp, x: -0.5),
    "second derivative wrong by 1 %": curved(lambda xp, x: 0.01),
    "second derivative wrong for negative inputs": lambda xp, constant, rule, g, out, *inputs: (
        curved(lambda xp, x: xp.where(x < 0, 0.5, 0.0))(xp, constant, rule, g, out, *inputs)
        if all(x.shape == out.shape for x in inputs)
        else rule(xp, g, out, *inputs)
    ),
    "second derivative wrong in one element": lambda xp, constant, rule, g, out, *inputs: (
        curved(last)(xp, constant, rule, g, out, *inputs)
        if all(x.shape == out.shape for x in inputs)
        else rule(xp, g, out, *inputs)
    ),
    "result taken for a constant": lambda xp, constant, rule, g, out, *inputs: rule(xp, g, constant(out), *inputs),
    "inputs taken for constants": lambda xp, constant, rule, g, out, *inputs: rule(
        xp, g, out, *(constant(x) for x in inputs)
    ),
    "cotangent taken for a constant": lambda xp, constant, rule, g, out, *inputs: rule(xp, constant(g), out, *inputs),
}


def right(xp: Any, constant: Any, rule: Rule, *arguments: Any) -> Any:
    """Change nothing."""
    return rule(xp, *arguments)


# Ours
def value(t: Any) -> Any:
    """Return a tensor's array."""
    import tensorgrad as tg

    return t.data if isinstance(t, tg.Tensor) else t


def as_ours(f: Differentiable, change: Change) -> Callable[..., Any]:
    """Return an op of ours."""
    import tensorgrad as tg

    if len(f.inputs) == 1:
        return tg.primitive(lambda g, out, x: change(np, value, f.rules[0], g, out, x))(lambda x: f.forward(np, x))
    rules = (
        lambda g, out, x, y: change(np, value, f.rules[0], g, out, x, y),
        lambda g, out, x, y: change(np, value, f.rules[1], g, out, x, y),
    )
    return tg.primitive(*rules)(lambda x, y: f.forward(np, x, y))


def ours(f: Differentiable, change: Change) -> str:
    """Check with gradcheck, which looks at the second order unless told not to."""
    from benchmarks.checkers import verdict_of
    from tensorgrad.testing import gradcheck

    return verdict_of(lambda: gradcheck(as_ours(f, change), *f.inputs))


def second_derivatives(f: Differentiable, change: Change) -> list[Array]:
    """Return the derivatives of <u, gradient> for cotangent and inputs, as our engine finds them."""
    import tensorgrad as tg

    rng = np.random.default_rng(0)
    xs = [tg.tensor(x, requires_grad=True) for x in f.inputs]
    y = as_ours(f, change)(*xs)
    v = tg.tensor(rng.standard_normal(y.shape), requires_grad=True)
    grads = tg.gradients(y, xs, v, create_graph=True)
    total = [np.zeros(t.shape) for t in (*xs, v)]
    for d in grads:
        if isinstance(d, tg.Tensor) and d.requires_grad:
            terms = tg.gradients(d, [*xs, v], rng.standard_normal(d.shape))
            total = [a + b for a, b in zip(total, terms, strict=True)]
    return total


# Peers
def in_torch(fast: bool) -> Callable[[Differentiable, Change], str]:
    """Return torch.autograd.gradgradcheck, slow (the default) or fast."""

    def check(f: Differentiable, change: Change) -> str:
        import torch
        from torch.autograd.gradcheck import GradcheckError

        class Op(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *xs: Any) -> Any:
                out = f.forward(torch, *xs)
                ctx.save_for_backward(out, *xs)
                return out

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                grads = (change(torch, torch.detach, rule, g, *ctx.saved_tensors) for rule in f.rules)
                return tuple(grads)

        torch.manual_seed(0)
        try:
            xs = [torch.from_numpy(x).requires_grad_() for x in f.inputs]
            torch.autograd.gradgradcheck(Op.apply, xs, fast_mode=fast)
        except GradcheckError:
            return "wrong"
        return "right"

    return check


def in_jax(f: Differentiable, change: Change) -> str:
    """Check with jax.test_util.check_grads to order 2."""
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    @jax.custom_vjp
    def op(*xs: Any) -> Any:
        return f.forward(jnp, *xs)

    def there(*xs: Any) -> Any:
        out = op(*xs)
        return out, (out, xs)

    def back(kept: Any, g: Any) -> Any:
        out, xs = kept
        return tuple(change(jnp, jax.lax.stop_gradient, rule, g, out, *xs) for rule in f.rules)

    op.defvjp(there, back)
    try:
        check_grads(op, f.inputs, order=2, modes=["rev"])
    except AssertionError:
        return "wrong"
    return "right"


def in_autograd(f: Differentiable, change: Change) -> str:
    """Check with autograd.test_util.check_grads to order 2, its default."""
    import autograd.numpy as anp
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads
    from autograd.tracer import getval

    def constant(t: Any) -> Any:
        while t is not getval(t):
            t = getval(t)
        return t

    op = primitive(lambda *xs: f.forward(np, *xs))
    makers = [
        lambda out, *xs, rule=rule: lambda g: change(anp, constant, rule, g, out, *xs) for rule in f.rules
    ]  # fmt: skip
    defvjp(op, *makers)
    np.random.seed(0)  # it draws from NumPy's global state
    try:
        check_grads(op, modes=["rev"], order=2)(*f.inputs)
    except AssertionError:
        return "wrong"
    return "right"


CHECKERS: dict[str, Callable[[Differentiable, Change], str]] = {
    "ours, a rule": ours,
    "torch slow": in_torch(fast=False),
    "torch fast": in_torch(fast=True),
    "JAX": in_jax,
    "autograd": in_autograd,
}


def mutants() -> Iterator[tuple[str, Differentiable, Change]]:
    """Yield kind, function and mistake, for all of which a second derivative is really wrong."""
    for f in FUNCTIONS:
        expected = second_derivatives(f, right)
        for kind, change in KINDS.items():
            found = second_derivatives(f, change)
            if not all(np.allclose(a, b, rtol=1e-7, atol=1e-9) for a, b in zip(found, expected, strict=True)):
                yield kind, f, change
