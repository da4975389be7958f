"""Rules of elementwise functions: arithmetic, powers, exponentials, angles, choices between two arrays."""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import astype, foreign, owned
from tensorgrad.op import POSITIVE, UNIT, register

fn: np.ufunc

# Arithmetic
register(np.add, lambda g, _z, _x, _y: g, lambda g, _z, _x, _y: g)
register(np.subtract, lambda g, _z, _x, _y: g, lambda g, _z, _x, _y: -g)
register(np.multiply, lambda g, _z, _x, y: g * y, lambda g, _z, x, _y: g * x)
register(np.divide, lambda g, _z, _x, y: g / y, lambda g, z, _x, y: -g * z / y, domain=POSITIVE)
register(np.negative, lambda g, _y, _x: -g)
register(np.positive, lambda g, _y, _x: g)
register(np.reciprocal, lambda g, y, _x: -g * y * y, domain=POSITIVE)
for fn in (np.remainder, np.fmod):  # x - q y, with a quotient q that is constant almost everywhere
    register(
        fn,
        lambda g, _z, _x, _y: g,
        lambda g, z, x, y: -g * np.rint((x - z) / y),
        domain=((2.1, 2.3), (0.8, 1.0)),
    )
register(  # how a copy lies in memory is no matter of derivatives
    np.copy,
    lambda g, _y, _x, order="K", subok=False: g,
    forward=lambda a, order="K", subok=False: owned(a) if foreign(a) else np.array(a, order=order),
    elementwise=True,
)
register(astype, lambda g, _y, _x, dtype: g, elementwise=True, cases=[(((2, 3),), {"dtype": "float64"})])

# Powers. x**0 is flat; at x = 0 the slope in the exponent is the limit from the right.
for fn in (np.power, np.float_power):
    register(
        fn,
        lambda g, _z, x, y: g * slope_of_power(x, y),
        lambda g, z, x, _y: g * z * np.log(np.where(np.equal(x, 0), 1, x)),
        domain=(POSITIVE, (-2.0, 2.0)),
    )


def slope_of_power(x: Any, y: Any) -> Any:
    """Return the derivative of x**y in x."""
    if isinstance(y, int | float):
        return 2 * x if y == 2 else y * x ** (y - 1 if y else 1)
    return y * x ** np.where(np.logical_and(np.equal(x, 0), np.equal(y, 0)), 1, y - 1)


register(np.square, lambda g, _y, x: g * 2 * x)
register(np.sqrt, lambda g, y, _x: g * 0.5 / y, domain=POSITIVE)
register(np.cbrt, lambda g, y, _x: g / (3 * y * y), domain=POSITIVE)

# Exponentials and logarithms
register(np.exp, lambda g, y, _x: g * y)
register(np.exp2, lambda g, y, _x: g * y * math.log(2))
register(np.expm1, lambda g, y, _x: g * (y + 1))
register(np.log, lambda g, _y, x: g / x, domain=POSITIVE)
register(np.log2, lambda g, _y, x: g / (x * math.log(2)), domain=POSITIVE)
register(np.log10, lambda g, _y, x: g / (x * math.log(10)), domain=POSITIVE)
register(np.log1p, lambda g, _y, x: g / (x + 1), domain=POSITIVE)
register(
    np.logaddexp,
    lambda g, z, x, _y: g * np.exp(x - z),
    lambda g, z, _x, y: g * np.exp(y - z),
)
register(
    np.logaddexp2,
    lambda g, z, x, _y: g * np.exp2(x - z),
    lambda g, z, _x, y: g * np.exp2(y - z),
)

# Angles
register(np.sin, lambda g, _y, x: g * np.cos(x))
register(np.cos, lambda g, _y, x: -g * np.sin(x))
register(np.tan, lambda g, y, _x: g * (1 + y * y), domain=UNIT)
register(np.arcsin, lambda g, _y, x: g / np.sqrt(1 - x * x), domain=UNIT)
register(np.arccos, lambda g, _y, x: -g / np.sqrt(1 - x * x), domain=UNIT)
register(np.arctan, lambda g, _y, x: g / (1 + x * x))
register(  # at the origin, where no direction is, the slope is 0
    np.arctan2,
    lambda g, _z, y, x: g * x / not_zero(x * x + y * y),
    lambda g, _z, y, x: -g * y / not_zero(x * x + y * y),
    domain=POSITIVE,
)
register(
    np.hypot,
    lambda g, z, x, _y: g * x / not_zero(z),
    lambda g, z, _x, y: g * y / not_zero(z),
    domain=POSITIVE,
)


def not_zero(x: Any) -> Any:
    """Return `x` with 1 in place of 0, to divide 0 by."""
    return np.where(np.equal(x, 0), 1, x)


register(np.deg2rad, lambda g, _y, _x: g * (math.pi / 180))
register(np.radians, lambda g, _y, _x: g * (math.pi / 180))
register(np.rad2deg, lambda g, _y, _x: g * (180 / math.pi))
register(np.degrees, lambda g, _y, _x: g * (180 / math.pi))

# Hyperbolic functions
register(np.sinh, lambda g, _y, x: g * np.cosh(x))
register(np.cosh, lambda g, _y, x: g * np.sinh(x))
register(np.tanh, lambda g, y, _x: g - g * (y * y))  # without a Python number: that takes NumPy longer
register(np.arcsinh, lambda g, _y, x: g / np.sqrt(x * x + 1))
register(np.arccosh, lambda g, _y, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)), domain=(1.2, 3.0))
register(np.arctanh, lambda g, _y, x: g / (1 - x * x), domain=UNIT)

# Magnitudes. At 0 the slope is 0; for complex x it points along x.
register(np.absolute, lambda g, _y, x: g * (np.conjugate(direction(x)) if np.iscomplexobj(x) else np.sign(x)))
register(np.fabs, lambda g, _y, x: g * np.sign(x))


def direction(x: Any) -> Any:
    """Return x / |x| for complex x, and 0 for 0. It turns with x, so it is no piecewise constant `np.sign`."""
    return x / not_zero(np.abs(x))


# Choices. A tie shares the gradient evenly.
def share(g: Any, x: Any, y: Any) -> Any:
    """Return g where x is above y, half of it where they tie, 0 elsewhere."""
    ties = np.equal(x, y)
    if type(ties) is np.ndarray and not ties.any():
        return g * np.greater(x, y)
    return g * np.greater(x, y) + 0.5 * g * ties


register(np.maximum, lambda g, _z, x, y: share(g, x, y), lambda g, _z, x, y: share(g, y, x))
register(np.minimum, lambda g, _z, x, y: share(g, y, x), lambda g, _z, x, y: share(g, x, y))
register(  # as maximum, but any number is above NaN
    np.fmax,
    lambda g, _z, x, y: np.where(np.isnan(y), g, share(g, x, y)),
    lambda g, _z, x, y: np.where(np.isnan(x), g, share(g, y, x)),
)
register(  # as minimum, but any number is below NaN
    np.fmin,
    lambda g, _z, x, y: np.where(np.isnan(y), g, share(g, y, x)),
    lambda g, _z, x, y: np.where(np.isnan(x), g, share(g, x, y)),
)


def unpack_where(args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Refuse the other meaning of `np.where`."""
    if len(args) != 3:
        raise TypeError(f"where takes (condition, x, y), got {len(args)}; of one argument it is np.nonzero: call that")
    return args, params


register(
    np.where,
    None,
    lambda g, _z, c, _x, _y: np.where(c, g, 0),
    lambda g, _z, c, _x, _y: np.where(c, 0, g),
    unpack=unpack_where,
    elementwise=True,
)


# Clip. The gradient passes on the closed interval; outside of it, it goes to the bound.
def unpack_clip(args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Find the bounds by either of their names; either may be None, or missing."""
    params = {**dict(zip(("a", "a_min", "a_max", "out"), args, strict=False)), **params}
    a = params.pop("a")
    low = params.pop("a_min", params.pop("min", None))
    high = params.pop("a_max", params.pop("max", None))
    return (a, low, high), params


register(
    np.clip,
    lambda g, _z, x, low, high: g * inside(x, low, high),
    lambda g, _z, x, low, high: g * (np.less(x, low) & (True if high is None else np.less_equal(low, high))),
    lambda g, _z, x, low, high: g * (np.greater(x, high) | (False if low is None else np.greater(low, high))),
    forward=lambda x, low=None, high=None: np.clip(x, low, high),
    unpack=unpack_clip,
    elementwise=True,
    domain=((-2.0, 2.0), (-1.5, -0.5), (0.5, 1.5)),
)


def inside(x: Any, low: Any, high: Any) -> Any:
    """Whether x lies in the closed interval; a bound of None is none."""
    above = True if low is None else np.greater_equal(x, low)
    below = True if high is None else np.less_equal(x, high)
    return np.logical_and(above, below)


# Complex numbers. The pass transposes without conjugating (autograd.py), hence -i for the imaginary part.
register(np.conjugate, lambda g, _y, _x: np.conjugate(g))
register(np.real, lambda g, _y, _x: g, view=True)
register(np.imag, lambda g, _y, _x: g * -1j, view=True)
