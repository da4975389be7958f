"""The derivative rules of NumPy's functions, a table per family. Importing this package fills `op.OPS`."""

from tensorgrad.rules import composite, constant, elementwise, index, linalg, reduce, shape  # isort: split
from tensorgrad.rules import applying, joining, making, padding, repeating, selecting

__all__ = ["composite", "constant", "elementwise", "index", "linalg", "reduce", "shape"]
__all__ += ["applying", "joining", "making", "padding", "repeating", "selecting"]
