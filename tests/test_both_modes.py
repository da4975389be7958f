"""Forward and reverse mode tell the same derivative: of every op of the registry, and of random programs."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad.testing.calls import calls
from tensorgrad.testing.programs import programs
from tensorgrad.testing.weighing import results, weigh
from tensorgrad.trees import leaves, mapped, replaced

# Of the sum of the sizes of all terms: both ways do the same products in another order, so that nothing but rounding
# is between them, times what the op itself cancels.
ROUNDING = 1e-10


# Trees of arrays as vectors


def flat(tree):
    """Return the numbers of a tree as one vector."""
    return np.concatenate([np.zeros(0), *(np.ravel(a) for _, a in leaves(tree))])


def drawn_like(tree, seed=0):
    """Return a tree with other numbers: complex ones where it has such, and 0 for integers, which do not move."""
    rng = np.random.default_rng(seed)

    def draw(a):
        drawn = rng.uniform(-1, 1, np.shape(a))
        if np.asarray(a).dtype.kind not in "fc":
            return np.zeros_like(a)
        return drawn + 1j * rng.uniform(-1, 1, np.shape(a)) if np.iscomplexobj(a) else drawn

    return mapped(draw, tree)


def products(a, b):
    """Return the terms of the inner product of two trees, as real vectors: a complex number is a pair of real ones."""
    return np.real(np.conjugate(flat(a)) * flat(b))


def assert_agree(terms, others):
    """Assert that two sums are equal, to rounding of their terms."""
    assert np.all(np.isfinite(terms)) and np.all(np.isfinite(others))
    assert abs(np.sum(terms) - np.sum(others)) <= ROUNDING * (np.sum(np.abs(terms)) + np.sum(np.abs(others)))


def form(tree):
    """Return the path, shape and dtype of every array in a tree."""
    return [(path, np.shape(a), np.asarray(a).dtype) for path, a in leaves(tree)]


def assert_same_form(found, expected):
    assert form(found) == form(expected)


def assert_equal_trees(found, expected, scale=0.0):
    """Assert that trees are equal: in form, and to rounding of the largest number, or of `scale` if that is larger."""
    assert_same_form(found, expected)
    largest = max(scale, np.max(np.abs(flat(expected)), initial=0))
    assert np.all(np.isfinite(flat(expected)))
    np.testing.assert_allclose(flat(found), flat(expected), rtol=0, atol=ROUNDING * largest)


def part(tree, path):
    """Return what is at a path of a tree."""
    for key in path:
        tree = tree[key]
    return tree


# What holds for any function


def check_adjoint(f, arrays):
    """<c, J t> is <J' c, t>; and both modes give the value that the function has."""
    tangents = drawn_like(tuple(arrays))
    out, pullback = tg.vjp(f, *arrays)
    same, moved = tg.jvp(f, tuple(arrays), tangents)
    expected = f(*arrays)
    assert_same_form(out, expected)
    assert_same_form(same, expected)
    assert_same_form(moved, expected)
    np.testing.assert_allclose(flat(out), flat(expected), rtol=1e-13, atol=1e-14)  # a composite may round otherwise
    np.testing.assert_array_equal(flat(same), flat(out))
    cotangents = drawn_like(out, 1)
    assert_agree(products(cotangents, moved), products(pullback(cotangents), tangents))


def check_jacobian(f, arrays):
    """Each row of the Jacobian is the gradient that its unit cotangent gives; and all rows move as tangents do."""
    argnums = tuple(range(len(arrays)))
    tangents = drawn_like(tuple(arrays))
    found = tg.jacobian(f, argnums)(*arrays)
    out, pullback = tg.vjp(f, *arrays)
    _, moved = tg.jvp(f, tuple(arrays), tangents)
    scale = np.max(np.abs(flat(found)), initial=0)  # against which the elements of a row may cancel
    zeros = mapped(np.zeros_like, out)
    for path, y in leaves(out):
        blocks = part(found, path)
        assert [b.shape for b in blocks] == [(*np.shape(y), *x.shape) for x in arrays]
        if np.iscomplexobj(y):  # which real arrays move: no row of it is a gradient
            times = sum(np.tensordot(b, t, np.ndim(t)) for b, t in zip(blocks, tangents, strict=True))
            bound = ROUNDING * scale * np.sum(np.abs(flat(tangents)))
            np.testing.assert_allclose(times, part(moved, path), rtol=0, atol=bound)
            continue
        for place in np.ndindex(np.shape(y)):
            row = [block[place] for block in blocks]
            unit = np.zeros_like(y)
            unit[place] = 1
            assert_equal_trees(row, list(pullback(replaced(zeros, {path: unit}))), scale)
            movement = np.real(part(moved, path)[place])
            error = np.abs(np.sum(products(row, tangents)) - movement)
            assert error <= ROUNDING * scale * np.sum(np.abs(flat(tangents)))


def check_second_order(f, arrays):
    """A gradient moves along a tangent alike by each way of taking two derivatives; return that, and its scale."""
    arrays, argnums = tuple(arrays), tuple(range(len(arrays)))
    tangents = drawn_like(arrays)
    gradient, moved = tg.jvp(tg.grad(f, argnums), arrays, tangents)
    scale = max(np.abs(f(*arrays)), np.max(np.abs(flat(gradient)), initial=0))  # against which it may cancel

    def along_gradient(*xs):
        return sum(np.sum(product(g, t)) for g, t in zip(tg.grad(f, argnums)(*xs), tangents, strict=True))

    def along_tangent(*xs):
        return tg.jvp(f, xs, tangents)[1]

    assert_equal_trees(tg.grad(along_gradient, argnums)(*arrays), moved, scale)
    assert_equal_trees(tg.grad(along_tangent, argnums)(*arrays), moved, scale)
    _, curvature = tg.jvp(along_tangent, arrays, tangents)
    terms = products(moved, tangents)
    assert abs(curvature - np.sum(terms)) <= ROUNDING * (np.sum(np.abs(terms)) + scale)
    return moved, scale


def product(a, b):
    """Return the real inner product of numbers, each a pair of real ones where complex; recorded."""
    return np.real(np.conjugate(a) * b)


# Every op


def complex_values(call):
    return [a + 1j * np.flip(a) for a in call.values()]


LIBRARIES = ("numpy", "scipy", "tensorgrad")  # and not what other tests register, some of it wrong


def of_library(call):
    return (getattr(call.op.fn, "__module__", None) or "numpy").startswith(LIBRARIES)


def takes_complex(call):
    """Whether a call takes complex arrays, and gives such."""
    if str(getattr(call.op.fn, "__module__", "")).startswith("tensorgrad.nn"):  # a ufunc has none
        return False  # activations and losses are functions of real numbers
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return any(np.iscomplexobj(y) for y in results(call(*complex_values(call))))
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return False


COMPLEX = [call for call in calls("rules", "composite") if of_library(call) and takes_complex(call)]
ONCE = {"gamma", "rgamma", "loggamma"}  # their derivative is psi, of which no complex derivative is known
each_complex_call = pytest.mark.parametrize("complex_call", [pytest.param(c, id=str(c)) for c in COMPLEX])
each_complex_call_that_derives_twice = pytest.mark.parametrize(
    "complex_call", [pytest.param(c, id=str(c)) for c in COMPLEX if c.op.name not in ONCE]
)


def weighed_sum(call, arrays):
    """Return the call as a function to one real number."""
    rng = np.random.default_rng(2)
    weights = [rng.uniform(0.5, 1.5, np.shape(y)) for y in results(call(*arrays))]
    return lambda *xs: weigh(weights, call(*xs))


def test_forward_and_reverse_mode_are_adjoint(call):
    check_adjoint(call, call.values())


@each_complex_call
def test_forward_and_reverse_mode_are_adjoint_for_complex_numbers(complex_call):
    check_adjoint(complex_call, complex_values(complex_call))


def test_a_jacobian_is_that_of_one_pass_for_each_row(call):
    check_jacobian(call, call.values())


@each_complex_call
def test_a_jacobian_of_complex_numbers_moves_results_as_tangents_do(complex_call):
    arrays = tuple(complex_values(complex_call))
    tangents = drawn_like(arrays)
    _, moved = tg.jvp(complex_call, arrays, tangents)
    for path, movement in leaves(moved):

        def one(*xs, path=path):
            return part(complex_call(*xs), path)

        try:
            blocks = tg.jacobian(one, tuple(range(len(arrays))))(*arrays)
        except TypeError as error:
            assert "not holomorphic" in str(error)
            assert any(turns_otherwise(one, arrays, j) for j in range(len(arrays)))
            continue
        if not np.iscomplexobj(movement):  # the rows are gradients
            blocks = [np.conjugate(block) for block in blocks]
        terms = [np.tensordot(b, t, np.ndim(t)) for b, t in zip(blocks, tangents, strict=True)]
        times = sum(terms) if np.iscomplexobj(movement) else np.real(sum(terms))
        scale = max(np.max(np.abs(b), initial=0) for b in blocks)
        np.testing.assert_allclose(times, movement, rtol=0, atol=ROUNDING * scale * np.sum(np.abs(flat(tangents))))


def turns_otherwise(f, arrays, j):
    """Whether a movement of one array along i moves the result otherwise than i times a movement along 1."""
    along = [np.zeros_like(a) for a in arrays]
    if not np.iscomplexobj(along[j]):
        return False
    along[j] = drawn_like(arrays)[j]
    _, straight = tg.jvp(f, arrays, tuple(along))
    along[j] = 1j * along[j]
    _, turned = tg.jvp(f, arrays, tuple(along))
    return not np.allclose(turned, 1j * straight)


def mixed(call, rows):
    """Return a call followed by a matrix that gives so many numbers: each cotangent of the call is then full."""
    out = results(call(*call.values()))
    matrix = np.random.default_rng(3).uniform(-1, 1, (rows, sum(np.size(y) for y in out)))
    return lambda *xs: matrix @ np.concatenate([np.ravel(y) for y in results(call(*xs))])


def lengths(call):
    """Return the lengths of all axes of the arrays of a call and of its results."""
    arrays = call.values()
    return {n for a in [*arrays, *results(call(*arrays))] for n in np.shape(a)}


def test_a_jacobian_of_as_many_rows_as_no_axis_has_is_right(call):
    rows = next(n for n in (7, 11, 13, 17) if n not in lengths(call))
    check_jacobian(mixed(call, rows), call.values())


def test_a_jacobian_of_as_many_rows_as_an_axis_has_is_right(call):
    """Where rows could be taken for an axis of the arrays."""
    for rows in lengths(call) & {1, 2, 3, 4}:
        check_jacobian(mixed(call, rows), call.values())


def test_second_derivatives_are_the_same_in_every_way(call):
    arrays = call.values()
    f = weighed_sum(call, arrays)
    moved, scale = check_second_order(f, arrays)
    tangents = drawn_like(tuple(arrays))
    product = tg.hvp(f, tuple(arrays), tangents)
    assert_equal_trees(product if len(arrays) > 1 else (product,), moved, scale)


@each_complex_call_that_derives_twice
def test_second_derivatives_are_the_same_in_every_way_for_complex_numbers(complex_call):
    arrays = complex_values(complex_call)
    check_second_order(weighed_sum(complex_call, arrays), arrays)


@each_complex_call_that_derives_twice
def test_a_product_with_a_hessian_is_the_movement_of_the_gradient_for_complex_numbers(complex_call):
    arrays = tuple(complex_values(complex_call))
    f, tangents = weighed_sum(complex_call, arrays), drawn_like(arrays)
    gradient, moved = tg.jvp(tg.grad(f, tuple(range(len(arrays)))), arrays, tangents)
    found = tg.hvp(f, arrays, tangents)
    scale = max(np.abs(f(*arrays)), np.max(np.abs(flat(gradient)), initial=0))
    assert_equal_trees(found if len(arrays) > 1 else (found,), moved, scale)


def test_a_hessian_moves_gradients_as_tangents_do(call):
    arrays = call.values()
    f, argnums = weighed_sum(call, arrays), tuple(range(len(arrays)))
    tangents = drawn_like(tuple(arrays))
    gradient, moved = tg.jvp(tg.grad(f, argnums), tuple(arrays), tangents)
    found = tg.hessian(f, argnums)(*arrays)
    times = [sum(np.tensordot(b, t, np.ndim(t)) for b, t in zip(row, tangents, strict=True)) for row in found]
    assert_equal_trees(times, list(moved), scale=np.max(np.abs(flat(gradient)), initial=0))


def test_tangents_and_jacobians_keep_float32(call):
    arrays = [a.astype(np.float32) for a in call.values()]
    out, moved = tg.jvp(call, tuple(arrays), tuple(np.ones_like(a) for a in arrays))
    assert_same_form(out, call(*arrays))
    assert_same_form(moved, out)
    rows = tg.jacobian(call, tuple(range(len(arrays))))(*arrays)
    for path, y in leaves(out):
        assert {np.asarray(block).dtype for _, block in leaves(part(rows, path))} <= {
            np.asarray(y).dtype,
            np.dtype("f4"),
        }


def test_tangents_and_jacobians_are_arrays_of_their_own_and_no_array_is_changed(call):
    arrays = call.values()
    tangents = drawn_like(tuple(arrays))
    given = [*arrays, *tangents]
    before = [a.copy() for a in given]
    for a in given:
        a.flags.writeable = False  # a write raises
    _, moved = tg.jvp(call, tuple(arrays), tangents)
    blocks = tg.jacobian(call, tuple(range(len(arrays))))(*arrays)
    made = [a for tree in (moved, blocks) for _, a in leaves(tree) if isinstance(a, np.ndarray)]
    for a, other in itertools.combinations([*made, *given], 2):
        assert not np.shares_memory(a, other)
    assert all(a.flags.writeable for a in made)
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


# Complex numbers


def test_a_tangent_of_complex_numbers_is_that_of_real_and_imaginary_part():
    """Of |z|^2 z, which is not holomorphic: 2 |z|^2 t + z^2 t*, of which the adjoint is 2 |z|^2 c + z^2 c*."""
    z, t, c = 1.0 + 2.0j, 0.3 - 1.0j, -0.7 + 0.4j

    def f(z):
        return np.abs(z) ** 2 * z

    assert tg.jvp(f, (z,), (t,))[1] == pytest.approx(2 * abs(z) ** 2 * t + z * z * t.conjugate(), rel=1e-14)
    assert tg.vjp(f, z)[1](c)[0] == pytest.approx(2 * abs(z) ** 2 * c + z * z * c.conjugate(), rel=1e-14)


# Random programs


def arguments(program, seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-0.9, 0.9, shape) for shape in program.shapes]


MANY = settings(max_examples=60)  # of each test, for a program is one of very many
each_program = given(program=st.one_of(programs(1), programs(2), programs(3)), seed=st.integers(0, 99))
each_writing_program = given(program=programs(2, 8, writes=True), seed=st.integers(0, 99))


@MANY
@each_program
def test_both_modes_are_adjoint_for_a_random_program(program, seed):
    check_adjoint(program, arguments(program, seed))


@MANY
@each_writing_program
def test_both_modes_are_adjoint_for_a_random_program_that_writes_through_views(program, seed):
    check_adjoint(program, arguments(program, seed))


@settings(max_examples=30)
@each_program
def test_the_jacobian_of_a_random_program_is_that_of_one_pass_for_each_row(program, seed):
    check_jacobian(program, arguments(program, seed))


@settings(max_examples=30)
@each_writing_program
def test_the_jacobian_of_a_random_program_that_writes_is_that_of_one_pass_for_each_row(program, seed):
    check_jacobian(program, arguments(program, seed))


@MANY
@each_program
def test_second_derivatives_of_a_random_program_are_the_same_in_every_way(program, seed):
    arrays = arguments(program, seed)
    check_second_order(weighed_sum(program, arrays), arrays)


@MANY
@each_writing_program
def test_second_derivatives_of_a_random_program_that_writes_are_the_same_in_every_way(program, seed):
    arrays = arguments(program, seed)
    check_second_order(weighed_sum(program, arrays), arrays)


@MANY
@each_program
def test_both_modes_are_adjoint_for_a_random_program_of_complex_numbers(program, seed):
    check_adjoint(program, [a + 1j * np.flip(a) for a in arguments(program, seed)])
