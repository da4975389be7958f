"""Rules of linear equations: solve, inverses, least squares; determinants.

Functions that are not holomorphic have rules in terms of transposes and conjugates, derived from dL = Re tr(g^T dY):
a term Re tr(X dA^T) gives A the gradient X, a term Re tr(X dA^H) its conjugate.
"""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import dispatched, getitem
from tensorgrad.op import Case, composite, register
from tensorgrad.rules.linalg import adjoint, conjugated, identity, transposed
from tensorgrad.rules.products import separated

SQUARE: list[Case] = [(((3, 3),), {}), (((2, 2, 2),), {}), (((1, 1),), {}), (((0, 0),), {}), (((0, 2, 2),), {})]


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


def invertible(a: Any) -> Any:
    """Return an array that is far from singular when its elements are laid out as a square matrix: for tests."""
    n = math.isqrt(math.prod(np.shape(a)))
    return a * 0.25 + np.reshape(np.eye(n, dtype=np.int8), np.shape(a)) * 2


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


def hermitian(a: Any) -> Any:
    """Return a Hermitian matrix with eigenvalues apart from 0, from each other and from their negatives: for tests."""
    return separated((a + adjoint(a)) * 0.5)


# The gradient is shared between both triangles, as if both had been read: then it is Hermitian too.
register(mirrored, lambda g, _y, _a: (g + adjoint(g)) * 0.5, cases=SQUARE, prepare=hermitian)


@dispatched
def pseudoinverse(a: Any, hermitian: bool, **cutoff: Any) -> Any:
    """Return np.linalg.pinv, of a whole matrix also if it is Hermitian."""
    return np.linalg.pinv(a, hermitian=hermitian, **cutoff)


def pseudoinverted(g: Any, y: Any, a: Any, *, hermitian: bool, rcond: Any = None, rtol: Any = None) -> Any:
    """Return the gradient of the matrix; the latter two terms move its row and column space."""
    rows = transposed(g) @ y @ adjoint(y)
    columns = adjoint(y) @ y @ transposed(g)
    turned = rows - a @ (y @ rows) + columns - (columns @ y) @ a
    return conjugated(turned) - transposed(y) @ g @ transposed(y)


def oblong(a: Any) -> Any:
    """Return matrices of full rank with singular values apart from each other: for tests."""
    m, n = np.shape(a)[-2:]
    return a * 0.25 + (np.eye(m, n) * np.arange(1.0, n + 1)).astype(np.float16)


OBLONG: list[Case] = [(((3, 3),), {}), (((3, 2),), {}), (((2, 3),), {}), (((2, 4, 2),), {})]
register(
    pseudoinverse,
    pseudoinverted,
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


# Determinants. The gradient is the matrix of cofactors, which is finite at singular matrices as well: it comes from
# the singular values, of which it takes products and no quotients. So does its derivative.
def others(s: Any) -> Any:
    """Return for each number along the last axis the product of all others."""
    one = np.ones_like(s, shape=(*np.shape(s)[:-1], 1))
    before = np.cumprod(np.concatenate((one, s[..., :-1]), -1), -1)
    after = np.cumprod(np.concatenate((one, s[..., :0:-1]), -1), -1)[..., ::-1]
    return before * after


def rotations(a: Any) -> tuple[Any, Any, Any]:
    """Return a = u s v with diagonal s; u takes the determinants of both unitary matrices with it, up to conjugation."""
    u, s, v = np.linalg.svd(a)
    return np.conjugate(u), s, np.conjugate(v), (np.linalg.det(u) * np.linalg.det(v))[..., None, None]


@dispatched
def cofactors(a: Any) -> Any:
    """Return the derivative of the determinant in each element."""
    u, s, v, d = rotations(a)
    return d * ((u * others(s)[..., None, :]) @ v) if s.size else np.ones_like(a)


@dispatched
def cofactor_slope(a: Any, h: Any) -> Any:
    """Return the derivative of the cofactors along h: for a = diag(s) the products of all s but two, times h."""
    u, s, v, d = rotations(a)
    if not s.size:
        return np.zeros_like(a)
    one = np.eye(s.shape[-1], dtype=bool)
    pairs = others(np.where(one, 1, s[..., None, :])) * ~one
    h = np.swapaxes(u, -1, -2) @ h @ np.swapaxes(v, -1, -2)
    diagonal = pairs @ np.diagonal(h, axis1=-2, axis2=-1)[..., None]
    return d * (u @ (diagonal * one - pairs * np.swapaxes(h, -1, -2)) @ v)


def third(g: Any, _y: Any, a: Any, h: Any) -> Any:
    """Return the gradient of a in the slope of cofactors along h. From here on, it takes the inverse."""
    inverse = np.linalg.inv(a)
    x, y = inverse @ h, inverse @ g
    tx, ty, txy = (np.expand_dims(np.trace(m, axis1=-2, axis2=-1), (-2, -1)) for m in (x, y, x @ y))
    inner = (tx * ty - txy) * identity(np.shape(a)[-1], x) - ty * x - tx * y + x @ y + y @ x
    return np.expand_dims(np.linalg.det(a), (-2, -1)) * transposed(inner @ inverse)


register(
    cofactor_slope,
    third,
    lambda g, _y, a, _h: cofactor_slope(a, g),
    cases=[(((3, 3), (3, 3)), {}), (((2, 2, 2), (2, 2, 2)), {})],
    prepare=lambda a, h: (separated(a), h),
)
register(cofactors, lambda g, _y, a: cofactor_slope(a, g), cases=SQUARE, prepare=separated)
register(
    np.linalg.det,
    lambda g, _y, a: np.expand_dims(g, (-2, -1)) * cofactors(a),
    signature="(m,m)->()",
    cases=SQUARE,
    prepare=separated,
)


@dispatched
def sign_of_det(a: Any) -> Any:
    """Return the sign of the determinant; of complex matrices its direction."""
    return np.linalg.slogdet(a)[0]


@dispatched
def log_of_det(a: Any) -> Any:
    """Return the logarithm of the determinant's size."""
    return np.linalg.slogdet(a)[1]


def turned_sign(g: Any, y: Any, a: Any) -> Any:
    """Return the gradient of the direction of a complex determinant; a sign is constant."""
    if not np.iscomplexobj(a):
        return np.zeros_like(a)
    return np.expand_dims(1j * np.imag(g * y), (-2, -1)) * transposed(np.linalg.inv(a))


register(sign_of_det, turned_sign, cases=SQUARE, prepare=separated)
register(
    log_of_det,
    lambda g, _y, a: np.expand_dims(g, (-2, -1)) * transposed(np.linalg.inv(a)),
    cases=SQUARE,
    prepare=separated,
)
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


@composite(np.linalg.slogdet, cases=SQUARE, prepare=separated)
def slogdet(a: Any) -> Any:
    """Return the sign of the determinant and the logarithm of its size; a singular matrix has no gradient."""
    return SlogdetResult(sign_of_det(a), log_of_det(a))
