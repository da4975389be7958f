"""The derivative rules of NumPy's functions, a table per family. Importing this package fills `op.OPS`.

The families that most programs need are imported at once, the others by `load`, when a function is not found: to
import all would take longer than to import NumPy's own core.
"""

import importlib

from tensorgrad.op import OPS
from tensorgrad.rules import composite, constant, elementwise, index, linalg, reduce, shape, write

__all__ = ["composite", "constant", "elementwise", "index", "linalg", "load", "reduce", "shape", "write"]

FAMILIES: tuple[str, ...] = (
    "applying",
    "covariance",
    "cumulative",
    "determinants",
    "differences",
    "eigen",
    "factors",
    "fourier",
    "histograms",
    "joining",
    "making",
    "nan",
    "norms",
    "padding",
    "parts",
    "polynomials",
    "products",
    "quantile",
    "repeating",
    "selecting",
    "signals",
    "singular",
    "solving",
    "sorting",
    "statistics",
)


def load() -> bool:
    """Import the other families, and say whether that was still to do. Entries that a user has made since are kept."""
    global FAMILIES
    wanted, before = FAMILIES, dict(OPS)
    for name in wanted:
        importlib.import_module(f"tensorgrad.rules.{name}")
    for fn, op in before.items():
        if OPS[fn] is not op:
            OPS[fn] = op
    FAMILIES = ()  # only now: another thread may be asking at the same time
    return bool(wanted)
