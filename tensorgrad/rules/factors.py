"""Rules of factorizations: QR and Cholesky."""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import dispatched, getitem
from tensorgrad.op import composite, register
from tensorgrad.rules.eigen import ALL
from tensorgrad.rules.linalg import adjoint, conjugated, transposed
from tensorgrad.rules.matrices import OBLONG, SQUARE, oblong, positive


# QR. The gradient needs the first columns, as many as there are rows, to be independent.
@dispatched
def qr_found(a: Any) -> Any:
    """Return the orthonormal columns, and the triangle that combines them to `a`, in one row."""
    q, r = np.linalg.qr(a)
    batch = np.shape(a)[:-2]
    return np.concatenate([np.reshape(x, (*batch, math.prod(np.shape(x)[-2:]))) for x in (q, r)], axis=-1)


def qr_taken(row: Any, a: Any) -> tuple[Any, Any]:
    """Return both factors out of a row."""
    *batch, m, n = np.shape(a)
    k = min(m, n)
    q, r = getitem(row, (..., slice(0, m * k))), getitem(row, (..., slice(m * k, None)))
    return np.reshape(q, (*batch, m, k)), np.reshape(r, (*batch, k, n))


def of_qr(g: Any, row: Any, a: Any) -> Any:
    """Return the gradient of a matrix from that of both factors; of columns beyond the rows, r holds q^H times them."""
    (q, r), (gq, gr) = qr_taken(row, a), qr_taken(conjugated(g), a)
    k = np.shape(q)[-1]
    first, beyond = (..., slice(0, k)), (..., slice(k, None))
    wide = np.shape(r)[-1] > k
    if wide:
        gq, right = gq + getitem(a, beyond) @ adjoint(getitem(gr, beyond)), q @ getitem(gr, beyond)
        r, gr = getitem(r, first), getitem(gr, first)
    x = (gr @ adjoint(r) - adjoint(q) @ gq) * np.tri(k, dtype=bool).T
    sides = x + adjoint(x)
    sides = sides - sides * np.eye(k, dtype=bool) * 0.5
    left = adjoint(np.linalg.solve(r, adjoint(gq + q @ sides)))
    return conjugated(np.concatenate((left, right), axis=-1) if wide else left)


register(qr_found, of_qr, cases=[*OBLONG, (((2, 0, 0),), {})], prepare=oblong)


@dispatched
def qr_rest(a: Any) -> Any:
    """Return the columns that complete those of `q` to a basis."""
    return np.linalg.qr(a, "complete")[0][..., np.shape(a)[-1] :]


@dispatched
def qr_completion(_q: Any, rest: Any) -> Any:
    """Return `rest`, as a function of q: LAPACK's reflections make it e + w v^-H u^H, with w = (v, u) = q - e."""
    return np.copy(rest)


def of_qr_completion(g: Any, _y: Any, q: Any, _rest: Any) -> Any:
    """Return the gradient of q."""
    k = np.shape(q)[-1]
    w = q - np.eye(np.shape(q)[-2], k, dtype=np.int8)
    v, u = getitem(w, (..., slice(0, k), ALL)), getitem(w, (..., slice(k, None), ALL))
    z = np.linalg.solve(adjoint(v), adjoint(u))
    c = transposed(np.linalg.solve(conjugated(v), transposed(w) @ g))
    return g @ transposed(z) + np.concatenate((-conjugated(z @ c), conjugated(c)), axis=-2)


def with_rest(a: Any) -> tuple[Any, Any]:
    """Return orthonormal columns, and those that complete them: for tests."""
    a = oblong(a)
    return np.linalg.qr(a)[0], qr_rest(a)


register(qr_rest, cases=[(((3, 2),), {}), (((2, 4, 2),), {})], prepare=oblong)
register(qr_completion, of_qr_completion, None, cases=[(((3, 2),), {}), (((2, 4, 2),), {})], prepare=with_rest)
QRResult = type(np.linalg.qr(np.eye(1)))


@composite(
    np.linalg.qr,
    cases=[(shapes, {"mode": mode}) for shapes, _ in OBLONG for mode in ("reduced", "complete", "r")],
    prepare=oblong,
)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Return both factors, or r alone."""
    if mode not in ("reduced", "complete", "r"):
        raise TypeError(f"qr: mode {mode!r} has no derivative here; use 'reduced', 'complete' or 'r'")
    q, r = qr_taken(qr_found(a), a)
    if mode == "r":
        return r
    m, n = np.shape(a)[-2:]
    if mode == "complete" and m > n:
        q = np.concatenate((q, qr_completion(q, qr_rest(a))), axis=-1)
        r = np.concatenate((r, np.zeros_like(r, shape=(*np.shape(a)[:-2], m - n, n))), axis=-2)
    return QRResult(q, r)


# Cholesky
def of_cholesky(g: Any, y: Any, _a: Any, upper: bool = False) -> Any:
    """Return the gradient of a matrix from that of its factor (Murray 2016): Hermitian, though one triangle is read."""
    y, g = (adjoint(y), adjoint(conjugated(g))) if upper else (y, conjugated(g))
    n = np.shape(y)[-1]
    half = np.tri(n, dtype=np.int8) * 2 - np.eye(n, dtype=np.int8)
    x = (adjoint(y) @ g) * half * 0.5
    right = adjoint(np.linalg.solve(adjoint(y), adjoint(np.linalg.solve(adjoint(y), x))))
    return conjugated(right + adjoint(right)) * 0.5


register(
    np.linalg.cholesky,
    of_cholesky,
    signature="(m,m)->(m,m)",
    cases=[*SQUARE, (((3, 3),), {"upper": True}), (((2, 2, 2),), {"upper": True})],
    prepare=positive,
)
