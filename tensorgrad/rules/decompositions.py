"""Rules of decompositions: eigenvalues and -vectors, singular values and vectors, QR, Cholesky.

Each comes out of LAPACK as one array, `found`, once. Its parts are functions of the matrix and of `found`, so that a
loss of eigenvalues alone never meets the rule of eigenvectors, which divides by the gaps between eigenvalues.

Conventions. Vectors that belong to equal eigenvalues, or singular values, are arbitrary: a loss that depends on them
has a gradient of inf or nan. Complex eigenvectors of Hermitian matrices and complex singular vectors are known up to a
factor of size 1, which LAPACK chooses: a loss that depends on it raises ValueError. So does one that depends on which
of the vectors LAPACK chose that complete a basis (`svd` with full_matrices). Hermitian matrices, of which NumPy reads
one triangle, get a Hermitian gradient, as if it had read both.

Rules that are not holomorphic are written as in the literature, for gradients dL/dx + i dL/dy, with adjoints; the
pass's are the conjugates of these.
"""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import dispatched, foreign, getitem
from tensorgrad.op import Case, composite, register
from tensorgrad.rules.linalg import adjoint, conjugated, identity, transposed
from tensorgrad.rules.solving import OBLONG, hermitian, oblong

ALL = slice(None)


def gaps(x: Any, like: Any) -> Any:
    """Return 1 / (x_j - x_i), and 0 where i is j."""
    one = np.eye(np.shape(x)[-1], dtype=bool)
    return ~one / (np.expand_dims(x, -2) - np.expand_dims(x, -1) + one)


def require_no(excess: Any, g: Any, what: str) -> None:
    """Raise unless `excess` is 0, but for rounding, beside the gradient `g` that it was computed from."""
    close = float(np.finfo(np.result_type(g)).eps) ** 0.5
    broken = np.any(np.greater(np.abs(excess), close * np.sum(np.abs(g), axis=(-2, -1), keepdims=True)))
    if isinstance(broken, bool | np.bool_) and broken:
        raise ValueError(
            f"the loss depends on {what}, which LAPACK chooses arbitrarily: it has no gradient. "
            "Use what does not depend on it, such as v * np.conjugate(v) or the projector on a space"
        )


# Hermitian matrices
@dispatched
def eigh_found(a: Any, UPLO: str = "L") -> Any:
    """Return the eigenvalues, and below each its eigenvector."""
    w, v = np.linalg.eigh(a, UPLO)
    return np.concatenate((np.expand_dims(w, -2), v), axis=-2)


@dispatched
def eigh_values(a: Any, found: Any) -> Any:
    """Return the eigenvalues of a Hermitian matrix."""
    return np.copy(np.real(getitem(found, (..., 0, ALL))))


@dispatched
def eigh_vectors(a: Any, found: Any) -> Any:
    """Return the eigenvectors of a Hermitian matrix."""
    return np.copy(getitem(found, (..., slice(1, None), ALL)))


def of_eigh_values(g: Any, _w: Any, a: Any, found: Any) -> Any:
    """Return the gradient of a matrix from that of its eigenvalues."""
    v = eigh_vectors(a, found)
    return (conjugated(v) * np.expand_dims(g, -2)) @ transposed(v)


def of_eigh_vectors(g: Any, v: Any, a: Any, found: Any) -> Any:
    """Return the gradient of a matrix from that of its eigenvectors."""
    x = adjoint(v) @ conjugated(g)
    if np.iscomplexobj(x):
        require_no(np.imag(x) * np.eye(np.shape(x)[-1], dtype=bool), g, "the phase of eigenvectors")
    core = gaps(eigh_values(a, found), g) * (x - adjoint(x)) * 0.5
    return conjugated(v @ core @ adjoint(v))


def with_eigh(a: Any) -> tuple[Any, Any]:
    """Return a Hermitian matrix, and what was found of it: for tests."""
    a = hermitian(a)
    return a, eigh_found(a)


HERMITIAN: list[Case] = [(((3, 3),), {}), (((2, 2, 2),), {}), (((1, 1),), {}), (((0, 0),), {}), (((0, 2, 2),), {})]
TRIANGLES: list[Case] = [*HERMITIAN, (((3, 3),), {"UPLO": "U"})]
EighResult = type(np.linalg.eigh(np.eye(1)))
register(eigh_found, cases=HERMITIAN, prepare=hermitian)
register(eigh_values, of_eigh_values, None, cases=HERMITIAN, prepare=with_eigh)
# Its phases are LAPACK's, so what is tested is `eigh`, where users fix them.
register(eigh_vectors, of_eigh_vectors, None, cases=[(((2, 0, 0),), {})], prepare=with_eigh)


@composite(np.linalg.eigh, cases=TRIANGLES, prepare=hermitian)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Return the eigenvalues and eigenvectors of a Hermitian matrix."""
    found = eigh_found(a, UPLO)
    return EighResult(eigh_values(a, found), eigh_vectors(a, found))


@composite(np.linalg.eigvalsh, cases=TRIANGLES, prepare=hermitian)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Return the eigenvalues of a Hermitian matrix."""
    return eigh_values(a, eigh_found(a, UPLO))


# Any square matrix. Where eigenvectors do not span the space (a defective matrix), there is no gradient.
@dispatched
def eig_found(a: Any) -> Any:
    """Return the eigenvalues, and below each its eigenvector."""
    w, v = np.linalg.eig(a)
    return np.concatenate((np.expand_dims(w, -2), v), axis=-2)


@dispatched
def eig_values(a: Any, found: Any) -> Any:
    """Return the eigenvalues."""
    return np.copy(getitem(found, (..., 0, ALL)))


@dispatched
def eig_vectors(a: Any, found: Any) -> Any:
    """Return eigenvectors in such a scale that no change of one is along itself."""
    return np.copy(getitem(found, (..., slice(1, None), ALL)))


def of_eig_values(g: Any, _w: Any, a: Any, found: Any) -> Any:
    """Return the gradient of a matrix from that of its eigenvalues."""
    v = transposed(eig_vectors(a, found))
    return np.linalg.solve(v, np.expand_dims(g, -1) * v)


def of_eig_vectors(g: Any, v: Any, a: Any, found: Any) -> Any:
    """Return the gradient of a matrix from that of its eigenvectors."""
    rows = transposed(v)
    return np.linalg.solve(rows, (gaps(eig_values(a, found), g) * (rows @ g)) @ rows)


def turning(a: Any) -> Any:
    """Return a matrix with eigenvalues apart from each other, if it is 3 by 3 two of them complex: for tests."""
    n = np.shape(a)[-1]
    fixed = np.diag(np.arange(1.0, n + 1))
    if n == 3:
        fixed[:2, :2] = [[1, 2], [-2, 1]]
    return a * 0.25 + fixed.astype(np.float16)


def with_eig(a: Any) -> tuple[Any, Any]:
    """Return a matrix with complex eigenvalues, and what was found of it: for tests."""
    a = turning(a)
    return a, eig_found(a)


GENERAL: list[Case] = [(((3, 3),), {}), (((2, 2, 2),), {}), (((1, 1),), {}), (((0, 2, 2),), {})]
EigResult = type(np.linalg.eig(np.eye(1)))
register(eig_found, cases=GENERAL, prepare=turning)
register(eig_values, of_eig_values, None, cases=GENERAL, prepare=with_eig)


@composite(np.linalg.eigvals, cases=GENERAL, prepare=turning)
def eigvals(a: Any) -> Any:
    """Return the eigenvalues."""
    return eig_values(a, eig_found(a))


# The rule is for vectors of free length, so its own test is that of `eig`, which fixes it.
register(eig_vectors, of_eig_vectors, None, cases=[(((2, 0, 0),), {})], prepare=with_eig)


@composite(np.linalg.eig, cases=GENERAL, prepare=turning)
def eig(a: Any) -> Any:
    """Return the eigenvalues and eigenvectors, of length 1 and, as LAPACK promises, the largest element real."""
    found = eig_found(a)
    v = eig_vectors(a, found)
    v = v / np.linalg.norm(v, axis=-2, keepdims=True)
    if np.iscomplexobj(found) and np.shape(a)[-1]:
        fixed = getitem(found, (..., slice(1, None), ALL))
        size = np.abs(fixed) * np.equal(np.imag(fixed), 0)
        best = np.equal(size, np.max(size, axis=-2, keepdims=True))
        one = best & np.equal(np.cumsum(best, axis=-2), 1)  # the first, if elements tie
        chosen, real = (np.sum(x * one, axis=-2, keepdims=True) for x in (v, fixed))
        v = v * np.conjugate(chosen / (np.abs(chosen) * np.sign(np.real(real))))
    return EigResult(eig_values(a, found), v)


# Singular values
@dispatched
def svd_found(a: Any, full_matrices: bool) -> Any:
    """Return the left and the right singular vectors and the singular values, in one row."""
    u, s, vh = np.linalg.svd(a, full_matrices=full_matrices)
    batch = np.shape(a)[:-2]
    parts = [np.reshape(x, (*batch, math.prod(np.shape(x)[len(batch) :]))) for x in (u, vh, s)]
    return np.concatenate(parts, axis=-1)


def svd_sizes(a: Any, full_matrices: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of the left and the right singular vectors."""
    *batch, m, n = np.shape(a)
    k = min(m, n)
    return (*batch, m, m if full_matrices else k), (*batch, n if full_matrices else k, n)


def svd_taken(row: Any, a: Any, full_matrices: bool) -> tuple[Any, Any]:
    """Return the left and the right singular vectors out of a row."""
    left, right = svd_sizes(a, full_matrices)
    n, k = math.prod(left[-2:]), math.prod(right[-2:])
    u, vh = getitem(row, (..., slice(0, n))), getitem(row, (..., slice(n, n + k)))
    return np.reshape(u, left), np.reshape(vh, right)


@dispatched
def svd_values(a: Any, found: Any, full_matrices: bool) -> Any:
    """Return the singular values."""
    start = np.shape(found)[-1] - min(np.shape(a)[-2:])
    return np.copy(np.real(getitem(found, (..., slice(start, None)))))


@dispatched
def svd_vectors(a: Any, found: Any, full_matrices: bool) -> Any:
    """Return the singular vectors, left and right, in one row."""
    end = np.shape(found)[-1] - min(np.shape(a)[-2:])
    return np.copy(getitem(found, (..., slice(0, end))))


def of_svd_values(g: Any, s: Any, a: Any, found: Any, full_matrices: bool) -> Any:
    """Return the gradient of a matrix from that of its singular values; at 0 they have slope 0, as abs has."""
    u, vh = svd_taken(svd_vectors(a, found, full_matrices=full_matrices), a, full_matrices)
    k = min(np.shape(a)[-2:])
    u, vh = getitem(u, (..., slice(0, k))), getitem(vh, (..., slice(0, k), ALL))
    return conjugated(u * np.expand_dims(g * np.sign(s), -2)) @ conjugated(vh)


def of_svd_vectors(g: Any, row: Any, a: Any, found: Any, full_matrices: bool) -> Any:
    """Return the gradient of a matrix from that of its singular vectors."""
    s = svd_values(a, found, full_matrices=full_matrices)
    u, vh = svd_taken(row, a, full_matrices)
    gu, gvh = svd_taken(conjugated(g), a, full_matrices)
    u, gu = completed(u, gu, np.shape(s)[-1])
    v, gv = completed(adjoint(vh), adjoint(gvh), np.shape(s)[-1])
    x, y = adjoint(u) @ gu, adjoint(v) @ gv
    row_s, column_s = np.expand_dims(s, -2), np.expand_dims(s, -1)
    f = gaps(s * s, s)
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
register(svd_values, of_svd_values, None, cases=REDUCED, prepare=with_svd)
# As with `eigh`: what is tested is `svd`.
register(svd_vectors, of_svd_vectors, None, cases=[(((0, 2),), {"full_matrices": False})], prepare=with_svd)


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
    s = svd_values(a, found, full_matrices=full_matrices)
    if not compute_uv:
        return s
    u, vh = svd_taken(svd_vectors(a, found, full_matrices=full_matrices), a, full_matrices)
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
def qr_completion(q: Any, rest: Any) -> Any:
    """Return `rest`, as a function of q: LAPACK's reflections make it e + w v^-H u^H, with w = (v, u) = q - e."""
    return np.copy(rest)


def of_qr_completion(g: Any, _y: Any, q: Any, rest: Any) -> Any:
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
def positive(a: Any) -> Any:
    """Return a positive definite matrix: for tests."""
    return a @ adjoint(a) * 0.25 + np.eye(np.shape(a)[-1], dtype=np.int8)


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
    cases=[*HERMITIAN, (((3, 3),), {"upper": True}), (((2, 2, 2),), {"upper": True})],
    prepare=positive,
)
