"""Mistakes that show only at certain inputs: kinks, ties, tiny slopes, zeros, overflow, layouts. Kind, function, wrong.

Each function comes with the inputs that show the mistake, and with its right gradient. At a kink or a tie, more than
one is right; the wrong ones here are outside of what any choice between the sides allows.
"""
# ruff: noqa: ARG005  a backward pass names all that it is given

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.functions import Array
from benchmarks.functions import Function as At


def slope(derivative: Callable[[Array, Array], Any]) -> Callable[..., tuple[Array]]:
    """Return the backward pass of an elementwise function; derivative(out, x)."""
    return lambda g, out, x: (g * derivative(out, x),)


def fortran() -> Array:
    """Return a square matrix that lies in memory column by column."""
    return np.asfortranarray(np.linspace(-1.5, 1.7, 16).reshape(4, 4))


def by_memory(g: Array, _out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of sin, of elements in their order in memory."""
    return (g * np.cos(np.ravel(x, order="K").reshape(x.shape)),)


def by_stride(g: Array, _out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of sin, of elements that follow each other in memory."""
    base = x.base if isinstance(x.base, np.ndarray) and x.base.size > x.size else x
    return (g * np.cos(base.reshape(-1)[: x.size].reshape(x.shape)),)


TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [5.0, 1.0, 0.5], [-1.0, -1.0, -2.0]])
WEIGHTS = np.linspace(0.5, 2.0, 8)


def shared(g: Array, out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of each row's maximum, shared between ties."""
    mask = (x == out[:, None]).astype(x.dtype)
    return (g[:, None] * mask / mask.sum(axis=1, keepdims=True),)


def largest_size(x: Array) -> Any:
    """Return the size of the largest element."""
    return np.abs(x).max()


def shared_size(g: Array, out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of the size of the largest element, shared between ties."""
    mask = np.abs(x) == out
    return (g * np.sign(x) * mask / mask.sum(),)


def spectrum(x: Array) -> Any:
    """Return the weighed power of a real signal's frequencies."""
    return (np.abs(np.fft.fft(x)) ** 2 * WEIGHTS).sum()


def spectrum_backward(conjugate: bool) -> Callable[..., tuple[Array]]:
    """Return the gradient of spectrum, with the conjugation that it needs or without."""

    def backward(g: Array, _out: Array, x: Array) -> tuple[Array]:
        f = np.fft.fft(x) * WEIGHTS
        return (g * 2 * len(x) * np.real(np.fft.ifft(f if conjugate else np.conj(f))),)

    return backward


def product(g: Array, _out: Array, x: Array) -> tuple[Array]:
    """Return the gradient of a product, whatever is 0."""
    return (g * np.array([np.prod(np.delete(x, i)) for i in range(x.size)]),)


def logsumexp(x: Array) -> Any:
    """Return the logarithm of the sum of exponentials, of any size."""
    return x.max() + np.log(np.exp(x - x.max()).sum())


def rooted(x: Array) -> Array:
    """Return the root of what is positive, else 0."""
    return np.where(x > 0, np.sqrt(np.abs(x)), 0.0)


RELU, CLIP = (lambda x: np.maximum(x, 0)), (lambda x: np.clip(x, -1, 1))
CUBE, SINE, LOGISTIC = (lambda x: x**3), (lambda x: np.sin(300 * x)), (lambda x: 1 / (1 + np.exp(-x)))
SMALL, BIG = (lambda x: 1e-9 * np.tanh(x)), (lambda x: 1e9 * np.tanh(x))
BESIDE, AROUND = np.array([5e-5, -5e-5, 1.0, -2.0]), np.array([1.0, -1.0, 0.4, 3.0])
ON_IT, SOME = np.array([0.0, 1.5, -0.7]), np.array([0.3, -1.2, 0.8, 2.1])
TINY, LARGE = np.array([1e-6, 1.0, -2e-6]), np.array([3.0, -12.0, 0.5, 15.0])
ZERO_AMONG = np.array([2.0, 0.0, -1.5, 0.5])
PARTED = np.repeat(np.array([0.3, -1.2, 0.8, 2.1]), 2)[::2]
PARTED.base[1::2] = 9.0  # type: ignore[index]  # what lies between is other numbers
MAXIMUM = At("maximum of equals", np.maximum, lambda g, out, x, y: (g / 2, g / 2), (SOME, SOME.copy()))
SIGN = slope(lambda _out, x: np.sign(x))
STEP = slope(lambda _out, x: x > 0)
INSIDE = slope(lambda _out, x: np.abs(x) < 1)
THRICE = slope(lambda _out, x: 3 * x**2)

SPECIAL: tuple[tuple[str, At, Callable[..., Any]], ...] = (
    ("tie counted in full", At("max of rows", lambda x: x.max(axis=1), shared, (TIES,)),
     lambda g, out, x: (g[:, None] * (x == out[:, None]),)),
    ("tie counted in full", MAXIMUM, lambda g, out, x, y: (g * (x >= y), g * (y >= x))),
    ("tie counted in full", At("largest size", largest_size, shared_size, (np.array([2.0, -2.0, 1.0]),)),
     lambda g, out, x: (g * np.sign(x) * (np.abs(x) == out),)),
    ("tie counted not at all", MAXIMUM, lambda g, out, x, y: (g * (x > y), g * (y > x))),
    ("beyond both sides of a kink", At("abs at 0", np.abs, SIGN, (ON_IT,)),
     slope(lambda _out, x: np.where(x == 0, 3.0, np.sign(x)))),
    ("beyond both sides of a kink", At("relu at 0", RELU, STEP, (ON_IT,)),
     slope(lambda _out, x: np.where(x == 0, -1.0, x > 0))),
    ("beyond both sides of a kink", At("clip at its limits", CLIP, INSIDE, (AROUND,)),
     slope(lambda _out, x: np.where(np.abs(x) == 1, 2.0, np.abs(x) < 1))),
    ("NaN at a kink", At("norm at 0", lambda x: np.sqrt((x * x).sum()), lambda g, out, x: (0 * x,), (np.zeros(3),)),
     lambda g, out, x: (g * x / out,)),
    ("threshold off", At("abs beside 0", np.abs, SIGN, (BESIDE,)),
     slope(lambda _out, x: np.sign(x) * (np.abs(x) > 1e-4))),
    ("threshold off", At("relu beside 0", RELU, STEP, (BESIDE,)), slope(lambda _out, x: x > 1e-4)),
    ("threshold off", At("clip beside its limits", CLIP, INSIDE, (AROUND * (1 - 1e-5),)),
     slope(lambda _out, x: np.abs(x) < 0.999)),
    ("zero below 1e-5", At("cube of tiny numbers", CUBE, THRICE, (TINY,)),
     slope(lambda _out, x: np.where(3 * x**2 < 1e-5, 0, 3 * x**2))),
    ("zero below 1e-5", At("saturated sigmoid", LOGISTIC, slope(lambda out, _x: out * (1 - out)), (LARGE,)),
     slope(lambda out, _x: np.where(out * (1 - out) < 1e-5, 0, out * (1 - out)))),
    ("wrong sign, on a small scale", At("1e-9 tanh", SMALL, slope(lambda _out, x: 1e-9 / np.cosh(x) ** 2), (SOME,)),
     slope(lambda _out, x: -1e-9 / np.cosh(x) ** 2)),
    ("wrong by 1 %, on a small scale", At("1e-9 tanh", SMALL, slope(lambda _out, x: 1e-9 / np.cosh(x) ** 2), (SOME,)),
     slope(lambda _out, x: 1.01e-9 / np.cosh(x) ** 2)),
    ("wrong by 1 %, on a large scale", At("1e9 tanh", BIG, slope(lambda _out, x: 1e9 / np.cosh(x) ** 2), (SOME,)),
     slope(lambda _out, x: 1.01e9 / np.cosh(x) ** 2)),
    ("wrong by 1 %, of an oscillation", At("sin 300 x", SINE, slope(lambda _out, x: 300 * np.cos(300 * x)), (SOME,)),
     slope(lambda _out, x: 303 * np.cos(300 * x))),
    ("division by zero", At("product with a zero", lambda x: x.prod(), product, (ZERO_AMONG,)),
     lambda g, out, x: (g * out / x,)),
    ("division by zero", At("root of the positive", rooted,
                            slope(lambda out, x: np.where(x > 0, 0.5 / np.where(x > 0, out, 1), 0)), (SOME,)),
     slope(lambda _out, x: (x > 0) * 0.5 / np.sqrt(x))),
    ("overflow", At("logsumexp of 1,000", logsumexp, lambda g, out, x: (g * np.exp(x - out),), (SOME + 1000,)),
     lambda g, out, x: (g * np.exp(x) / np.exp(x).sum(),)),
    ("conjugate left out", At("power spectrum", spectrum, spectrum_backward(True), (np.r_[SOME, SOME[::-1] ** 2],)),
     spectrum_backward(False)),
    ("wrong in Fortran's order", At("sin, in Fortran's order", np.sin, slope(lambda _out, x: np.cos(x)), (fortran(),)),
     by_memory),
    ("wrong between strides", At("sin of every other", np.sin, slope(lambda _out, x: np.cos(x)), (PARTED,)),
     by_stride),
)  # fmt: skip
