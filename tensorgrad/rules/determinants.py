"""Rules of determinants.

The gradient of `det` is the matrix of cofactors, which is finite at singular matrices as well: it comes from singular
values, of which it takes products and no quotients. So does its derivative; third and higher ones take the inverse.
"""

from typing import Any

import numpy as np

from tensorgrad.backends import dispatched
from tensorgrad.op import composite, register
from tensorgrad.rules.linalg import identity, transposed
from tensorgrad.rules.matrices import SQUARE, separated


def others(s: Any) -> Any:
    """Return for each number along the last axis the product of all others."""
    one = np.ones_like(s, shape=(*np.shape(s)[:-1], 1))
    before = np.cumprod(np.concatenate((one, s[..., :-1]), -1), -1)
    after = np.cumprod(np.concatenate((one, s[..., :0:-1]), -1), -1)[..., ::-1]
    return before * after


def rotations(a: Any) -> tuple[Any, Any, Any, Any]:
    """Return the conjugates of u and v in a = u diag(s) v, with s between them, and the determinant of u v."""
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
