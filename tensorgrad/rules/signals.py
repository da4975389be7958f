"""Rules of functions of signals: convolution, interpolation between samples, phases, sinc and the Bessel function."""

import math
from typing import Any

import numpy as np

from tensorgrad.backends import astype, dispatched, dtype_of, getitem, scatter_add
from tensorgrad.op import Case, composite, register

# Convolution. Every mode is a part of the full one, of which the gradient is a convolution with the other, backwards.
MODES: dict[Any, Any] = {0: "valid", 1: "same", 2: "full", "valid": "valid", "same": "same", "full": "full"}
CONVOLUTIONS: list[Case] = [
    (shapes, {"mode": mode})
    for mode in ("full", "same", "valid")
    for shapes in (((5,), (3,)), ((2,), (5,)), ((4,), (4,)), ((5,), (4,)), ((3,), (1,)))
]


def mode_of(mode: Any) -> Any:
    """Return the name of a mode."""
    if mode not in MODES:
        raise ValueError(f"mode is 'full', 'same' or 'valid', got {mode!r}")
    return MODES[mode]


def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    """`np.convolve` of the modes that rules know."""
    return np.convolve(a, v, mode_of(mode))


def full_gradient(g: Any, a: Any, v: Any, mode: Any) -> Any:
    """Return the gradient of the full convolution: zeros around that of the part which the mode gives."""
    n, m = np.size(a), np.size(v)
    start = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}[mode_of(mode)]
    whole = n + m - 1
    return g if np.size(g) == whole else scatter_add(g, slice(start, start + np.size(g)), (whole,))


def backwards(x: Any) -> Any:
    """Return a signal from its end to its start."""
    return getitem(x if np.ndim(x) else np.reshape(x, (1,)), slice(None, None, -1))


register(
    np.convolve,
    lambda g, _y, _a, v, mode="full": np.convolve(full_gradient(g, _a, v, mode), backwards(v), "valid"),
    lambda g, _y, a, _v, mode="full": np.convolve(full_gradient(g, a, _v, mode), backwards(a), "valid"),
    forward=convolve,
    cases=[(((5,), (3,)), {}), (((), (3,)), {}), *CONVOLUTIONS],
)


@composite(np.correlate, cases=[(((5,), (3,)), {}), *CONVOLUTIONS])
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Convolve with the conjugate of v, backwards; where 'same' has no middle, the other side is cut."""
    v = backwards(np.conjugate(v) if np.iscomplexobj(v) else v)
    n, m = np.size(a), np.size(v)
    if mode_of(mode) == "same" and n < m:
        return getitem(np.convolve(a, v), slice(n // 2, n // 2 + m))
    return np.convolve(a, v, mode_of(mode))


# Interpolation
def unpack_interp(args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Continue a periodic function by a sample on either side of its period."""
    params = {**dict(zip(("x", "xp", "fp", "left", "right", "period"), args, strict=False)), **params}
    if missing := [name for name in ("x", "xp", "fp") if name not in params]:
        raise TypeError(f"interp takes x, xp and fp: {' and '.join(missing)} missing")
    x, xp, fp = (params.pop(name) for name in ("x", "xp", "fp"))
    period = params.pop("period", None)
    if period is None:
        return (x, xp, fp), params
    if np.equal(period, 0):
        raise ValueError("interp: the period must not be 0")
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp):
        raise ValueError(f"interp: xp and fp are rows of one length, got {np.shape(xp)} and {np.shape(fp)}")
    period = np.abs(period)
    x, xp = (np.remainder(astype(a, np.float64), period) for a in (x, xp))
    order = np.argsort(xp)
    xp, fp = getitem(xp, order), getitem(fp if np.ndim(fp) and hasattr(fp, "dtype") else np.asarray(fp), order)
    first, last = slice(None, 1), slice(-1, None)
    xp = np.concatenate((getitem(xp, last) - period, xp, getitem(xp, first) + period))
    return (x, xp, np.concatenate((getitem(fp, last), fp, getitem(fp, first)))), {}


def bracket(x: Any, xp: Any) -> tuple[Any, Any, Any, Any]:
    """Return the indices of the samples around each x, how far it is from the first to the second, and if inside.

    At a sample the interval to its right counts, at the last one that to its left; outside, an end counts alone.
    """
    n = np.shape(xp)[0]
    low = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(n - 2, 0))
    high = np.minimum(low + 1, n - 1)
    before, after = np.less(x, getitem(xp, 0)), np.greater(x, getitem(xp, -1))
    inside = np.logical_not(np.logical_or(before, after))
    x0, x1 = getitem(xp, low), getitem(xp, high)
    part = (x - x0) / np.where(np.equal(x0, x1), 1, x1 - x0)
    return low, high, np.where(inside, part, np.where(after, 1.0, 0.0)), inside


def interp_x(g: Any, x: Any, xp: Any, fp: Any) -> Any:
    """Return the gradient of the places: the slope between the samples around each; 0 outside."""
    low, high, _, inside = bracket(x, xp)
    x0, x1 = getitem(xp, low), getitem(xp, high)
    rise = getitem(fp, high) - getitem(fp, low)
    return np.where(inside, g * rise / np.where(np.equal(x0, x1), 1, x1 - x0), 0)


def interp_xp(g: Any, x: Any, xp: Any, fp: Any) -> Any:
    """Return the gradient of the samples' places: to move both is to move x the other way."""
    low, high, part, _ = bracket(x, xp)
    slope = interp_x(g, x, xp, fp)
    return spread(-slope * (1 - part), low, xp) + spread(-slope * part, high, xp)


def interp_fp(g: Any, x: Any, xp: Any, left: Any, right: Any) -> Any:
    """Return the gradient of the samples: of each x shared between the two around it."""
    low, high, part, _ = bracket(x, xp)
    if left is not None:
        g = np.where(np.less(x, getitem(xp, 0)), 0, g)
    if right is not None:
        g = np.where(np.greater(x, getitem(xp, -1)), 0, g)
    return spread(g * (1 - part), low, xp) + spread(g * part, high, xp)


def spread(g: Any, index: Any, like: Any) -> Any:
    """Return the sums of what of `g` belongs to each sample."""
    return scatter_add(g, index, np.shape(like))


def between_knots(x: Any, xp: Any, fp: Any) -> tuple[Any, Any, Any]:
    """Return increasing places of samples, and others in the middle between them and outside: real numbers."""
    places = np.arange(np.size(x)).reshape(np.shape(x)) % (np.size(xp) + 1) - 1
    return np.real(x) + places, np.real(xp) + np.arange(np.size(xp)), fp


register(
    np.interp,
    lambda g, _y, x, xp, fp, left=None, right=None: interp_x(g, x, xp, fp),
    lambda g, _y, x, xp, fp, left=None, right=None: interp_xp(g, x, xp, fp),
    lambda g, _y, x, xp, _fp, left=None, right=None: interp_fp(g, x, xp, left, right),
    forward=lambda x, xp, fp, left=None, right=None: np.interp(x, xp, fp, left, right),
    unpack=unpack_interp,
    prepare=between_knots,
    domain=((0.35, 0.65), (-0.3, 0.3), (-2.0, 2.0)),
    cases=[
        (((6,), (4,), (4,)), {}),
        (((2, 3), (3,), (3,)), {"left": 1.5}),
        (((6,), (4,), (4,)), {"left": -1.0, "right": 2.0}),
        (((), (3,), (3,)), {}),
        (((3,), (1,), (1,)), {}),
        (((0,), (3,), (3,)), {}),
        (((6,), (4,), (4,)), {"period": 7.5}),
    ],
)

# Phases: whole periods are added, which are constant almost everywhere
register(
    np.unwrap,
    lambda g, _y, _x, discont=None, axis=-1, period=2 * math.pi: g,
    cases=[
        (((5,),), {}),
        (((2, 4),), {"axis": 0, "period": 1.37}),
        (((2, 4),), {"discont": 1.51, "axis": -1, "period": 1.37}),
    ],
)


# sinc: its n-th derivative for any n, without cancellation at 0
@dispatched
def sinc_derivative(x: Any, n: int) -> Any:
    """Return the n-th derivative of sinc: of f(y) = sin(y) / y at y = pi x, times pi**n.

    Beyond |y| = n/2 + 1 by the n-th derivative of y f(y) = sin(y): the error grows by n!/y**n, which is small there.
    Below by the power series of the n-th derivative, sum of (-1)**k y**(2k - n) / ((2k + 1) (2k - n)!).
    """
    y = math.pi * x
    far = np.abs(y) > n / 2 + 1
    large = np.where(far, y, n + 1)
    value = np.sin(large) / large
    for k in range(1, n + 1):
        value = ((np.sin, np.cos)[k % 2](large) * (-1) ** (k // 2) - k * value) / large
    small = np.where(far, 0, y)
    first = (n + 1) // 2
    term = (-1) ** first * small ** (2 * first - n)
    series = term / (2 * first + 1)
    for k in range(first + 1, first + 20 + n):
        term = -term * (small * small / ((2 * k - n) * (2 * k - n - 1)))
        series = series + term / (2 * k + 1)
    return math.pi**n * np.where(far, value, series)


register(np.sinc, lambda g, _y, x: g * sinc_derivative(x, 1))
register(
    sinc_derivative,
    lambda g, _y, x, n: g * sinc_derivative(x, n + 1),
    cases=[(((2, 3),), {"n": n}) for n in (0, 1, 2, 5)],
)


# i0: any derivative is a mean of functions without poles, and the mean of N points of a period is that good
@dispatched
def i0_derivative(x: Any, n: int) -> Any:
    """Return the n-th derivative of I0: the mean over the circle of cos(t)**n exp(x cos(t)).

    Of a periodic function the mean of equidistant points errs by its N-th Fourier coefficients, here I_N(x): less than
    1e-16 of I0(x) from N = sqrt(72 |x|) on. Points at opposite angles together give cosh or sinh: nothing cancels.
    """
    dtype = dtype_of(x)
    most = float(np.max(np.abs(np.where(np.isfinite(x), x, 0)), initial=0)) if np.size(x) else 0.0
    count = 2 * (10 + math.ceil(math.sqrt(72 * most) / 4))  # points in a quarter of the circle
    total = np.zeros_like(x)
    for k in range(count):
        cosine = math.cos((k + 0.5) * math.pi / (2 * count))
        total = total + (np.sinh if n % 2 else np.cosh)(cosine * x) * (cosine**n / count)
    return astype(total, dtype)


register(np.i0, lambda g, _y, x: g * i0_derivative(x, 1))
register(
    i0_derivative,
    lambda g, _y, x, n: g * i0_derivative(x, n + 1),
    cases=[(((2, 3),), {"n": n}) for n in (0, 1, 4)],
)
