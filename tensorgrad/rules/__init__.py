"""The derivative rules of NumPy's functions, a table per family. Importing this package fills `op.OPS`."""

from tensorgrad.rules import (
    composite,
    constant,
    decompositions,
    elementwise,
    index,
    linalg,
    norms,
    products,
    reduce,
    shape,
    solving,
)

__all__ = [
    "composite",
    "constant",
    "decompositions",
    "elementwise",
    "index",
    "linalg",
    "norms",
    "products",
    "reduce",
    "shape",
    "solving",
]
