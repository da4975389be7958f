"""Covariances and correlations of variables, which lie in rows."""

import warnings
from typing import Any

import numpy as np

from tensorgrad.backends import dispatched, getitem
from tensorgrad.op import POSITIVE, Case, composite, register

VARIABLES: list[Case] = [
    (((3, 4),), {}),
    (((5,),), {}),
    (((2, 4), (1, 4)), {}),
    (((4,), (4,)), {}),
    (((4, 2), (4, 3)), {"rowvar": False}),
    (((4,), (4, 2)), {"rowvar": False}),
]


def matrix(m: Any, rowvar: bool) -> Any:
    """Return variables as rows."""
    if np.ndim(m) > 2:
        raise ValueError(f"variables are a row or a matrix, got an array of {np.shape(m)}")
    if np.ndim(m) < 2:
        return np.reshape(m, (1, -1))
    return m if rowvar else np.transpose(m)


def checked(weights: Any, name: str, n: int) -> Any:
    """Return weights of observations, if they are some."""
    weights = np.asarray(weights) if isinstance(weights, list | tuple) else weights
    if np.shape(weights) != (n,):
        raise (RuntimeError if np.ndim(weights) > 1 or np.size(weights) != n else ValueError)(
            f"cov: {name} has one weight for each of {n} observations, got {np.shape(weights)}"
        )
    if name == "fweights" and not np.all(np.equal(weights, np.round(weights))):
        raise TypeError("cov: fweights are counts, so whole numbers; aweights may be any")
    if np.any(np.less(weights, 0)):
        raise ValueError(f"cov: {name} must not be negative")
    return weights


@composite(
    np.cov,
    cases=[
        *VARIABLES,
        (((2, 4),), {"bias": True}),
        (((2, 4),), {"ddof": 0}),
        (((2, 4),), {"fweights": [1, 2, 1, 3]}),
        (((2, 4),), {"aweights": [0.5, 1.5, 1.0, 0.7], "fweights": [1, 2, 1, 3]}),
        (((2, 4),), {"aweights": [0.5, 1.5, 1.0, 0.7], "ddof": 0}),
    ],
    domain=POSITIVE,
)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """Return the covariances of all pairs of variables; weights say how often or how much an observation counts."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError("cov: ddof is a whole number")
    x = matrix(m, rowvar)
    if y is not None:
        x = np.concatenate((x, matrix(y, rowvar)))
    n = np.shape(x)[1]
    ddof = (0 if bias else 1) if ddof is None else ddof
    w = None if fweights is None else checked(fweights, "fweights", n)
    if aweights is not None:
        aweights = checked(aweights, "aweights", n)
        w = aweights if w is None else w * aweights
    if w is None:
        mean, count = np.mean(x, axis=1, keepdims=True), n - ddof
    else:
        total = np.sum(w)
        mean = np.expand_dims(x @ w, 1) / total
        spent = ddof if aweights is None or not ddof else ddof * np.sum(w * aweights) / total
        count = total - spent
    if np.less_equal(count, 0):
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        count = 0.0
    x = x - mean
    other = np.transpose(x if w is None else x * w)
    c = (x @ (np.conjugate(other) if np.iscomplexobj(other) else other)) * np.divide(1, count)
    return np.squeeze(c)


@dispatched
def bounded(c: Any) -> Any:
    """Return correlations without what rounding put beyond 1: a matter of digits, so the gradient passes."""
    real = np.clip(np.real(c), -1, 1)
    return real + 1j * np.clip(np.imag(c), -1, 1) if np.iscomplexobj(c) else real


register(bounded, lambda g, _y, _x: g, cases=[(((2, 2),), {})], domain=(-0.9, 0.9))


@composite(np.corrcoef, cases=VARIABLES[:1] + VARIABLES[2:])
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """Return the correlations of all pairs of variables; a constant variable has none: NaN."""
    c = np.cov(x, y, rowvar)
    if not np.ndim(c):
        return c / c
    n = np.shape(c)[0]
    deviation = np.sqrt(np.real(getitem(c, (np.arange(n), np.arange(n)))))
    return bounded(c / np.expand_dims(deviation, 1) / deviation)
