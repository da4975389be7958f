"""Random programs of views and writes, on tensors and on plain arrays side by side: values, first and second gradients.

All their lines are polynomial, so that the model of the gradient is exact: the same program on complex arrays, of which
one element of the input has moved by a tiny imaginary step.
"""

import re
from dataclasses import replace

import numpy as np
from hypothesis import given, settings

import tensorgrad as tg
from tensorgrad.testing.strategies import programs

TINY = 1e-30
SORT = re.compile(r"(\w+)\.sort\(axis=(-?\d)\)")


def start_of(program):
    (shape,) = program.shapes
    return np.linspace(-0.8, 0.9, int(np.prod(shape))).reshape(shape)


def total(arrays):
    """Return a number that depends on all arrays."""
    terms = [np.sum(x * np.cos(1.0 + i + np.arange(x.size)).reshape(x.shape)) for i, x in enumerate(arrays)]
    return sum(terms[1:], terms[0])


def number(program, x):
    """Return the number at the end of a program."""
    out = program(x)
    return total(out if isinstance(out, tuple) else (out,))


def side_by_side(program, live):
    """Run a program on tensors and arrays, and compare all values after every line. Return the leaf and the number."""
    start = start_of(program)
    leaf = tg.tensor(start, requires_grad=live)
    held, values = [], {"x": leaf}
    for line, (tensors, arrays) in enumerate(zip(program.states(leaf), program.states(start.copy()), strict=True)):
        assert tensors.keys() == arrays.keys()
        for name, a in arrays.items():
            np.testing.assert_array_equal(tensors[name].data, a)
            assert tensors[name].dtype == a.dtype
        if line % 3 == 0:  # arrays that somebody holds
            held += [(x.data, np.copy(x.data)) for x in tensors.values()]
        values = tensors
    for now, then in held:
        np.testing.assert_array_equal(now, then)
    return leaf, total([values[name] for name in program.results])


def by_real_part(program):
    """Return the program with complex arrays sorted by their real part: the imaginary one is the model's."""
    order = r"\1[...] = np.take_along_axis(\1, np.argsort(\1.real, axis=\2), \2)"
    return replace(program, lines=tuple(SORT.sub(order, line) for line in program.lines))


def slope(program):
    """Return the gradient of a program on arrays, by complex steps."""
    start = start_of(program)
    found, model = np.zeros(start.shape), by_real_part(program)
    for place in np.ndindex(start.shape):
        moved = start.astype(complex)
        moved[place] += 1j * TINY
        found[place] = number(model, moved).imag / TINY
    return found


@settings(max_examples=40 * settings.default.max_examples)
@given(programs(1, 9, writes=True))
def test_values_and_gradients_of_a_program_are_numpys(program):
    side_by_side(program, live=False)
    leaf, y = side_by_side(program, live=True)
    (g,) = tg.gradients(y, [leaf])
    np.testing.assert_allclose(g, slope(program), rtol=1e-9, atol=1e-12)


def gradient(program, start):
    """Return the gradient of a program on tensors."""
    leaf = tg.tensor(start, requires_grad=True)
    return tg.gradients(number(program, leaf), [leaf])[0]


@settings(max_examples=12 * settings.default.max_examples)
@given(programs(1, 6, writes=True))
def test_second_gradients_of_a_program_are_slopes_of_the_first(program):
    start = start_of(program)
    leaf = tg.tensor(start, requires_grad=True)
    (g,) = tg.gradients(number(program, leaf), [leaf], create_graph=True)
    along = np.sin(1.0 + np.arange(start.size)).reshape(start.shape)
    found = tg.gradients(np.sum(g * along), [leaf])[0] if g.requires_grad else np.zeros(start.shape)
    if any(SORT.search(line) for line in program.lines):
        return  # a step might swap elements that are nearly equal
    h = 1e-4
    expected = (gradient(program, start + h * along) - gradient(program, start - h * along)) / (2 * h)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * (1 + np.abs(expected).max(initial=0)))
