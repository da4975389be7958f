"""Polynomials: coefficients from the highest power down (np.polyval and its kin), and sums of powers of two variables.

np.poly1d is a class of NumPy's own that holds arrays. A function that it shares with tensors refuses it.
"""

from typing import Any

import numpy as np
from numpy.polynomial import polynomial

from tensorgrad.backends import astype, dispatched, getitem, scatter_add
from tensorgrad.op import Case, composite, refuse, register, register_plain


def row(p: Any, function: str) -> Any:
    """Return coefficients as an array of at least one axis."""
    if isinstance(p, np.poly1d):
        raise TypeError(f"np.{function} takes no np.poly1d together with tensors: pass its coefficients, p.coeffs")
    if isinstance(p, list | tuple) and p:
        return np.stack([np.asarray(c) if isinstance(c, int | float | complex) else c for c in p])
    return p if np.ndim(p) else np.reshape(p, (1,))


@composite(
    np.vander,
    cases=[(((3,),), {}), (((3,),), {"N": 2}), (((2,),), {"N": 4, "increasing": True}), (((3,),), {"N": 0})],
)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return the powers of each element, in a row; float64 as NumPy's."""
    if np.ndim(x) != 1:
        raise ValueError(f"vander takes a row of numbers, got an array of {np.shape(x)}")
    powers = np.arange(np.shape(x)[0] if N is None else N)
    x = astype(x, np.promote_types(np.result_type(x), int))
    return np.power(np.expand_dims(x, 1), powers if increasing else powers[::-1])


@composite(
    np.polyval,
    cases=[
        (((3,), (4,)), {}),
        (((4,), (2, 3)), {}),
        (((1,), (3,)), {}),
        (((3, 2), (2,)), {}),
        (((3,), ()), {}),
        (((3, 2), (4, 1)), {}),
    ],
)
def polyval(p: Any, x: Any) -> Any:
    """Evaluate by Horner's scheme; each p[i] may itself be an array that broadcasts with x."""
    if isinstance(x, np.poly1d):
        raise TypeError(
            "np.polyval of a np.poly1d composes polynomials, which tensors cannot: write it with np.polymul"
        )
    p = p.coeffs if isinstance(p, np.poly1d) else p
    if not isinstance(p, list | tuple) and not np.ndim(p):
        raise TypeError("np.polyval takes a row of coefficients, got a number")
    y = np.zeros_like(x)
    for i in range(len(p) if isinstance(p, list | tuple) else np.shape(p)[0]):
        y = y * x + (p[i] if isinstance(p, list | tuple) else getitem(p, i))
    return y


@composite(
    np.polyder,
    cases=[(((4,),), {}), (((5,),), {"m": 2}), (((2,),), {"m": 0}), (((1,),), {}), (((2,),), {"m": 4})],
    view=True,
)
def polyder(p: Any, m: int = 1) -> Any:
    """Return the coefficients of the m-th derivative."""
    if m < 0:
        raise ValueError("polyder: the order m must not be negative; np.polyint integrates")
    p = row(p, "polyder")
    for _ in range(m):
        n = np.shape(p)[0] - 1
        p = getitem(p, slice(None, max(n, 0))) * np.arange(n, 0, -1)
    return p


@composite(
    np.polyint,
    cases=[(((3,),), {}), (((2,),), {"m": 2, "k": 1.5}), (((2,),), {"m": 2, "k": [1.0, 2.0]}), (((2,),), {"m": 0})],
    view=True,
)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Return the coefficients of the m-th integral, with the constants k in the order of integrations."""
    if m < 0:
        raise ValueError("polyint: the order m must not be negative; np.polyder differentiates")
    p = row(p, "polyint")
    k = np.zeros(m) if k is None else row(k, "polyint")
    if np.shape(k)[0] == 1 and m > 1:
        k = k * np.ones(m)
    if np.shape(k)[0] < m:
        raise ValueError(f"polyint: k is one constant or one for each of {m} integrations, got {np.shape(k)[0]}")
    for i in range(m):
        n = np.shape(p)[0]
        p = np.concatenate((p / np.arange(n, 0, -1), getitem(k, slice(i, i + 1))))
    return p


# Sums and products
def padded(p: Any, n: int) -> Any:
    """Return coefficients of degree n - 1 at least: zeros before the others."""
    have = np.shape(p)[0]
    return p if have >= n else scatter_add(p, slice(n - have, n), (n, *np.shape(p)[1:]))


PAIRS: list[Case] = [(((3,), (3,)), {}), (((2,), (4,)), {}), (((4,), (1,)), {}), (((3,), ()), {})]


@composite(np.polyadd, cases=PAIRS[1:])
def polyadd(a1: Any, a2: Any) -> Any:
    """Add coefficients of the same power."""
    a1, a2 = row(a1, "polyadd"), row(a2, "polyadd")
    n = max(np.shape(a1)[0], np.shape(a2)[0])
    return padded(a1, n) + padded(a2, n)


@composite(np.polysub, cases=PAIRS)
def polysub(a1: Any, a2: Any) -> Any:
    """Subtract coefficients of the same power."""
    a1, a2 = row(a1, "polysub"), row(a2, "polysub")
    n = max(np.shape(a1)[0], np.shape(a2)[0])
    return padded(a1, n) - padded(a2, n)


@composite(np.polymul, cases=PAIRS)
def polymul(a1: Any, a2: Any) -> Any:
    """Multiply polynomials: their coefficients are convolved."""
    return np.convolve(row(a1, "polymul"), row(a2, "polymul"))


@composite(
    np.polydiv,
    cases=[(((4,), (2,)), {}), (((5,), (3,)), {}), (((3,), (3,)), {}), (((2,), (3,)), {}), (((3,), (1,)), {})],
    prepare=lambda u, v: (u, v * (np.arange(np.size(v)) > 0) + (np.arange(np.size(v)) == 0)),
)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """Divide polynomials; of the remainder, what is next to 0 is cut from the front, as by NumPy."""
    u, v = row(u, "polydiv"), row(v, "polydiv")
    u, v = u + 0.0, v + 0.0
    m, n = np.shape(u)[0], np.shape(v)[0]
    rest = u if np.result_type(u) == np.result_type(u, v) else astype(u, np.result_type(u, v))
    if m < n:
        return getitem(rest, slice(1)) * 0, trimmed(rest)
    quotient = []
    for k in range(m - n + 1):
        quotient.append(getitem(rest, slice(k, k + 1)) * (1.0 / getitem(v, slice(1))))
        rest = rest - scatter_add(quotient[-1] * v, slice(k, k + n), (m,))
    return np.concatenate(quotient), trimmed(rest)


def trimmed(rest: Any) -> Any:
    """Return a remainder without leading zeros, as NumPy tells them."""
    start = 0
    while start < np.shape(rest)[0] - 1 and np.allclose(getitem(rest, start), 0, rtol=1e-14):
        start += 1
    return getitem(rest, slice(start, None)) if start else rest


# Roots
@dispatched
def come_in_pairs(roots: Any) -> bool:
    """Whether complex roots are those of a real polynomial, as NumPy tells it."""
    return bool(np.all(np.sort(roots) == np.sort(np.conjugate(roots))))


register_plain(come_in_pairs)


@composite(np.poly, cases=[(((3,),), {}), (((1,),), {}), (((2, 2),), {}), (((3, 3),), {})])
def poly(seq_of_zeros: Any) -> Any:
    """Return the coefficients of the polynomial with the given roots, or of a matrix's characteristic polynomial.

    The second by Faddeev and LeVerrier, without eigenvalues: they have no derivative where two are equal, it has.
    """
    roots = row(seq_of_zeros, "poly")
    shape = np.shape(roots)
    if len(shape) == 2 and shape[0] == shape[1] and shape[0]:
        return characteristic(roots)
    if len(shape) != 1:
        raise ValueError(f"poly takes a row of roots or a square matrix, got an array of {shape}")
    if not shape[0]:
        return 1.0
    roots = astype(roots, np.mintypecode(np.result_type(roots).char))
    p = np.ones_like(roots, shape=(1,))
    for i in range(shape[0]):
        n = np.shape(p)[0]
        root = getitem(roots, slice(i, i + 1))
        p = scatter_add(p, slice(n), (n + 1,)) - scatter_add(p * root, slice(1, n + 1), (n + 1,))
    return np.real(p) if np.iscomplexobj(p) and come_in_pairs(roots) else p


def characteristic(a: Any) -> Any:
    """Return the coefficients of det(x - a)."""
    n = np.shape(a)[0]
    if np.result_type(a) == np.float16:
        raise TypeError("array type float16 is unsupported in linalg")  # as NumPy says
    diagonal = np.eye(n, dtype=bool)
    product, coefficients = a, [np.ones_like(a, shape=())]
    for k in range(1, n + 1):
        coefficients.append(np.sum(product * diagonal) * (-1 / k))
        if k < n:
            product = a @ (product + coefficients[-1] * diagonal)
    return np.stack(coefficients)


def roots_rule(g: Any, r: Any, p: Any) -> Any:
    """Return the gradient of the coefficients: where p stays 0, dr = -r**k dp[k] / p'(r).

    Of a multiple root p' is 0, and the slope is infinite: a root in a square root of the coefficients.
    """
    n = np.shape(p)[0]
    powers = np.power(np.expand_dims(r, 1), np.arange(n - 1, -1, -1, dtype=np.int16))  # so short, it lifts no float32
    slopes = getitem(powers, (slice(None), slice(1, None))) @ (
        getitem(p, slice(None, -1)) * np.arange(n - 1, 0, -1, dtype=np.int16)
    )
    return -(g / slopes) @ powers


register(
    np.roots,
    roots_rule,
    forward=dispatched(lambda p: np.roots(p)),  # NumPy's asks the elements of p, not p, who is to do it
    prepare=lambda p: p + np.array([3.0, 1.0, -8.0, 0.5, 2.0])[: np.size(p)],
    domain=(-0.4, 0.4),
    cases=[(((3,),), {}), (((4,),), {}), (((5,),), {})],
)
refuse("fit with np.linalg.lstsq of np.vander, or compute on .data", np.polyfit)


# Sums of powers of two variables, from the lowest up; older versions of NumPy do not let other arrays have these two
def series(x: Any, c: Any, *, outer: bool) -> Any:
    """Evaluate along the first axis of the coefficients: at every x for each of the others, or elementwise."""
    c = np.reshape(c, (*np.shape(c), *(1,) * np.ndim(x))) if outer else c
    value = getitem(c, -1) + x * 0
    for i in range(2, np.shape(c)[0] + 1):
        value = getitem(c, -i) + value * x
    return value


def polyval2d(x: Any, y: Any, c: Any) -> Any:
    """Evaluate at the points (x, y)."""
    if np.shape(x) != np.shape(y):
        raise ValueError(f"polyval2d: x and y have one shape, got {np.shape(x)} and {np.shape(y)}")
    return series(y, series(x, c, outer=True), outer=False)


def polygrid2d(x: Any, y: Any, c: Any) -> Any:
    """Evaluate at all pairs of an x and a y."""
    return series(y, series(x, c, outer=True), outer=True)


if hasattr(polynomial.polyval2d, "_implementation"):
    composite(
        polynomial.polyval2d, cases=[(((4,), (4,), (2, 3)), {}), (((), (), (3, 2)), {}), (((2,), (2,), (2, 2, 3)), {})]
    )(polyval2d)
    composite(
        polynomial.polygrid2d,
        cases=[(((4,), (3,), (2, 3)), {}), (((), (2,), (3, 2)), {}), (((2,), (3,), (2, 2, 2)), {})],
    )(polygrid2d)
