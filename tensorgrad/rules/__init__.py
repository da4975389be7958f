"""The derivative rules of NumPy's functions, a table per family. Importing this package fills `op.OPS`."""

from tensorgrad.rules import (
    applying,
    composite,
    constant,
    elementwise,
    index,
    joining,
    linalg,
    making,
    padding,
    reduce,
    repeating,
    selecting,
    shape,
)

__all__ = [
    "applying",
    "composite",
    "constant",
    "elementwise",
    "index",
    "joining",
    "linalg",
    "making",
    "padding",
    "reduce",
    "repeating",
    "selecting",
    "shape",
]
