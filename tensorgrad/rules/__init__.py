"""The derivative rules of NumPy's functions, a table per family. Importing this package fills `op.OPS`."""

from tensorgrad.rules import (
    composite,
    constant,
    covariance,
    differences,
    elementwise,
    fourier,
    histograms,
    index,
    linalg,
    polynomials,
    reduce,
    shape,
    signals,
)

__all__ = [
    "composite",
    "constant",
    "covariance",
    "differences",
    "elementwise",
    "fourier",
    "histograms",
    "index",
    "linalg",
    "polynomials",
    "reduce",
    "shape",
    "signals",
]
