"""Random programs of views and writes, on tensors and on plain arrays side by side: values, first and second gradients.

A program is a list of steps on a list of arrays. All steps are polynomial, so that the model of the gradient is exact:
the same program on complex arrays, of which one element of the input has moved by a tiny imaginary step.
"""

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrad as tg

TINY = 1e-30
SHAPES = [(2, 3), (3, 2), (4,), (2, 2, 2), (1, 4), (3, 3), ()]

# What steps do: each is called with the arrays (or tensors) and what was drawn


def values_of(arrays, source, shape, leading=0):
    """Return elements of an array, as many as a shape needs; a number is itself."""
    if isinstance(source, float):
        return source
    n = int(np.prod(shape))
    x = arrays[source]
    if np.shape(x) == tuple(shape) and not leading:
        return x[...]  # the memory itself: it may overlap with where it goes
    taken = np.reshape(x, (-1,))[np.arange(n) % max(x.size, 1)]
    return np.reshape(taken, (1,) * leading + tuple(shape))


def buffer(arrays, shape, fortran):
    new = np.zeros(shape, arrays[0].dtype, order="F" if fortran else "C")
    if isinstance(arrays[0], tg.Tensor):
        new = tg.tensor(new)
    arrays.append(new)


def product(arrays, i, source, fn):
    arrays.append(fn(arrays[i], values_of(arrays, source, arrays[i].shape)))


def view(arrays, i, look):
    arrays.append(look(arrays[i]))


def forget(arrays, i):
    arrays[i] = None  # an array that nobody holds any more may be written in place


def assign(arrays, i, index, source, leading):
    arrays[i][index] = values_of(arrays, source, np.shape(arrays[i][index]), leading)


def augment(arrays, i, source, fn):
    value = values_of(arrays, source, arrays[i].shape)
    if fn is np.add:
        arrays[i] += value
    elif fn is np.subtract:
        arrays[i] -= value
    else:
        arrays[i] *= value


def augment_part(arrays, i, index, source, fn):
    value = values_of(arrays, source, np.shape(arrays[i][index]))
    if fn is np.add:
        arrays[i][index] += value
    elif fn is np.subtract:
        arrays[i][index] -= value
    else:
        arrays[i][index] *= value


def into(arrays, i, j, source, fn, mask):
    x = values_of(arrays, j, arrays[i].shape)
    fn(x, values_of(arrays, source, arrays[i].shape), out=arrays[i], where=mask)


def at(arrays, i, index, source, fn):
    value = values_of(arrays, source, np.shape(arrays[i][index]))
    fn.at(arrays[i], index, value if isinstance(value, float) else np.copy(value))


def accumulate(arrays, i, axis):
    np.add.accumulate(arrays[i], axis=axis, out=arrays[i])


def sums(arrays, i, j):
    arrays[i][...] = np.sum(arrays[j])


def copyto(arrays, i, source, mask):
    np.copyto(arrays[i], values_of(arrays, source, arrays[i].shape), where=mask)


def put(arrays, i, places, source):
    np.put(arrays[i], places, values_of(arrays, source, (2,)))


def putmask(arrays, i, mask, source):
    np.putmask(arrays[i], mask, np.copy(values_of(arrays, source, (3,))))


def place(arrays, i, mask, source):
    np.place(arrays[i], mask, np.copy(values_of(arrays, source, (2,))))


def put_along(arrays, i, places, source, axis):
    np.put_along_axis(arrays[i], places, values_of(arrays, source, ()), axis)


def diagonal(arrays, i, source):
    np.fill_diagonal(arrays[i], np.copy(values_of(arrays, source, (2,))))


def flat(arrays, i, index, source):
    arrays[i].flat[index] = np.copy(values_of(arrays, source, (2,)))


def fill(arrays, i, number):
    arrays[i].fill(number)


def sort(arrays, i, axis):
    x = arrays[i]
    if isinstance(x, np.ndarray) and x.dtype == complex:  # by the real part: the imaginary one is the model's
        x[...] = np.take_along_axis(x, np.argsort(x.real, axis=axis), axis)
    else:
        x.sort(axis=axis)


# Which steps there are


def looks(x):
    """Return ways to look at an array, most of them views."""
    found = [lambda a: a.T, lambda a: a.ravel(), lambda a: np.expand_dims(a, 0), lambda a: np.squeeze(a)]
    found += [lambda a: a.reshape(-1), lambda a: np.reshape(a, (-1,), order="F"), lambda a: a[..., None]]
    found += [lambda a: a[::-1], lambda a: a[1:], lambda a: np.split(a, [1])[0]] if x.ndim else []
    if x.ndim > 1:
        found += [lambda a: a.swapaxes(0, -1), lambda a: np.moveaxis(a, -1, 0), lambda a: a.reshape(a.shape[::-1])]
        found += [lambda a: a[:, ::-1], lambda a: a[:, 0], lambda a: a[0], lambda a: a.T[1:]]
    return found


@st.composite
def programs(draw, length=9):
    """Draw the shape of the input and a list of steps that NumPy can do."""
    shape = draw(st.sampled_from(SHAPES))
    start = np.linspace(-0.8, 0.9, int(np.prod(shape))).reshape(shape)
    arrays = [start, start * 1.0]
    steps = []

    def indices(x):
        kinds = [hnp.basic_indices(x.shape, allow_newaxis=False)] * 2
        if x.ndim and x.size:
            kinds += [hnp.integer_array_indices(x.shape), hnp.arrays(bool, x.shape)]
        return draw(st.one_of(kinds))

    def source():
        return draw(st.one_of(st.sampled_from(alive), st.sampled_from(alive), st.sampled_from([0.5, -0.25])))

    for _ in range(draw(st.integers(length // 2, length))):
        alive = [i for i, x in enumerate(arrays) if x is not None]
        targets = [i for i in alive[1:] if arrays[i].flags.writeable]
        kind = draw(
            st.sampled_from(
                ["view"] * 3 + ["assign"] * 4 + ["augment", "augment_part", "other"] * 2 + ["other"] * 3 + ["new"]
            )
        )
        fn = draw(st.sampled_from([np.add, np.subtract, np.multiply]))
        i = draw(st.sampled_from(targets or [0]))
        x = arrays[i]
        mask = draw(hnp.arrays(bool, x.shape))
        if kind == "new" or not targets:
            step = draw(
                st.sampled_from(
                    [
                        (buffer, draw(st.sampled_from(SHAPES)), draw(st.booleans())),
                        (product, draw(st.sampled_from(alive)), source(), fn),
                    ]
                )
            )
        elif kind == "view":
            index = draw(hnp.basic_indices(x.shape, allow_newaxis=True))
            step = (view, i, draw(st.sampled_from([*looks(x), lambda a, index=index: a[index]])))
        elif kind == "assign":
            step = (assign, i, indices(x), source(), draw(st.sampled_from([0, 0, 1])))
        elif kind == "augment":
            step = (augment, i, source(), fn)
        elif kind == "augment_part":
            step = (augment_part, i, indices(x), source(), fn)
        else:
            places = draw(hnp.arrays(int, (2,), elements=st.integers(0, max(x.size - 1, 0))))
            axis = draw(st.integers(-x.ndim, x.ndim - 1)) if x.ndim else 0
            others = [
                (into, i, draw(st.sampled_from(alive)), source(), fn, draw(st.sampled_from([True, mask]))),
                (at, i, indices(x), source(), fn),
                (sums, i, draw(st.sampled_from(alive))),
                (copyto, i, source(), draw(st.sampled_from([True, mask]))),
                (putmask, i, mask, source()),
                (place, i, mask, source()),
                (fill, i, 0.25),
                (forget, i),
            ]
            if x.size:
                others += [(put, i, places, source()), (flat, i, places, source())]
            if x.ndim:
                others += [(sort, i, axis), (accumulate, i, axis), (flat, i, slice(1, None, 2), source())]
                along = hnp.arrays(int, [1] * x.ndim, elements=st.integers(0, max(x.shape[axis] - 1, 0)))
                others += [(put_along, i, draw(along), source(), axis)] if x.size else []
            if x.ndim == 2:
                others += [(diagonal, i, source())]
            step = draw(st.sampled_from(others))
        if do(arrays, step):
            steps.append(step)
    return start, steps


def do(arrays, step):
    """Take a step, and say whether NumPy can do it; results that are no arrays are let go."""
    fn, *drawn = step
    before = [None if a is None else a.copy() for a in arrays]
    try:
        fn(arrays, *drawn)
    except (ValueError, IndexError, TypeError):
        assert all(a is None or np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))
        return False
    if not isinstance(arrays[-1], np.ndarray | None):
        arrays.pop()
        return False
    return True


def total(arrays):
    """Return a number that depends on all arrays."""
    terms = [
        np.sum(x * np.cos(1.0 + i + np.arange(x.size)).reshape(x.shape)) for i, x in enumerate(arrays) if x is not None
    ]
    return sum(terms[1:], terms[0])


def run(start, steps, before=lambda arrays: None):
    """Return the number at the end of a program; `before` is called ahead of each step."""
    arrays = [start, start * 1.0]
    for fn, *drawn in steps:
        before(arrays)
        fn(arrays, *drawn)
    return total(arrays)


def side_by_side(start, steps, live):
    """Run a program on tensors and arrays, and compare all values after every step. Return the leaf and the number."""
    leaf = tg.tensor(start, requires_grad=live)
    tensors, arrays = [leaf, leaf * 1.0], [start.copy(), start * 1.0]
    held = []
    for number, (fn, *drawn) in enumerate(steps):
        if number % 3 == 1:  # arrays that somebody holds
            held += [(x.data, np.copy(x.data)) for x in tensors if x is not None]
        fn(tensors, *drawn)
        fn(arrays, *drawn)
        for t, a in zip(tensors, arrays, strict=True):
            if a is not None:
                np.testing.assert_array_equal(t.data, a)
                assert t.dtype == a.dtype
    for now, then in held:
        np.testing.assert_array_equal(now, then)
    return leaf, total(tensors)


def slope(start, steps):
    """Return the gradient of a program on arrays, by complex steps."""
    found = np.zeros(start.shape)
    for place in np.ndindex(start.shape):
        moved = start.astype(complex)
        moved[place] += 1j * TINY
        found[place] = run(moved, steps).imag / TINY
    return found


@settings(max_examples=40 * settings.default.max_examples)
@given(programs())
def test_values_and_gradients_of_a_program_are_numpys(program):
    start, steps = program
    side_by_side(start, steps, live=False)
    leaf, y = side_by_side(start, steps, live=True)
    (g,) = tg.gradients(y, [leaf])
    np.testing.assert_allclose(g, slope(start, steps), rtol=1e-9, atol=1e-12)


def gradient(start, steps):
    """Return the gradient of a program on tensors."""
    leaf = tg.tensor(start, requires_grad=True)
    return tg.gradients(run(leaf, steps), [leaf])[0]


@settings(max_examples=12 * settings.default.max_examples)
@given(programs(6))
def test_second_gradients_of_a_program_are_slopes_of_the_first(program):
    start, steps = program
    leaf = tg.tensor(start, requires_grad=True)
    (g,) = tg.gradients(run(leaf, steps), [leaf], create_graph=True)
    along = np.sin(1.0 + np.arange(start.size)).reshape(start.shape)
    found = tg.gradients(np.sum(g * along), [leaf])[0] if g.requires_grad else np.zeros(start.shape)
    if any(fn is sort for fn, *_ in steps):
        return  # a step might swap elements that are nearly equal
    h = 1e-4
    expected = (gradient(start + h * along, steps) - gradient(start - h * along, steps)) / (2 * h)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * (1 + np.abs(expected).max(initial=0)))
