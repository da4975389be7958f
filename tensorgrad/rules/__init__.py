"""The derivative rules of NumPy's functions, a table per family. Importing this package fills `op.OPS`."""

from tensorgrad.rules import (
    composite,
    constant,
    cumulative,
    elementwise,
    index,
    linalg,
    nan,
    parts,
    quantile,
    reduce,
    shape,
    sorting,
    statistics,
)

__all__ = [
    "composite",
    "constant",
    "cumulative",
    "elementwise",
    "index",
    "linalg",
    "nan",
    "parts",
    "quantile",
    "reduce",
    "shape",
    "sorting",
    "statistics",
]
