"""The derivative rules of NumPy's functions, a table per family. Importing this package fills `op.OPS`."""

from tensorgrad.rules import composite, constant, elementwise, index, linalg, reduce, shape, write

__all__ = ["composite", "constant", "elementwise", "index", "linalg", "reduce", "shape", "write"]
