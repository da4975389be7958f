"""Rules of singular values and singular vectors, under the conventions of eigen.py."""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import dispatched, getitem
from tensorgrad.op import Case, composite, register
from tensorgrad.rules.eigen import ALL, eigh_found, eigh_values, eigh_vectors, gaps, require_no
from tensorgrad.rules.linalg import adjoint, conjugated
from tensorgrad.rules.matrices import OBLONG, oblong


@dispatched
def svd_found(a: Any, full_matrices: bool) -> Any:
    """Return the left and the right singular vectors and the singular values, in one row."""
    u, s, vh = np.linalg.svd(a, full_matrices=full_matrices)
    batch = np.shape(a)[:-2]
    parts = [np.reshape(x, (*batch, math.prod(np.shape(x)[len(batch) :]))) for x in (u, vh, s)]
    return np.concatenate(parts, axis=-1)


def svd_taken(row: Any, a: Any) -> tuple[Any, Any]:
    """Return the left and the right singular vectors out of a row: as many as it has."""
    *batch, m, n = np.shape(a)
    k = min(m, n)
    left, right = (k, k) if np.shape(row)[-1] == m * k + k * n else (m, n)
    u, vh = getitem(row, (..., slice(0, m * left))), getitem(row, (..., slice(m * left, None)))
    return np.reshape(u, (*batch, m, left)), np.reshape(vh, (*batch, right, n))


@dispatched
def svd_values(a: Any, found: Any) -> Any:
    """Return the singular values."""
    start = np.shape(found)[-1] - min(np.shape(a)[-2:])
    return np.copy(np.real(getitem(found, (..., slice(start, None)))))


@dispatched
def svd_vectors(a: Any, found: Any) -> Any:
    """Return the singular vectors, left and right, in one row."""
    end = np.shape(found)[-1] - min(np.shape(a)[-2:])
    return np.copy(getitem(found, (..., slice(0, end))))


def of_svd_values(g: Any, s: Any, a: Any, found: Any) -> Any:
    """Return the gradient of a matrix from that of its singular values; at 0 they have slope 0, as abs has."""
    u, vh = svd_taken(svd_vectors(a, found), a)
    k = min(np.shape(a)[-2:])
    u, vh = getitem(u, (..., slice(0, k))), getitem(vh, (..., slice(0, k), ALL))
    return conjugated(u * np.expand_dims(g * np.sign(s), -2)) @ conjugated(vh)


def of_svd_vectors(g: Any, row: Any, a: Any, found: Any) -> Any:
    """Return the gradient of a matrix from that of its singular vectors."""
    s = svd_values(a, found)
    u, vh = svd_taken(row, a)
    gu, gvh = svd_taken(conjugated(g), a)
    u, gu = completed(u, gu, np.shape(s)[-1])
    v, gv = completed(adjoint(vh), adjoint(gvh), np.shape(s)[-1])
    x, y = adjoint(u) @ gu, adjoint(v) @ gv
    row_s, column_s = np.expand_dims(s, -2), np.expand_dims(s, -1)
    f = gaps(s * s)
    core = f * (x - adjoint(x)) * row_s + column_s * f * (y - adjoint(y))
    if np.iscomplexobj(a):
        one = np.eye(np.shape(s)[-1], dtype=bool)
        require_no(np.imag(x + y) * one, np.concatenate((gu, gv), axis=-2), "the phase of singular vectors")
        core = core + 1j * np.imag(x) * one / row_s
    out = u @ core @ adjoint(v)
    if np.shape(u)[-2] > np.shape(u)[-1]:
        out = out + ((gu - u @ x) / row_s) @ adjoint(v)
    if np.shape(v)[-2] > np.shape(v)[-1]:
        out = out + (u / row_s) @ adjoint(gv - v @ y)
    return conjugated(out)


def completed(u: Any, g: Any, k: int) -> tuple[Any, Any]:
    """Return the first k columns, with a gradient to which that of the other columns, orthogonal to them, is added."""
    if np.shape(u)[-1] == k:
        return u, g
    (u, rest), (g, more) = ((getitem(x, (..., slice(0, k))), getitem(x, (..., slice(k, None)))) for x in (u, g))
    free = adjoint(rest) @ more
    require_no(free - adjoint(free), more, "the choice of the singular vectors that complete a basis")
    return u, g - rest @ (adjoint(more) @ u)


def with_svd(a: Any) -> tuple[Any, Any]:
    """Return a matrix of full rank, and what was found of it: for tests."""
    a = oblong(a)
    return a, svd_found(a, full_matrices=False)


REDUCED: list[Case] = [(shapes, {"full_matrices": False}) for shapes, _ in [*OBLONG, (((0, 2),), {})]]
SVDResult = type(np.linalg.svd(np.eye(1)))
register(svd_found, cases=REDUCED, prepare=oblong)
register(svd_values, of_svd_values, None, cases=OBLONG, prepare=with_svd)
# As with `eigh`: what is tested is `svd`.
register(svd_vectors, of_svd_vectors, None, cases=[(((0, 2),), {})], prepare=with_svd)


@composite(
    np.linalg.svd,
    cases=[
        *REDUCED,
        (((3, 3),), {}),
        (((3, 2),), {}),
        (((2, 3),), {"full_matrices": True}),
        (((2, 3),), {"compute_uv": False}),
        (((3, 3),), {"hermitian": True}),
        (((3, 3),), {"hermitian": True, "compute_uv": False}),
    ],
    prepare=oblong,
)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Return singular vectors and values, or the values alone; a Hermitian matrix's come from its eigenvalues."""
    if hermitian:
        return svd_of_hermitian(a, compute_uv)
    full_matrices = full_matrices and compute_uv
    found = svd_found(a, full_matrices=full_matrices)
    s = svd_values(a, found)
    if not compute_uv:
        return s
    u, vh = svd_taken(svd_vectors(a, found), a)
    return SVDResult(u, s, vh)


def svd_of_hermitian(a: Any, compute_uv: bool) -> Any:
    """Return singular vectors and values, or values alone, by size of the eigenvalues."""
    found = eigh_found(a)
    w = eigh_values(a, found)
    order = np.flip(np.argsort(np.abs(eigh_values(a, found)), axis=-1), -1)  # an index: no gradient
    places = np.expand_dims(order, -2)
    *batch, n = np.shape(w)
    grids = [np.reshape(np.arange(m), (m, *(1,) * (len(batch) - i))) for i, m in enumerate(batch)]
    w = getitem(w, (*grids, order))
    s = np.abs(w)
    if not compute_uv:
        return s
    rows = np.arange(n)[:, None]
    v = getitem(eigh_vectors(a, found), (*(np.expand_dims(grid, -1) for grid in grids), rows, places))
    return SVDResult(v, s, adjoint(np.where(np.expand_dims(np.signbit(w), -2), -v, v)))


@composite(np.linalg.svdvals, cases=[*OBLONG, (((0, 2),), {})], prepare=oblong)
def svdvals(x: Any) -> Any:
    """Return the singular values."""
    return np.linalg.svd(x, compute_uv=False)
