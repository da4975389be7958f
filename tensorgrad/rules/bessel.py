"""Rules of the Bessel functions and the orthogonal polynomials of scipy.special, by the recurrences of their orders.

The order is a parameter: in it there is no derivative. Functions scaled by an exponential of a real part, or of the
absolute value, are not holomorphic: they have a derivative for real numbers.
"""

from typing import Any

import numpy as np
from scipy import special as sp

from tensorgrad.op import POSITIVE, UNIT, register
from tensorgrad.rules.parametric import last

# Of order 0 and 1. What is divided by x elsewhere is a function of order 2 here, which is exact at 0.
register(sp.j0, lambda g, _y, x: -g * sp.j1(x))
register(sp.j1, lambda g, _y, x: 0.5 * g * (sp.j0(x) - sp.jv(2, x)))
register(sp.y0, lambda g, _y, x: -g * sp.y1(x), domain=POSITIVE)
register(sp.y1, lambda g, _y, x: 0.5 * g * (sp.y0(x) - sp.yv(2, x)), domain=POSITIVE)
register(sp.i0, lambda g, _y, x: g * sp.i1(x))
register(sp.i1, lambda g, _y, x: 0.5 * g * (sp.i0(x) + sp.iv(2, x)))
register(sp.k0, lambda g, _y, x: -g * sp.k1(x), domain=POSITIVE)
register(sp.k1, lambda g, _y, x: -0.5 * g * (sp.k0(x) + sp.kv(2, x)), domain=POSITIVE)
register(sp.i0e, lambda g, y, x: g * (sp.i1e(x) - np.sign(x) * y))
register(sp.i1e, lambda g, y, x: g * (0.5 * (sp.i0e(x) + sp.ive(2, x)) - np.sign(x) * y))
register(sp.k0e, lambda g, y, x: g * (y - sp.k1e(x)), domain=POSITIVE)
register(sp.k1e, lambda g, y, x: g * (y - 0.5 * (sp.k0e(x) + sp.kve(2, x))), domain=POSITIVE)


def halves(fn: Any, g: Any, v: Any, x: Any, sign: int) -> Any:
    """Return g times half the sum, or difference, of the functions of the orders below and above."""
    return 0.5 * g * (fn(v - 1, x) + fn(v + 1, x) if sign > 0 else fn(v - 1, x) - fn(v + 1, x))


# Of any order
last(sp.jv, "v", lambda g, _y, x, v: halves(sp.jv, g, v, x, -1), (1.5,))
last(sp.yv, "v", lambda g, _y, x, v: halves(sp.yv, g, v, x, -1), (1.5,))
last(sp.yn, "v", lambda g, _y, x, v: halves(sp.yn, g, v, x, -1), (0,))
last(sp.iv, "v", lambda g, _y, x, v: halves(sp.iv, g, v, x, 1), (1.5,))
last(sp.kv, "v", lambda g, _y, x, v: -halves(sp.kv, g, v, x, 1), (1.5,))
last(sp.kn, "v", lambda g, _y, x, v: -halves(sp.kn, g, v, x, 1), (1,))
last(sp.hankel1, "v", lambda g, _y, x, v: halves(sp.hankel1, g, v, x, -1), (1.5,))
last(sp.hankel2, "v", lambda g, _y, x, v: halves(sp.hankel2, g, v, x, -1), (1.5,))

# Scaled: by exp(-|Im x|), exp(-|Re x|), exp(x), exp(-ix), exp(ix)
last(sp.jve, "v", lambda g, _y, x, v: halves(sp.jve, g, v, x, -1), (1.5,), real=True)
last(sp.yve, "v", lambda g, _y, x, v: halves(sp.yve, g, v, x, -1), (1.5,), real=True)
last(sp.ive, "v", lambda g, y, x, v: halves(sp.ive, g, v, x, 1) - g * np.sign(x) * y, (1.5,), real=True)
last(sp.kve, "v", lambda g, y, x, v: g * y - halves(sp.kve, g, v, x, 1), (1.5,))
last(sp.hankel1e, "v", lambda g, y, x, v: halves(sp.hankel1e, g, v, x, -1) - 1j * g * y, (1.5,))
last(sp.hankel2e, "v", lambda g, y, x, v: halves(sp.hankel2e, g, v, x, -1) + 1j * g * y, (1.5,))


# Orthogonal polynomials of whole degree n: the derivative is one of the degree below
def degree(n: Any, factor: Any, polynomial: Any, *args: Any) -> Any:
    """Return factor times a polynomial of degree n - 1, which is 0 for n = 0."""
    if not np.all(np.equal(n, np.rint(n))):
        raise TypeError("a polynomial's degree is a whole number: of broken degree it has no derivative here")
    return np.where(np.equal(n, 0), 0, factor * polynomial(np.maximum(n - 1, 0), *args))


last(sp.eval_legendre, "n", lambda g, _y, x, n: g * degree(n, 1, sp.eval_gegenbauer, 1.5, x), (3,), UNIT)
last(sp.eval_chebyt, "n", lambda g, _y, x, n: g * degree(n, n, sp.eval_chebyu, x), (3,), UNIT)
last(sp.eval_chebyu, "n", lambda g, _y, x, n: g * degree(n, 2, sp.eval_gegenbauer, 2.0, x), (3,), UNIT)
last(
    sp.eval_gegenbauer,
    "na",
    lambda g, _y, x, n, a: g * degree(n, 2 * a, sp.eval_gegenbauer, a + 1, x),
    (3, 0.7),
    UNIT,
)
last(
    sp.eval_jacobi,
    "nab",
    lambda g, _y, x, n, a, b: g * degree(n, 0.5 * (n + a + b + 1), sp.eval_jacobi, a + 1, b + 1, x),
    (3, 0.7, 0.4),
    UNIT,
)
last(sp.eval_laguerre, "n", lambda g, _y, x, n: g * degree(n, -1, sp.eval_genlaguerre, 1.0, x), (3,), UNIT)
last(sp.eval_genlaguerre, "na", lambda g, _y, x, n, a: g * degree(n, -1, sp.eval_genlaguerre, a + 1, x), (3, 0.7), UNIT)
last(sp.eval_hermite, "n", lambda g, _y, x, n: g * degree(n, 2 * n, sp.eval_hermite, x), (3,), UNIT)
last(sp.eval_hermitenorm, "n", lambda g, _y, x, n: g * degree(n, n, sp.eval_hermitenorm, x), (3,), UNIT)
