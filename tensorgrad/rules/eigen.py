"""Rules of eigenvalues and eigenvectors; conventions that those of singular values share.

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

from typing import Any

import numpy as np

from tensorgrad.backends import dispatched, getitem
from tensorgrad.op import Case, composite, register
from tensorgrad.rules.linalg import adjoint, conjugated, transposed
from tensorgrad.rules.matrices import SQUARE, hermitian, turning

ALL = slice(None)


def gaps(x: Any) -> Any:
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
def eigh_found(a: Any, UPLO: Any = "L") -> Any:
    """Return the eigenvalues, and below each its eigenvector."""
    w, v = np.linalg.eigh(a, UPLO)
    return np.concatenate((np.expand_dims(w, -2), v), axis=-2)


@dispatched
def eigh_values(_a: Any, found: Any) -> Any:
    """Return the eigenvalues of a Hermitian matrix."""
    return np.copy(np.real(getitem(found, (..., 0, ALL))))


@dispatched
def eigh_vectors(_a: Any, found: Any) -> Any:
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
    core = gaps(eigh_values(a, found)) * (x - adjoint(x)) * 0.5
    return conjugated(v @ core @ adjoint(v))


def with_eigh(a: Any) -> tuple[Any, Any]:
    """Return a Hermitian matrix, and what was found of it: for tests."""
    a = hermitian(a)
    return a, eigh_found(a)


TRIANGLES: list[Case] = [*SQUARE, (((3, 3),), {"UPLO": "U"})]
EighResult = type(np.linalg.eigh(np.eye(1)))
register(eigh_found, cases=SQUARE, prepare=hermitian)
register(eigh_values, of_eigh_values, None, cases=SQUARE, prepare=with_eigh)
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
def eig_values(_a: Any, found: Any) -> Any:
    """Return the eigenvalues."""
    return np.copy(getitem(found, (..., 0, ALL)))


@dispatched
def eig_vectors(_a: Any, found: Any) -> Any:
    """Return eigenvectors in such a scale that no change of one is along itself."""
    return np.copy(getitem(found, (..., slice(1, None), ALL)))


def of_eig_values(g: Any, _w: Any, a: Any, found: Any) -> Any:
    """Return the gradient of a matrix from that of its eigenvalues."""
    v = transposed(eig_vectors(a, found))
    return np.linalg.solve(v, np.expand_dims(g, -1) * v)


def of_eig_vectors(g: Any, v: Any, a: Any, found: Any) -> Any:
    """Return the gradient of a matrix from that of its eigenvectors."""
    rows = transposed(v)
    return np.linalg.solve(rows, (gaps(eig_values(a, found)) * (rows @ g)) @ rows)


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
