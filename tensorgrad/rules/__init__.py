"""The derivative rules of NumPy's functions, a table per family. Importing this package fills `op.OPS`."""

from tensorgrad.rules import (
    composite,
    constant,
    determinants,
    eigen,
    elementwise,
    factors,
    index,
    linalg,
    norms,
    products,
    reduce,
    shape,
    singular,
    solving,
    write,
)

__all__ = [
    "composite",
    "constant",
    "determinants",
    "eigen",
    "elementwise",
    "factors",
    "index",
    "linalg",
    "norms",
    "products",
    "reduce",
    "shape",
    "singular",
    "solving",
    "write",
]
