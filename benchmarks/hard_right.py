"""Right gradients that are hard to check: a checker that accuses one of them raises a false alarm.

Oscillations, scales, cancellation, saturation, kinks beside and under the input, poles, flat places, ill-conditioned
matrices, single and half precision, layouts. Each is a function, its right gradient and inputs, as in functions.py.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.layers import inv_backward, softmax, softmax_backward, solve_backward
from benchmarks.special import Array, At, logsumexp, product, shared, slope

SOME = np.array([0.126, -0.132, 0.64, 0.105, -1.536])
SINGLE = SOME.astype(np.float32)
COLUMN = np.random.default_rng(0).standard_normal(2000)


def of(name: str, forward: Callable[..., Any], derivative: Callable[..., Any], *numbers: float) -> At:
    """Return an elementwise function at some numbers; derivative: a function of x."""
    x = np.array(numbers) if numbers else SOME
    return At(name, forward, slope(lambda _out, x: derivative(x)), (x,))


def at(name: str, forward: Callable[..., Any], derivative: Callable[..., Any], x: Any) -> At:
    """Return an elementwise function at an array; derivative: a function of the result and of x."""
    return At(name, forward, slope(derivative), (np.asarray(x),))


def whole(name: str, forward: Callable[..., Any], gradient: Callable[..., Any], *inputs: Array) -> At:
    """Return a function with one number for result; gradient: a function of x."""
    return At(name, forward, lambda g, _out, x: (g * gradient(x),), inputs)


def logistic(x: Array) -> Array:
    """Return the logistic function."""
    return 1 / (1 + np.exp(-x))


def step(x: Array) -> Array:
    """Return 1 where x is positive, else 0."""
    return (x > 0).astype(x.dtype)


def norm(x: Array) -> Any:
    """Return the Euclidean norm."""
    return np.sqrt((x * x).sum())


def readonly(x: Array) -> Array:
    """Return a copy that nobody may write to."""
    x = x.copy()
    x.flags.writeable = False
    return x


def scaled(x: Array) -> Array:
    """Return the gradient of the variance."""
    centred: Array = x - x.mean()
    return 2 * centred / x.dtype.type(x.size)


def rosenbrock(x: Array) -> Any:
    """Return Rosenbrock's function of two numbers."""
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def rosenbrock_gradient(x: Array) -> Array:
    """Return its gradient."""
    inner = 200 * (x[1] - x[0] ** 2)
    return np.array([-2 * x[0] * inner - 2 * (1 - x[0]), inner])


def cofactors(a: Array) -> Array:
    """Return the gradient of the determinant of a 2x2 matrix."""
    return np.array([[a[1, 1], -a[1, 0]], [-a[0, 1], a[0, 0]]])


def eigenvalues_backward(g: Array, _out: Array, a: Array) -> tuple[Array]:
    """Return the gradient of the eigenvalues of a matrix's symmetric part."""
    v = np.linalg.eigh((a + a.T) / 2)[1]
    return ((v * g) @ v.T,)


def cumprod_backward(g: Array, _out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of cumprod, whatever is 0."""
    n = x.size
    jacobian = [[np.prod(np.delete(x[: i + 1], j)) if j <= i else 0.0 for j in range(n)] for i in range(n)]
    return (g @ np.array(jacobian),)


def sort_backward(g: Array, _out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of sort."""
    d = np.empty_like(g)
    d[np.argsort(x)] = g
    return (d,)


OSCILLATIONS = (
    of("sin 300 x", lambda x: np.sin(300 * x), lambda x: 300 * np.cos(300 * x)),
    of("sin 1e4 x", lambda x: np.sin(1e4 * x), lambda x: 1e4 * np.cos(1e4 * x)),
    of("sin 1e8 x", lambda x: np.sin(1e8 * x), lambda x: 1e8 * np.cos(1e8 * x)),
    of("sin 1/x", lambda x: np.sin(1 / x), lambda x: -np.cos(1 / x) / x**2, 0.01, 0.3, -0.002),
    of("ripple of 1e-9", lambda x: x + 1e-9 * np.sin(1e6 * x), lambda x: 1 + 1e-3 * np.cos(1e6 * x)),
    of("wave packet", lambda x: np.cos(50 * x) * np.exp(-x * x),
       lambda x: (-50 * np.sin(50 * x) - 2 * x * np.cos(50 * x)) * np.exp(-x * x)),
)  # fmt: skip
SCALES = (
    of("cube of 1e-6 beside 1", lambda x: x**3, lambda x: 3 * x**2, 1e-6, 1.0, 1e3, -1e-9),
    of("square of 1e150 beside 1e-150", np.square, lambda x: 2 * x, 1e150, -1e100, 1e-150, 1.0),
    of("exp times 1e-200", lambda x: 1e-200 * np.exp(x), lambda x: 1e-200 * np.exp(x)),
    of("exp times 1e200", lambda x: 1e200 * np.exp(x), lambda x: 1e200 * np.exp(x)),
    of("reciprocal of 1e-8 and 1e8", np.reciprocal, lambda x: -1 / x**2, 1e-8, 1e8, 1.0),
    of("50th power", lambda x: x**50, lambda x: 50 * x**49, 0.5, 1.0, 1.3),
    of("root of 1e-300", np.sqrt, lambda x: 0.5 / np.sqrt(x), 1e-300, 1e-20, 1.0),
    of("power 1.5 near 0", lambda x: x**1.5, lambda x: 1.5 * np.sqrt(x), 1e-12, 1e-6, 1.0),
    of("exp -1/x²", lambda x: np.exp(-1 / x**2), lambda x: 2 * np.exp(-1 / x**2) / x**3, 0.05, 0.1, 1.0),
    whole("norm of 1e-12", norm, lambda x: x / norm(x), 1e-12 * SOME),
    whole("sum of squares, mixed", lambda x: (x * x).sum(), lambda x: 2 * x, np.array([1e3, 1.0, 1e-3])),
)
CANCELLATION = (
    of("x + 1e8 - 1e8", lambda x: (x + 1e8) - 1e8, np.ones_like),
    of("x + 1e13 - 1e13", lambda x: (x + 1e13) - 1e13, np.ones_like),
    of("tanh + 1e6", lambda x: np.tanh(x) + 1e6, lambda x: 1 / np.cosh(x) ** 2),
    of("1 - cos near 0", lambda x: 1 - np.cos(x), np.sin, 1e-7, 1e-4, 1.0),
    of("x - sin near 0", lambda x: x - np.sin(x), lambda x: 2 * np.sin(x / 2) ** 2, 1e-4, 1e-2, 1.0),
    of("(exp - 1) / x near 0", lambda x: (np.exp(x) - 1) / x, lambda x: (np.exp(x) - np.expm1(x) / x) / x,
       1e-7, 1e-5, 1.0),
    whole("variance around 1e6", np.var, scaled, SOME + 1e6),
    whole("variance as a difference", lambda x: (x * x).mean() - x.mean() ** 2, scaled, SOME + 1e3),
    whole("logsumexp of 1,000", logsumexp, lambda x: softmax(x), SOME + 1000),
)  # fmt: skip
SATURATION = (
    of("tanh of 25", np.tanh, lambda x: 1 / np.cosh(x) ** 2, -3.0, 25.0, 0.1),
    of("sigmoid of 30", logistic, lambda x: logistic(x) * logistic(-x), 30.0, -30.0, 0.5),
    of(
        "softplus of 800",
        lambda x: np.logaddexp(0, x),
        lambda x: np.exp(-np.logaddexp(0, -x)),
        -800.0,
        -30.0,
        0.5,
        800.0,
    ),
    At("softmax of huge logits", softmax, softmax_backward, (np.array([[1e3, 0.0, 999.0, -5e3]]),)),
    whole("logsumexp far apart", logsumexp, lambda x: softmax(x), np.array([1e3, 0.0, -1e3, 999.0])),
)
KINKS = (
    of("relu beside 0", lambda x: np.maximum(x, 0), step, 1e-12, -1e-12, 3.0),
    of("relu of x - 1 beside 1", lambda x: np.maximum(x - 1, 0), lambda x: step(x - 1), 1 + 1e-6, 1 - 1e-9, 5.0),
    of("relu at 0", lambda x: np.maximum(x, 0), step, 0.0, 1.0, -2.0),
    of("abs at 0", np.abs, np.sign, 0.0, -0.3, 1e-15),
    whole("abs of 1e-9 beside 1e3", lambda x: np.abs(x).sum(), np.sign, np.array([1e-9, 1e3])),
    of("clip beside its limits", lambda x: np.clip(x, -1, 1), lambda x: step(1 - np.abs(x)), 1 - 1e-9, 1 + 1e-9, 0.2),
    of("clip at its limits", lambda x: np.clip(x, -1, 1), lambda x: step(1 - np.abs(x)), 1.0, -1.0, 0.2),
    of("Huber at its joints", lambda x: np.where(np.abs(x) <= 1, x * x / 2, np.abs(x) - 0.5),
       lambda x: np.clip(x, -1, 1), 1.0, -1.0, 0.5, 1 + 1e-9),
    At("max with ties", lambda x: x.max(axis=1), shared, (np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]),)),
    whole("max near a tie", np.max, lambda x: (x == x.max()).astype(float), np.array([1.0, 1 + 1e-10, 0.5])),
    At("sort near ties", np.sort, sort_backward, (np.array([1.0, 1 + 1e-9, 1 - 1e-9, 1.5]),)),
    of("x |x| at 0", lambda x: x * np.abs(x), lambda x: 2 * np.abs(x), 0.0, 1.0, -1e-5),
    of("floor plus x, beside a step", lambda x: np.floor(x) + x, np.ones_like, 1 + 1e-9, 2 - 1e-9, 0.3),
    of("stairs of 1e-3", lambda x: np.floor(1e3 * x) / 1e3 + 0 * x, np.zeros_like),
    of("remainder", lambda x: np.mod(x, 1.0), np.ones_like),
)  # fmt: skip
POLES = (
    of("log of 1e-9", np.log, lambda x: 1 / x, 1e-9, 1.0),
    of("log of 1e-300", np.log, lambda x: 1 / x, 1e-300, 1.0),
    of("tan beside its pole", np.tan, lambda x: 1 / np.cos(x) ** 2, np.pi / 2 - 1e-4, 0.3),
    of("arcsin beside 1", np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x)), 1 - 1e-9, 0.1),
    At("arctan2 beside its cut", np.arctan2, lambda g, _out, y, x: (g * x / (x * x + y * y), -g * y / (x * x + y * y)),
       (np.array([1e-9, 1.0]), np.array([-1.0, 1e-9]))),
)  # fmt: skip
FLAT = (
    whole(
        "square at its minimum",
        lambda x: ((x - 1.5) ** 2).sum(),
        lambda x: 2 * (x - 1.5),
        np.array([1.5, 1.5 + 1e-9, 0.0]),
    ),
    whole("Rosenbrock's minimum", rosenbrock, rosenbrock_gradient, np.ones(2)),
    of("4th power at 0", lambda x: x**4, lambda x: 4 * x**3, 0.0, 0.0, 1e-3),
    whole("sum of a softmax", lambda x: softmax(x).sum(), np.zeros_like, SOME),
    whole("product with a zero", np.prod, lambda x: product(np.ones(()), x, x)[0], np.array([2.0, 0.0, 3.0])),
    At("cumprod with a zero", np.cumprod, cumprod_backward, (np.array([2.0, 0.0, 3.0, 0.5]),)),
)
MATRICES = (
    whole("determinant, nearly singular", np.linalg.det, cofactors, np.array([[1.0, 2.0], [2.0, 4 + 1e-8]])),
    At("inverse, nearly singular", np.linalg.inv, inv_backward, (np.array([[1.0, 2.0], [2.0, 4 + 1e-4]]),)),
    At("solve with Vandermonde's", np.linalg.solve, solve_backward,
       (np.vander(np.linspace(0.2, 1, 4)), np.ones((4, 1)))),
    At("eigenvalues, nearly equal", lambda a: np.linalg.eigvalsh((a + a.T) / 2), eigenvalues_backward,
       (np.diag([1.0, 1 + 1e-5, 2.0]),)),
)  # fmt: skip
PRECISION = (
    at("float32 exp of 80", np.exp, lambda out, _x: out, np.array([80.0, -80.0, 1.0], np.float32)),
    at(
        "float32 x + 1e6 - 1e6",
        lambda x: (x + np.float32(1e6)) - np.float32(1e6),
        lambda _out, x: np.ones_like(x),
        SINGLE,
    ),
    at("float32 sin 100 x", lambda x: np.sin(100 * x), lambda _out, x: 100 * np.cos(100 * x), SINGLE),
    at("float32 1 - cos", lambda x: 1 - np.cos(x), lambda _out, x: np.sin(x), np.array([1e-3, 1e-2, 1.0], np.float32)),
    at("float32 cube of 1e-6", lambda x: x**3, lambda _out, x: 3 * x**2, np.array([1e-6, 1.0], np.float32)),
    at("float32 square of 1e18", np.square, lambda _out, x: 2 * x, np.array([1e18, 1e-18], np.float32)),
    whole("float32 variance around 100", np.var, scaled, SINGLE + 100),
    At("float32 softmax of 50s", softmax, softmax_backward, (50 * SINGLE[None],)),
    whole("float32 norm of 1e-3", norm, lambda x: x / norm(x), 1e-3 * SINGLE),
    whole("float32 mean of 2,000", lambda x: np.mean(x * x), lambda x: 2 * x / 2000, COLUMN.astype(np.float32)),
    at("float16 tanh", np.tanh, lambda out, _x: 1 - out * out, SOME.astype(np.float16)),
)
FORMS = (
    at("no axes", np.sin, lambda _out, x: np.cos(x), 0.3),
    at("no elements", np.sin, lambda _out, x: np.cos(x), np.zeros((0, 3))),
    at("whole numbers", np.square, lambda _out, x: 2 * x, np.array([1.0, 2.0, 0.0, -3.0])),
    at("Fortran's order", np.sin, lambda _out, x: np.cos(x), np.asfortranarray(COLUMN[:12].reshape(4, 3))),
    at("every other element, reversed", np.sin, lambda _out, x: np.cos(x), COLUMN[:10][::-2]),
    at("read-only", np.sin, lambda _out, x: np.cos(x), readonly(SOME)),
    whole("100,000 elements", lambda x: (x**3).mean(), lambda x: 3 * x**2 / x.size, np.tile(COLUMN, 50)),
)

HARD = {
    case.name: case
    for group in (OSCILLATIONS, SCALES, CANCELLATION, SATURATION, KINKS, POLES, FLAT, MATRICES, PRECISION, FORMS)
    for case in group
}
