"""Rules of Fourier transforms: four of one axis have rules, those of several axes go through them one by one.

A transform of complex numbers is a symmetric matrix, so its rule is the transform itself. Those between real numbers
and the half of a spectrum that says all count twice what stands for two frequencies.
"""

from typing import Any

import numpy as np

from tensorgrad.backends import getitem, scatter_add
from tensorgrad.op import Case, composite, register

UNDONE: dict[str | None, Any] = {  # what undoes the scaling of a transform, on the way back
    None: "forward",
    "backward": "forward",
    "ortho": "ortho",
    "forward": "backward",
}

ONE_AXIS: list[Case] = [
    (((4,),), {}),
    (((5,),), {"n": 3}),  # cropped
    (((3,),), {"n": 6}),  # padded with zeros
    (((3, 4),), {"axis": 0, "norm": "ortho"}),
    (((2, 5),), {"n": 4, "norm": "forward"}),
    (((4, 2),), {"n": 7, "axis": -2, "norm": "backward"}),
    (((1,),), {}),
]
SPECTRUM: list[Case] = [*ONE_AXIS[:-1], (((2, 1),), {"n": 1}), (((3, 0),), {"axis": 0})]


def fit(g: Any, n: int, axis: int) -> Any:
    """Return `g` with `n` elements along an axis: the first ones, or zeros behind."""
    shape = np.shape(g)
    have = shape[axis]
    if have == n:
        return g
    before = (slice(None),) * (axis % len(shape))
    if have > n:
        return getitem(g, (*before, slice(n)))
    return scatter_add(g, (*before, slice(have)), (*shape[: axis % len(shape)], n, *shape[axis % len(shape) + 1 :]))


def copies(n: int, g: Any, axis: int) -> Any:
    """Return how many of n frequencies each of the first half stands for, along an axis of `g`: one or two."""
    count = np.full(n // 2 + 1, 2, np.int8)  # so short an integer lifts no dtype
    count[0] = 1
    if n % 2 == 0:
        count[-1] = 1
    return np.reshape(count, (-1, *(1,) * (np.ndim(g) - 1 - axis % np.ndim(g))))


# Complex to complex
register(
    np.fft.fft,
    lambda g, _y, _x, n=None, axis=-1, norm=None: fit(np.fft.fft(g, None, axis, norm), np.shape(_x)[axis], axis),
    cases=[*ONE_AXIS, (((3, 0),), {"axis": 0})],
)
register(
    np.fft.ifft,
    lambda g, _y, _x, n=None, axis=-1, norm=None: fit(np.fft.ifft(g, None, axis, norm), np.shape(_x)[axis], axis),
    cases=[*ONE_AXIS, (((3, 0),), {"axis": 0})],
)


# Real to half a spectrum, and back
def rfft_rule(g: Any, _x: Any, n: int | None, axis: int, norm: Any) -> Any:
    """Return the gradient of the signal: a transform back, in which no frequency counts for two."""
    have = np.shape(_x)[axis]
    n = have if n is None else n
    return fit(np.fft.irfft(np.conjugate(g) / copies(n, g, axis), n, axis, UNDONE[norm]), have, axis)


def irfft_rule(g: Any, _x: Any, axis: int, norm: Any) -> Any:
    """Return the gradient of half a spectrum; of the frequencies that are real, that of the imaginary part is 0."""
    spectrum = np.conjugate(np.fft.rfft(g, None, axis, UNDONE[norm]))
    return fit(spectrum * copies(np.shape(g)[axis], g, axis), np.shape(_x)[axis], axis)


register(
    np.fft.rfft,
    lambda g, _y, _x, n=None, axis=-1, norm=None: rfft_rule(g, _x, n, axis, norm),
    cases=[*ONE_AXIS, (((3, 0),), {"axis": 0})],
)
register(np.fft.irfft, lambda g, _y, _x, n=None, axis=-1, norm=None: irfft_rule(g, _x, axis, norm), cases=SPECTRUM)


@composite(np.fft.hfft, cases=SPECTRUM)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """Return the real spectrum of a signal of which the other half is the conjugate."""
    return np.fft.irfft(np.conjugate(a), n, axis, UNDONE[norm])


@composite(np.fft.ihfft, cases=ONE_AXIS)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """Return half of the signal that has a real spectrum."""
    return np.conjugate(np.fft.rfft(a, n, axis, UNDONE[norm]))


# Several axes
def plan(a: Any, s: Any, axes: Any) -> list[tuple[Any, int]]:
    """Return the length, or None, and the axis of each transform."""
    if s is None:
        return [(None, axis) for axis in (range(np.ndim(a)) if axes is None else axes)]
    axes = range(-len(s), 0) if axes is None else axes
    if len(s) != len(axes):
        raise ValueError(f"s has {len(s)} lengths, for {len(axes)} axes")
    return [(np.shape(a)[axis] if n == -1 else n, axis) for n, axis in zip(s, axes, strict=True)]


def over(each: Any, last: Any, default: Any) -> Any:
    """Return the transform of several axes: `last` of the last one of them, `each` of the others.

    To half a spectrum it begins with the last axis, from half a spectrum it ends there.
    """

    def transform(a: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Any:
        steps = [(each, *step) for step in plan(a, s, axes)]
        if last is not each:
            steps[-1] = (last, *steps[-1][1:])
        for one, n, axis in steps if last is np.fft.irfft else reversed(steps):
            a = one(a, n, axis, norm)
        return a

    return transform


PLANES: list[Case] = [
    (((3, 4),), {}),
    (((2, 3, 2),), {"norm": "ortho"}),
    (((3, 2, 2),), {"axes": (0, -1)}),
    (((3, 4),), {"s": (2, 5), "axes": (-2, -1), "norm": "forward"}),
    (((3, 2),), {"s": (4, -1), "axes": (1, 0)}),
]
SPACES: list[Case] = [*PLANES, (((4,),), {}), (((2, 3, 2),), {"axes": (1,)})]
for fn, each, last in (
    (np.fft.fft2, np.fft.fft, np.fft.fft),
    (np.fft.ifft2, np.fft.ifft, np.fft.ifft),
    (np.fft.rfft2, np.fft.fft, np.fft.rfft),
    (np.fft.irfft2, np.fft.ifft, np.fft.irfft),
):
    composite(fn, cases=PLANES)(over(each, last, (-2, -1)))
for fn, each, last in (
    (np.fft.fftn, np.fft.fft, np.fft.fft),
    (np.fft.ifftn, np.fft.ifft, np.fft.ifft),
    (np.fft.rfftn, np.fft.fft, np.fft.rfft),
    (np.fft.irfftn, np.fft.ifft, np.fft.irfft),
):
    composite(fn, cases=SPACES)(over(each, last, None))

# Shifts of the zero frequency to the middle, and back
SHIFTS: list[Case] = [
    (((5,),), {}),
    (((3, 4),), {}),
    (((3, 4),), {"axes": 1}),
    (((2, 3, 2),), {"axes": (0, -2)}),
    (((0, 2),), {}),
]
register(np.fft.fftshift, lambda g, _y, _x, axes=None: np.fft.ifftshift(g, axes), cases=SHIFTS)
register(np.fft.ifftshift, lambda g, _y, _x, axes=None: np.fft.fftshift(g, axes), cases=SHIFTS)
