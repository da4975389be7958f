"""Rules of linear equations: solve, inverses, least squares.

Functions that are not holomorphic have rules in terms of transposes and conjugates, derived from dL = Re tr(g^T dY):
a term Re tr(X dA^T) gives A the gradient X, a term Re tr(X dA^H) its conjugate.
"""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import dispatched, getitem
from tensorgrad.op import Case, composite, register
from tensorgrad.rules.linalg import adjoint, conjugated, transposed
from tensorgrad.rules.matrices import OBLONG, SQUARE, hermitian, invertible, oblong, separated


# Linear equations
def solved(g: Any, _y: Any, a: Any, _b: Any) -> Any:
    """Return the gradient of the right side; as in NumPy 2, one axis alone is a vector, more are matrices."""
    if np.ndim(_b) == 1:
        return np.squeeze(np.linalg.solve(transposed(a), np.expand_dims(g, -1)), -1)
    return np.linalg.solve(transposed(a), g)


def solving(g: Any, y: Any, a: Any, _b: Any) -> Any:
    """Return the gradient of the matrix."""
    right = solved(g, y, a, _b)
    return -np.expand_dims(right, -1) * np.expand_dims(y, -2) if np.ndim(_b) == 1 else -(right @ transposed(y))


register(
    np.linalg.solve,
    solving,
    solved,
    signature="(m,m),(m,n?)->(m,n?)",
    cases=[
        (((3, 3), (3,)), {}),
        (((3, 3), (3, 2)), {}),
        (((2, 2, 2), (2,)), {}),
        (((2, 2, 2), (2, 2, 1)), {}),
        (((2, 2), (3, 2, 1)), {}),
        (((0, 0), (0, 2)), {}),
        (((0, 2, 2), (2, 1)), {}),
    ],
    prepare=lambda a, b: (separated(a), b),
)
register(
    np.linalg.inv,
    lambda g, y, _a: -(transposed(y) @ g @ transposed(y)),
    signature="(m,m)->(m,m)",
    cases=SQUARE,
    prepare=separated,
)


@composite(
    np.linalg.tensorsolve,
    cases=[
        (((2, 3, 6), (2, 3)), {}),
        (((4, 2, 2), (4,)), {}),
        (((2, 4, 2), (2, 2)), {"axes": (1,)}),
    ],
    prepare=lambda a, b: (invertible(a), b),
)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Solve for the elements of an array that `tensordot` with a would take to b."""
    if axes is not None:
        axes = [axis % np.ndim(a) for axis in axes]
        a = np.transpose(a, [*(axis for axis in range(np.ndim(a)) if axis not in axes), *axes])
    rest = np.shape(a)[np.ndim(b) :]
    n = math.prod(rest)
    if math.prod(np.shape(a)) != n * n:
        raise np.linalg.LinAlgError(f"tensorsolve: a of shape {np.shape(a)} is no square matrix for {np.ndim(b)} axes")
    return np.reshape(np.linalg.solve(np.reshape(a, (n, n)), np.reshape(b, (-1,))), rest)


@composite(
    np.linalg.tensorinv,
    cases=[(((2, 3, 6),), {}), (((4, 2, 2),), {"ind": 1})],
    prepare=invertible,
)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """Invert what `tensordot` over all but the first `ind` axes does."""
    if ind <= 0:
        raise ValueError(f"tensorinv: ind must be positive, got {ind}")
    before, after = np.shape(a)[:ind], np.shape(a)[ind:]
    return np.reshape(np.linalg.inv(np.reshape(a, (math.prod(before), -1))), (*after, *before))


# Least squares and the pseudoinverse (Golub and Pereyra 1973). The rules hold where the rank does not change nearby;
# where it does, at deficient rank, the function jumps, and the gradient is that along matrices of the same rank.
@dispatched
def mirrored(a: Any) -> Any:
    """Return the Hermitian matrix of which NumPy reads the lower triangle."""
    n = np.shape(a)[-1]
    lower = a * np.tri(n, k=-1, dtype=bool)
    return lower + adjoint(lower) + np.real(a) * np.eye(n, dtype=bool)


# The gradient is shared between both triangles, as if both had been read: then it is Hermitian too.
register(mirrored, lambda g, _y, _a: (g + adjoint(g)) * 0.5, cases=SQUARE, prepare=hermitian)


@dispatched
def pseudoinverse(a: Any, hermitian: bool, **cutoff: Any) -> Any:
    """Return np.linalg.pinv, of a whole matrix also if it is Hermitian."""
    return np.linalg.pinv(a, hermitian=hermitian, **cutoff)


def pseudoinverted(g: Any, y: Any, a: Any) -> Any:
    """Return the gradient of the matrix; the latter two terms move its row and column space."""
    rows = transposed(g) @ y @ adjoint(y)
    columns = adjoint(y) @ y @ transposed(g)
    turned = rows - a @ (y @ rows) + columns - (columns @ y) @ a
    return conjugated(turned) - transposed(y) @ g @ transposed(y)


register(
    pseudoinverse,
    lambda g, y, a, hermitian=False, rcond=None, rtol=None: pseudoinverted(g, y, a),
    cases=[(((3, 2),), {"hermitian": False})],
    prepare=oblong,
)


@composite(
    np.linalg.pinv,
    cases=[*OBLONG, (((3, 2),), {"rcond": 1e-10}), (((3, 2),), {"rtol": 1e-10}), (((3, 0),), {}), (((0, 2, 3),), {})],
    prepare=oblong,
)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """Return the pseudoinverse, with singular values below the cutoff taken for 0."""
    cutoff = {} if rtol is np._NoValue else {"rtol": rtol}
    cutoff |= {} if rcond is None else {"rcond": rcond}
    return pseudoinverse(mirrored(a) if hermitian else a, hermitian=hermitian, **cutoff)


def cutoff_of(a: Any, rcond: Any) -> float:
    """Return the cutoff of singular values that `lstsq` uses, relative to the largest."""
    eps = float(np.finfo(np.result_type(a)).eps)
    return eps * max(np.shape(a)) if rcond is None else eps if rcond < 0 else rcond


@dispatched
def least_squares(a: Any, b: Any, rcond: Any = None) -> Any:
    """Return the x of least length for which the length of a x - b is least."""
    return np.linalg.lstsq(a, b, rcond)[0]


@dispatched
def least_squares_rank(a: Any, b: Any, rcond: Any = None) -> Any:
    """Return the rank that `lstsq` finds."""
    return np.linalg.lstsq(a, b, rcond)[2]


def fitted(g: Any, _x: Any, a: Any, _b: Any, rcond: Any = None) -> Any:
    """Return the gradient of what is to be fitted."""
    return np.matmul(transposed(np.linalg.pinv(a, cutoff_of(a, rcond))), g)


def fitting(g: Any, x: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    """Return the gradient of the matrix: the rule of the pseudoinverse p, for x = p b."""
    if np.ndim(b) == 1:
        g, x, b = (np.expand_dims(v, -1) for v in (g, x, b))
    p = np.linalg.pinv(a, cutoff_of(a, rcond))
    u = transposed(p) @ g
    turned = (b - a @ x) @ (transposed(u) @ adjoint(p)) + (adjoint(p) @ x) @ (transposed(g) - transposed(u) @ a)
    return conjugated(turned) - u @ transposed(x)


EQUATIONS: list[Case] = [
    (((4, 2), (4,)), {}),
    (((4, 2), (4, 2)), {"rcond": None}),
    (((2, 3), (2,)), {"rcond": -1}),
    (((2, 2), (2, 1)), {"rcond": 1e-9}),
]
register(least_squares, fitting, fitted, cases=EQUATIONS, prepare=lambda a, b: (oblong(a), b))
register(least_squares_rank, cases=EQUATIONS)


@composite(np.linalg.lstsq, cases=EQUATIONS, prepare=lambda a, b: (oblong(a), b))
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """Return the solution, the sums of squared residuals, the rank and the singular values."""
    x = least_squares(a, b, rcond)
    rank = least_squares_rank(a, b, rcond)
    rest = b - np.matmul(a, x)
    squares = np.real(rest * np.conjugate(rest)) if np.iscomplexobj(rest) else rest * rest
    residuals = np.sum(np.reshape(squares, (np.shape(squares)[0], -1)), axis=0)
    m, n = np.shape(a)
    if m <= n or not np.array_equal(rank, n):
        residuals = getitem(residuals, slice(0, 0))
    return x, residuals, rank, np.linalg.svdvals(a)
