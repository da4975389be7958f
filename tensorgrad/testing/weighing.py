"""A call's results as one number, the sum of all elements with a weight each: what has a gradient for every array."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgrad.autograd import gradients
from tensorgrad.creation import tensor
from tensorgrad.graph import Tensor
from tensorgrad.op import Function

Array = np.ndarray[Any, Any]


def results(out: Any) -> list[Any]:
    """Return the results of a call as a list, also if it is one."""
    return list(out) if isinstance(out, tuple | list) else [out]


def weigh(weights: Any, out: Any) -> Any:
    """Return the sum of all elements of a result, or of several, each times its weight; a real number."""
    outs = [np.real(y) + 0.7 * np.imag(y) if np.iscomplexobj(y) else y for y in results(out)]
    terms = [np.sum(np.multiply(w, y)) for w, y in zip(weights, outs, strict=True)]
    return sum(terms[1:], terms[0])


def leaves(arrays: Any) -> list[Tensor]:
    """Return leaves that hold the arrays themselves, in whatever memory layout they have."""
    found = [tensor(a, requires_grad=True) for a in arrays]
    for leaf, a in zip(found, arrays, strict=True):
        leaf.data = a
    return found


@dataclass(frozen=True)
class Weighed:
    """A function as one of numbers to a number: weights and arrays to the weighted sum of its results."""

    fn: Function
    outs: int

    def __call__(self, arrays: Any) -> Any:
        """Return the weighted sum for weights and then arrays, in one list."""
        return weigh(arrays[: self.outs], self.fn(*arrays[self.outs :]))

    def gradients(self, arrays: Any) -> list[Any]:
        """Return the gradient for each array, weights included."""
        xs = leaves(arrays)
        return gradients(self(xs), xs)

    def curvature(self, arrays: Any, along: Any) -> list[Any]:
        """Return the Hessian times `along`: the gradient of <gradient, along>."""
        xs = leaves(arrays)
        slopes = gradients(self(xs), xs, create_graph=True)
        return gradients(weigh(along, slopes), xs)


def weighed(fn: Function, arrays: Any, seed: int = 0) -> tuple[Weighed, list[Array]]:
    """Make a function to a number of `fn` and its arrays: the function, and weights to put before the arrays.

    >>> f, weights = weighed(np.sum, [np.ones(3)])
    >>> [g.shape for g in f.gradients([*weights, np.ones(3)])]
    [(), (3,)]
    """
    outs, rng = results(fn(*arrays)), np.random.default_rng(seed)
    weights = [np.asarray(rng.uniform(0.5, 1.5, np.shape(y))) for y in outs]
    dtypes = [np.real(y).dtype for y in outs]
    return Weighed(fn, len(outs)), [w.astype(d) if d.kind == "f" else w for w, d in zip(weights, dtypes, strict=True)]
