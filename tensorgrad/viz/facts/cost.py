"""How many floating-point operations a step takes, from the shapes alone: a multiplication and an addition are two.

A sum, a product, an exponential of one element is one operation, and so is any function of one element. To move, copy
or index elements is none. What has no count of its own is counted by running it on arrays that have only a shape.
"""

import ast
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tensorgrad.op import OPS, Each, Op
from tensorgrad.viz.facts.noted import ASKED, WRITTEN, Noted, broadcast, product, result_shape

Shape = tuple[int, ...]
Count = Callable[[Sequence[Shape], Shape, dict[str, Any]], float]
MOVING = frozenset({"shape", "index", "write", "repeating", "sorting"})  # files of rules of what computes nothing


def flops(op: Op, shapes: Sequence[Any], out_shape: Any, params: dict[str, Any]) -> int | None:
    """Return the floating-point operations of a step's result; None if they are not known.

    Products are exact, linear algebra has the leading terms of its textbooks (Golub, Van Loan 2013), sorting and
    Fourier transforms have n log2 n and 5 n log2 n. Complex numbers count as real ones.

    >>> flops(OPS[np.matmul], ((128, 64), (64, 32)), (128, 32), {})
    524288
    >>> flops(OPS[np.exp], ((128, 32),), (128, 32), {})
    4096
    """
    if op.vjps == ():  # a checkpoint, which runs a function
        return None
    if op.elementwise:
        return 0 if op.name in UNTOUCHED else sized(out_shape)
    if op.of is not None:  # a product, and an activation of its result
        first, second = flops(op.of, shapes, out_shape, params), sized(out_shape)
        return None if first is None or second is None else first + second
    if any(not isinstance(n, int) for shape in (*shapes, out_shape) for n in shape):
        return None
    try:
        return counted(op, tuple(shapes), out_shape, tuple(params.items()))
    except TypeError:  # a parameter, such as an index, is a list or an array
        return count(op, tuple(shapes), out_shape, tuple(params.items()))


def sized(shape: Any) -> int | None:
    """Return the number of elements, if it is known."""
    return math.prod(shape) if all(isinstance(n, int) for n in shape) else None


def count(op: Op, shapes: tuple[Shape, ...], out: Shape, params: tuple[tuple[str, Any], ...]) -> int | None:
    """Return the operations of a step that is not elementwise."""
    ours, file = file_of(op)
    if ours and (known := COUNTS.get(op.name)):
        return round(known(shapes, out, dict(params)))
    if op.view or (ours and file in MOVING):
        return 0
    if ours and file == "reduce":
        return math.prod(shapes[0])
    return tried(op, shapes, dict(params))


counted = lru_cache(maxsize=4096)(count)


def file_of(op: Op) -> tuple[bool, str]:
    """Return whether the rules of an op are ours, and the name of the file that they are in."""
    rules = (op.vjps.rule,) if isinstance(op.vjps, Each) else op.vjps
    module = next((str(rule.__module__) for rule in rules if rule is not None), "")
    return module.startswith("tensorgrad."), module.rpartition(".")[2]


# Counts. Of stacks of matrices there are as many as the leading axes say.
def batches(shape: Shape, axes: int = 2) -> int:
    """Return how many matrices there are."""
    return math.prod(shape[:-axes])


def count_einsum(shapes: Sequence[Shape], _out: Shape, params: dict[str, Any]) -> float:
    """Return the operations of a sum of products over all letters, one product after the other."""
    inputs, _, output = params["subscripts"].partition("->")
    lengths: dict[str, int] = {}
    for term, shape in zip(inputs.split(","), shapes, strict=True):
        for letter, n in zip(term, shape, strict=True):
            lengths[letter] = max(n, lengths.get(letter, 1)) if n else 0
    terms = math.prod(lengths.values())
    return terms * (len(shapes) - 1 + (len(lengths) > len(set(output))))


def count_svd(shapes: Sequence[Shape], *_: Any) -> float:
    """Return the operations of the singular values, without vectors."""
    m, n = max(shapes[0][-2:]), min(shapes[0][-2:])
    return batches(shapes[0]) * (4 * m * n * n - 4 * n**3 / 3)


def count_fft(shapes: Sequence[Shape], out: Shape, params: dict[str, Any]) -> float:
    """Return the operations of Fourier transforms along one axis."""
    axis: int = params.get("axis", -1)
    n: int = params.get("n") or shapes[0][axis]
    return 5 * n * math.log2(max(n, 1)) * math.prod(out) / max(out[axis], 1)


def count_half_fft(shapes: Sequence[Shape], out: Shape, params: dict[str, Any]) -> float:
    """Return those of transforms to half a spectrum, or from one: half as many."""
    axis = params.get("axis", -1)
    return count_fft(shapes, out, {**params, "n": max(shapes[0][axis], out[axis])}) / 2


def cubes(factor: float) -> Count:
    """Return the count of a factor times n cubed."""
    return lambda shapes, _out, _params: batches(shapes[0]) * factor * shapes[0][-1] ** 3


def count_qr(shapes: Sequence[Shape], *_: Any) -> float:
    """Return the operations of both factors."""
    m, n = shapes[0][-2:]
    k = min(m, n)
    return batches(shapes[0]) * (4 * m * n * k - 2 * (m + n) * k * k + 4 * k**3 / 3)


def count_solve(shapes: Sequence[Shape], out: Shape, _params: dict[str, Any]) -> float:
    """Return the operations of a factorization for each matrix, and two triangles for each right side."""
    n = shapes[0][-1]
    return batches(shapes[0]) * 2 * n**3 / 3 + 2 * n * math.prod(out)


def count_least_squares(shapes: Sequence[Shape], out: Shape, _params: dict[str, Any]) -> float:
    """Return the operations of a singular value decomposition, and of its products with each right side."""
    products = 2 * math.prod(shapes[0]) * math.prod(out) / max(shapes[0][-1], 1)
    return count_svd_vectors(shapes) + count_svd(shapes) + products


def count_svd_vectors(shapes: Sequence[Shape], *_: Any) -> float:
    """Return what vectors take beside the values: together 14 m n n + 8 n n n."""
    m, n = max(shapes[0][-2:]), min(shapes[0][-2:])
    return batches(shapes[0]) * (14 * m * n * n + 8 * n**3) - count_svd(shapes)


COUNTS: dict[str, Count] = {
    "matmul": lambda shapes, out, _: 2 * math.prod(out) * shapes[0][-1],
    "einsum": count_einsum,
    "scatter_add": lambda shapes, _out, _: math.prod(shapes[0]),
    "cumsum": lambda shapes, _out, _: math.prod(shapes[0]),
    "convolve": lambda shapes, _out, _: 2 * math.prod(shapes[0]) * math.prod(shapes[1]),
    "interp": lambda shapes, out, _: math.prod(out) * (math.log2(max(math.prod(shapes[1]), 1)) + 5),
    "permuted": lambda shapes, _out, params: math.prod(shapes[0]) * math.log2(max(shapes[0][params["axis"]], 1)),
    "fft": count_fft,
    "ifft": count_fft,
    "rfft": count_half_fft,
    "irfft": count_half_fft,
    "solve": count_solve,
    "inv": cubes(2),
    "det": cubes(2 / 3),
    "log_of_det": cubes(2 / 3),
    "sign_of_det": lambda *_: 0,  # comes with the logarithm
    "cofactors": cubes(2),
    "cholesky": cubes(1 / 3),
    "qr_found": count_qr,
    "qr_completion": lambda *_: 0,
    "eigh_values": cubes(4 / 3),
    "eigh_vectors": cubes(9 - 4 / 3),  # beside the values
    "eig_values": cubes(10),
    "eig_vectors": cubes(15),
    "svd_values": count_svd,
    "svd_vectors": count_svd_vectors,
    "pseudoinverse": count_svd_vectors,
    "least_squares": count_least_squares,
    "roots": lambda shapes, _out, _: 10 * max(shapes[0][-1] - 1, 0) ** 3,
    "length": lambda shapes, out, _: 2 * math.prod(shapes[0]) + math.prod(out),
    "diagonal": lambda *_: 0,
    "on_diagonal": lambda *_: 0,
    "fftshift": lambda *_: 0,
    "ifftshift": lambda *_: 0,
}
UNTOUCHED = {"copy", "astype", "positive", "real", "imag"}


# Counting by running
class Counted(NDArrayOperatorsMixin):
    """An array that has only a shape, and adds up what is computed of it."""

    def __init__(self, shape: Shape | None, tally: list[int]) -> None:
        if shape is None:
            raise TypeError("the shape is not known, so nothing can be counted")
        self.form, self.tally = shape, tally

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **params: Any) -> Any:
        if method == "reduce":
            return self.__array_function__(np.sum, (), args, params)
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method} is not counted")
        seen = [stand_in(arg) for arg in args]
        shape = product(*seen) if ufunc is np.matmul else broadcast(seen)
        return self.after(ufunc, shape, seen, params)

    def __array_function__(self, fn: Callable[..., Any], _types: Any, args: Any, params: Any) -> Any:
        if fn in OPS and OPS[fn].kind == "composite":
            return OPS[fn].forward(*args, **params)
        seen = [stand_in(arg) for arg in args]
        if fn in ASKED:
            return ASKED[fn](*seen, **params)
        made = WRITTEN[fn](*seen, **params).form if fn in WRITTEN else result_shape(fn, seen, params)
        return self.after(fn, made, seen, params)

    def after(self, fn: Any, shape: Shape | None, seen: Sequence[Any], params: dict[str, Any]) -> "Counted":
        """Return the result of a function, with what it costs noted."""
        found = Counted(shape, self.tally)
        shapes = [arg.form if isinstance(arg, Noted) else np.shape(arg) for arg in seen]
        op = OPS.get(fn)
        known = op is not None and op.kind == "rules"
        more = flops(op, shapes, found.form, params) if op and known else sized(found.form)  # of a mask: comparisons
        if more is None:
            raise TypeError(f"{fn} is not counted")
        self.tally[0] += more
        return found


def stand_in(x: Any) -> Any:
    """Return what the functions that tell shapes take in place of an array."""
    return Noted(ast.Name("x"), x.form) if isinstance(x, Counted) else x


def tried(op: Op, shapes: Sequence[Shape], params: dict[str, Any]) -> int | None:
    """Return what is counted when a step runs on arrays without elements; None if it cannot."""
    tally = [0]
    try:
        op.forward(*(Counted(shape, tally) for shape in shapes), **params)
    except Exception:  # a step of the user's may do anything, and a picture is no place to fail
        return None
    return tally[0]
