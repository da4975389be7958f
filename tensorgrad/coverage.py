"""Which of NumPy's functions and methods take tensors: a table that is read off the registry."""

import importlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.graph import Tensor
from tensorgrad.op import OPS
from tensorgrad.refusals import METHODS
from tensorgrad.rules import load
from tensorgrad.rules.undispatched import UNDISPATCHED

NAMESPACES = (
    "numpy",
    "numpy.linalg",
    "numpy.fft",
    "numpy.lib.stride_tricks",
    *(
        f"numpy.polynomial.{name}"
        for name in ("polynomial", "chebyshev", "legendre", "hermite", "hermite_e", "laguerre")
    ),
)
MEANINGS = {
    "rules": "differentiable",
    "composite": "differentiable",
    "step": "constant almost everywhere: a tensor without gradient",
    "plain": "gives a mask, an index or a fact: no tensor",
    "write": "writes, and gradients follow",
    "refused": "refused",
    "undispatched": "not handed over by NumPy",
}


class Row(NamedTuple):
    """A function: its qualified name, its kind (a key of MEANINGS, or "unknown"), and what to know."""

    name: str
    kind: str
    note: str = ""


class Support(list[Row]):
    """The rows, and a text of them."""

    def counts(self) -> dict[str, int]:
        """Return how many functions there are of each kind."""
        return dict(Counter(row.kind for row in self))

    def __str__(self) -> str:
        width = max(len(row.name) for row in self)
        lines = [
            f"{row.name:<{width}}  {MEANINGS.get(row.kind, row.kind)}" + (f": {row.note}" if row.note else "")
            for row in self
        ]
        counts = self.counts()
        both = counts.get("rules", 0) + counts.get("composite", 0)
        lines += ["", f"{len(self)} names in NumPy {np.__version__}: {both} differentiable"]
        lines += [f"  {n:4} {kind}" for kind, n in sorted(counts.items(), key=lambda item: -item[1])]
        return "\n".join(lines)

    __repr__ = __str__


def public(namespace: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public functions of a namespace of NumPy, with their qualified names."""
    module = importlib.import_module(namespace)
    for name in sorted(set(getattr(module, "__all__", dir(module)))):
        fn = getattr(module, name, None)
        if callable(fn) and not inspect.isclass(fn) and not name.startswith("_"):
            yield f"{namespace}.{name}", fn


def support() -> Support:
    """Return what happens to each public function of NumPy, and each method of its arrays, on tensors.

    >>> rows = {row.name: row for row in support()}
    >>> rows["np.tanh"].kind, rows["np.sign"].kind, rows["np.argmax"].kind
    ('rules', 'step', 'plain')
    """
    load()
    rows = Support()
    for namespace in NAMESPACES:
        for name, fn in public(namespace):
            op, short = OPS.get(fn), name.replace("numpy", "np", 1)
            if op is not None:
                rows.append(Row(short, op.kind, op.reason))
            elif name in UNDISPATCHED:
                rows.append(Row(short, "undispatched", UNDISPATCHED[name]))
            else:
                rows.append(Row(short, "unknown"))
    for name in dir(np.ndarray):
        if not name.startswith("_"):
            row = Row(f"ndarray.{name}", "refused", METHODS.get(name, ""))
            rows.append(
                Row(row.name, "method") if hasattr(Tensor, name) else row if row.note else Row(row.name, "unknown")
            )
    return rows
