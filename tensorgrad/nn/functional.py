"""Activations and their relatives, of arrays or tensors: each one step in the graph, stable for any input."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.backends import getitem, zero
from tensorgrad.op import OPS, Case
from tensorgrad.primitive import primitive
from tensorgrad.rules.linalg import matmul_left, matmul_right, product
from tensorgrad.rules.reduce import expand

Activation = Callable[[Any], Any]
Layer = Callable[[Any, Any, Any], Any]

ROWS: list[Case] = [(((2, 3),), {}), (((2, 3),), {"axis": 0}), (((4,),), {})]


def linear(x: Any) -> Any:
    """Return x."""
    return x


def left(g: Any, _z: Any, _x: Any, w: Any, _b: Any) -> Any:
    """Return the gradient of x in x @ w + b."""
    if type(g) is type(w) is ndarray and g.ndim == 2:
        return w.dot(g.T).T if len(g) > TALL * len(w) else g.dot(w.T)
    return matmul_left(g, _z, _x, w)


def right(g: Any, _z: Any, x: Any, _w: Any, _b: Any) -> Any:
    """Return the gradient of w in x @ w + b."""
    return x.T.dot(g) if type(g) is type(x) is ndarray and g.ndim == 2 else matmul_right(g, _z, x, _w)


# So many rows for each column, and a product comes laid out by columns: NumPy adds a bias, row by row, in six times the
# time that it takes column by column.
TALL = 32
AFFINE = left, right, lambda g, _z, _x, _w, _b: g
ndarray = np.ndarray
LAYERS: dict[str, Any] = {
    "signature": "(m?,k),(k,n),(n)->(m?,n)",
    "cases": [(((2, 3), (3, 4), (4,)), {}), (((3,), (3, 4), (4,)), {}), (((5, 2, 3), (3, 4), (4,)), {})],
}


@primitive(*AFFINE, **LAYERS)
def affine(x: Any, w: Any, b: Any) -> Any:
    """Return x @ w + b, in one step.   x: (..., k), w: (k, n), b: (n,) -> (..., n)."""
    if type(x) is type(w) is type(b) is ndarray and x.ndim == 2 and x.dtype is w.dtype is b.dtype:
        if len(x) > TALL * len(b):
            z = w.T.dot(x.T)
            return np.add(z, b[:, None], z).T
        z = x.dot(w)
        return np.add(z, b, z)
    return product(x, w) + b


@primitive(lambda g, y, _x: g * np.greater(y, zero(y)), elementwise=True)
def relu(x: Any) -> Any:
    """Return max(x, 0). At 0 the slope is 0.

    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return np.maximum(x, zero(x))


@primitive(lambda g, _y, x, slope=0.01: np.where(np.greater(x, 0), g, slope * g), elementwise=True)
def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Return x where it is positive, else slope * x. At 0 the slope is that of the left side."""
    return np.where(np.greater(x, 0), x, slope * x)


@primitive(lambda g, y, _x: g * (y - y * y), elementwise=True)
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)), without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(np.minimum(x, -x))  # not -abs(x), which no complex step can see through
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


tanh = np.tanh


def layer(activation: Activation, in_place: Activation | None = None) -> Layer:
    """Return x, w, b -> activation(x @ w + b) as a single step; `in_place` is the activation into its own argument.

    Its derivative follows from the entries of both: that of the activation needs the result only.
    """

    def step(x: Any, w: Any, b: Any) -> Any:
        z = run(x, w, b)
        return in_place(z) if in_place is not None and type(z) is np.ndarray and z.ndim else apply(z)

    run, apply = OPS[affine].forward, OPS[activation].forward
    step.__name__ = step.__qualname__ = f"affine + {activation.__name__}"
    step.__doc__ = f"Return {activation.__name__}(x @ w + b), in one step."
    return primitive(*AFFINE, of=affine, then=activation, **LAYERS)(step)


FUSED: dict[Activation, Layer] = {  # what to call in place of an activation of affine(x, w, b)
    linear: affine,
    relu: layer(relu, lambda z: np.maximum(z, zero(z), out=z)),
    tanh: layer(tanh, lambda z: np.tanh(z, z)),
    sigmoid: layer(sigmoid),
}


@primitive(lambda g, _y, x: g * sigmoid(x), elementwise=True)
def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), without overflow: a smooth relu, whose slope is the sigmoid."""
    return np.maximum(x, zero(x)) + log_of_sum(x)


@primitive(lambda g, y, x, alpha=1.0: np.where(np.greater(x, 0), g, g * (y + alpha)), elementwise=True)
def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where it is positive, else alpha * (exp(x) - 1) (Clevert, Unterthiner, Hochreiter 2015)."""
    return np.where(np.greater(x, 0), x, alpha * np.expm1(np.minimum(x, 0)))


def silu(x: Any) -> Any:
    """Return x * sigmoid(x), also known as swish (Ramachandran, Zoph, Le 2017)."""
    return x * sigmoid(x)


def gelu(x: Any) -> Any:
    """Return x times the normal distribution function of x, by the tanh formula of Hendrycks and Gimpel (2016)."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


@primitive(lambda g, y, _x, axis=-1: y * (g - np.sum(g * y, axis=axis, keepdims=True)), cases=ROWS)
def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) / sum(exp(x)) along `axis`, without overflow.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@primitive(lambda g, y, _x, axis=-1: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True), cases=ROWS)
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return log(softmax(x)) along `axis`, also where the softmax underflows."""
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


@primitive(
    lambda g, y, x, axis=None, keepdims=False: (
        expand(g, x, axis, keepdims) * np.exp(x - finite(expand(y, x, axis, keepdims)))
    ),
    cases=[*ROWS, (((2, 3, 2),), {"axis": (0, -1), "keepdims": True})],
)
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x))) over `axis`: None for all, a number or a tuple; without overflow.

    >>> float(logsumexp(np.array([1000.0, 1000.0])))
    1000.6931471805599
    """
    top = finite(np.max(x, axis=axis, keepdims=True))
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, tuple(range(np.ndim(x))) if axis is None else axis)


def finite(x: Any) -> Any:
    """Return x with 0 for infinities: inf - inf would be NaN."""
    return np.where(np.isinf(x), 0, x)


def log_of_sum(z: Any) -> Any:
    """Return log(1 + exp(-|z|)): softplus(z) is this plus max(z, 0), and the sigmoid is exp(min(z, 0) minus this)."""
    return np.log1p(np.exp(np.minimum(z, -z)))  # as in `sigmoid`


@primitive(
    lambda g, s, z, t: (np.exp(np.minimum(z, zero(z)) - s) - t) * (g / size(z)),
    lambda g, _s, z, _t: z * (-g / size(z)),
    work=lambda z, _t: log_of_sum(z),
    cases=[(((2, 3), (2, 3)), {})],
)
def sigmoid_cross_entropy(z: Any, t: Any) -> Any:
    """Return the mean of -t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z)), in nats, finite for any z."""
    s = log_of_sum(z)
    return total(np.maximum(z, zero(z)) - z * t + s) / size(z), s


@primitive(
    lambda g, _y, x, y: (x - y) * (g * (2 / size(x))),
    lambda g, _y, x, y: (y - x) * (g * (2 / size(x))),
    cases=[(((2, 3), (2, 3)), {})],
)
def mean_square(x: Any, y: Any) -> Any:
    """Return the mean of (x - y)**2, for real arrays of one shape."""
    d = x - y
    return total(d * d) / size(d)


def size(x: Any) -> Any:
    """Return the number of elements: np.size, without its detour for NumPy's own arrays."""
    return x.size if type(x) is np.ndarray else np.size(x)


def total(x: Any) -> Any:
    """Return the sum of all elements; without NumPy's detours for the types where they change nothing."""
    return np.add.reduce(x, None) if type(x) is np.ndarray and x.dtype.char in "fd" else np.sum(x)


@primitive(
    lambda g, p, z, labels: (p - one_hot(labels, p)) * (g / np.shape(p)[0]),  # noqa: ARG005  # work reads z
    work=lambda z, labels: softmax(z),  # noqa: ARG005  # it is called with all that the op is
    cases=[(((2, 3),), {"labels": (2, 0)})],
)
def softmax_cross_entropy(z: Any, labels: Any) -> Any:
    """Return the mean of -log(softmax(z)) at the labels, in nats.   z: (batch, classes), labels: (batch,) integers."""
    shifted = z - np.max(z, axis=1, keepdims=True)
    e = np.exp(shifted)
    sums = np.sum(e, axis=1, keepdims=True)
    hits = getitem(shifted, (np.arange(len(labels)), labels))
    return (total(np.log(sums)) - total(hits)) / len(labels), e / sums


def one_hot(labels: Any, like: Any) -> Any:
    """Return whether a column is that of the row's label.   like: (batch, classes)."""
    return np.equal(np.arange(np.shape(like)[1]), np.expand_dims(np.asarray(labels), 1))


@primitive(
    lambda g, _y, p, t: g * (over(1 - t, 1 - p) - over(t, p)),
    lambda g, _y, p, _t: g * (np.log(1 - p) - np.log(p)),
    domain=(0.1, 0.9),
)
def probability_cross_entropy(p: Any, t: Any) -> Any:
    """Return -t log(p) - (1 - t) log(1 - p), elementwise, in nats, where 0 log(0) is 0."""
    with np.errstate(divide="ignore"):  # log(0) is -inf: infinite where the target is missed for sure
        lost = np.where(np.equal(t, 0), 0, np.log(np.where(np.equal(t, 0), 1, p)) * t)
        rest = np.where(np.equal(t, 1), 0, np.log(np.where(np.equal(t, 1), 1, 1 - p)) * (1 - t))
    return -lost - rest


def over(a: Any, b: Any) -> Any:
    """Return a / b, and 0 for 0 / 0."""
    return a / np.where(np.equal(a, 0), 1, b)


ACTIVATIONS: dict[str, Activation] = {
    "linear": linear,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "sigmoid": sigmoid,
    "silu": silu,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "softplus": softplus,
    "tanh": tanh,
}


def named(kind: str, name: Any, table: dict[str, Any]) -> Any:
    """Return what `name` means in `table`, or `name` itself if it is a function.

    Raises ValueError, with the names there are, if there is no such name.
    """
    if callable(name):
        return name
    if not isinstance(name, str):
        raise TypeError(f"{kind} is a name or a function, got {name!r}")
    if name not in table:
        from difflib import get_close_matches  # for this message only

        close = get_close_matches(name, table, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"unknown {kind} {name!r}. {hint}There are {', '.join(sorted(table))}, or any function")
    return table[name]
