"""Functions of the parts of numbers: sign and step, mantissa and exponent, angle, special values, bits."""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import astype, dispatched, foreign
from tensorgrad.op import Case, composite, register, register_plain

# Sign and step


@composite(np.heaviside, cases=[(((2, 3), (3,)), {}), (((), ()), {})])
def heaviside(x1: Any, x2: Any) -> Any:
    """Return 0 before 0 and 1 behind it, which has no slope, and at 0 x2, which has a gradient there."""
    return np.where(np.equal(x1, 0), x2, 0.5 + 0.5 * np.sign(x1))


register(
    np.copysign,  # at 0, as abs, flat
    lambda g, z, x, _y: g * np.sign(x) * np.sign(z),
    None,
)
register(np.nextafter, lambda g, _z, _x, _y: g, None)  # x, and a step that is constant almost everywhere
register(np.spacing)
register(np.around)
register_plain(np.isneginf, np.isposinf)

# Mantissa and exponent


@dispatched
def exponent(x: Any) -> Any:
    """Return the exponent that np.frexp does."""
    return np.frexp(x)[1]


register(exponent)
register(
    np.ldexp,
    lambda g, _z, _x, n: np.ldexp(g, n),
    None,
    cases=[(((3,),), {}), (((2, 1),), {}), (((),), {})],
    prepare=lambda x: (x, np.array([3, 0, -2])),
)


@composite(np.frexp, cases=[(((2, 3),), {}), (((),), {})], domain=(0.51, 0.99))
def frexp(x: Any) -> tuple[Any, Any]:
    """Return the mantissa, and the exponent, which is a constant integer."""
    n = exponent(x)
    return np.ldexp(x, -n), n


# Complex numbers


@composite(np.angle, cases=[(((2, 3),), {}), (((),), {"deg": True})])
def angle(z: Any, deg: bool = False) -> Any:
    """Return the angle of a complex number to the positive real axis; at 0 it is 0, and has slope 0."""
    found = np.arctan2(np.imag(z), np.real(z))
    return found * (180 / math.pi) if deg else found


@composite(np.real_if_close, cases=[(((2, 3),), {})], view=True)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """Return the real part if every imaginary part is nothing but rounding, and then the gradient is that of it."""
    if not np.iscomplexobj(a):
        return np.real(a)
    limit = tol if tol <= 1 else tol * float(np.finfo(np.result_type(a)).eps)
    close = np.all(np.less(np.abs(np.imag(a)), limit))
    if foreign(close):
        raise TypeError("real_if_close would have to look at values that this array type may not have yet: use np.real")
    return np.real(a) if close else np.positive(a)


# Special values


@composite(
    np.nan_to_num,
    cases=[(((2, 3),), {"posinf": 7.0}), (((2, 3),), {"nan": 1.5, "posinf": 7.0, "neginf": -7.0})],
    prepare=lambda x: np.where(np.less(x, -1.01), np.nan, np.where(np.greater(x, 1.01), np.inf, x)),
)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Return finite numbers as they are, and a constant, which may have a gradient, in place of any other."""
    if not copy:
        raise TypeError("nan_to_num with copy=False would write into a tensor: leave it out, and assign the result")
    if np.iscomplexobj(x):
        return nan_to_num(np.real(x), True, nan, posinf, neginf) + 1j * nan_to_num(
            np.imag(x), True, nan, posinf, neginf
        )
    dtype = np.result_type(x)
    if dtype.kind != "f":
        return np.positive(x)
    greatest = float(np.finfo(dtype).max)
    y = np.where(np.isnan(x), nan, x)
    y = np.where(np.isposinf(x), greatest if posinf is None else posinf, y)
    return astype(np.where(np.isneginf(x), -greatest if neginf is None else neginf, y), dtype)


# Integers and bits: values without gradient


def whole(*arrays: Any) -> tuple[Any, ...]:
    """Return small numbers that are not negative, as integers, for tests."""
    return tuple(astype(np.abs(np.rint(x)), np.int64) for x in arrays)


fn: np.ufunc
ONE: list[Case] = [(((2, 3),), {}), (((),), {})]
TWO: list[Case] = [(((2, 3), (3,)), {}), (((), ()), {})]
for fn in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.gcd, np.lcm):
    register(fn, cases=TWO, prepare=whole)
for fn in (np.invert, np.bitwise_count):
    register(fn, cases=ONE, prepare=whole)
for packing in (np.packbits, np.unpackbits):
    register(packing, cases=ONE[:1], prepare=lambda x: astype(np.abs(np.rint(x)), np.uint8))
