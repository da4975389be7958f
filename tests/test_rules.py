"""Every rule of the registry: against NumPy, against finite differences, in every dtype, shape and memory layout."""

import itertools
import re

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrad as tg
from tensorgrad.backends import gather_sums, scatter_add
from tensorgrad.testing.calls import domains_of
from tensorgrad.testing.strategies import arrays_of, shapes
from tensorgrad.testing.weighing import results

STEP = 1e-3  # the grid of values is coarser, so no step crosses a kink or a tie
# Richardson leaves STEP**4 / 480 of the fifth derivative, up to 1e6 in the domains (arctanh at 0.9): 2e-9; rounding
# leaves 2e-16 / STEP of the value. A wrong rule is off by far more.
CLOSE = {"rtol": 1e-6, "atol": 1e-8}


def slope(f):
    """Return the derivative of f at 0, by central differences and Richardson's extrapolation."""
    coarse = (f(STEP) - f(-STEP)) / (2 * STEP)
    fine = (f(STEP / 2) - f(-STEP / 2)) / STEP
    return (4 * fine - coarse) / 3


def moved(arrays, which, direction):
    """Return arrays as a function of how far the one at `which` has moved."""
    return lambda t: [a + t * direction if j == which else a for j, a in enumerate(arrays)]


def finite_differences(f, arrays):
    """Return the gradient of a number f(arrays) for each array, element by element."""
    found = [np.zeros(a.shape) for a in arrays]
    for which, a in enumerate(arrays):
        for place in np.ndindex(a.shape):
            direction = np.zeros(a.shape)
            direction[place] = 1.0
            path = moved(arrays, which, direction)
            found[which][place] = slope(lambda t, path=path: f(path(t)))
    return found


def flat(arrays):
    return np.concatenate([np.ravel(a) for a in arrays])


def steps(out):
    """Return every node behind a result, or several, but for the leaves."""
    found, stack = set(), [y.node for y in results(out)]
    while stack:
        node = stack.pop()
        if node is not None and node.op is not None and node not in found:
            found.add(node)
            stack.extend(node.inputs)
    return found


def rules_of(node):
    """Return the rules by which gradients flow from a node."""
    pairs = zip(node.op.vjps, node.inputs)  # noqa: B905  # for any number of arrays, the rules are endless
    return [vjp for vjp, n in pairs if n is not None and vjp is not None]


# The registry


def test_every_differentiable_op_is_tested(uncovered):
    assert uncovered == [], "these show no call: give their entries cases=..."


def test_an_op_without_cases_is_elementwise(call):
    if call.elementwise:
        assert np.shape(call(*call.values())) == np.broadcast_shapes(*call.shapes)


def test_each_case_fits_the_domain_of_its_op(call):
    for a, (low, high) in zip(call.values(), domains_of(call.op, len(call.shapes)), strict=True):
        assert np.all((a >= low) & (a <= high))


# Values


@given(data=st.data())
def test_forward_equals_numpy(call, data):
    arrays = data.draw(arrays_of(call))
    expected = call(*arrays)
    out = call(*[tg.tensor(a, requires_grad=True) for a in arrays])
    assert len(results(out)) == len(results(expected))
    for y, e in zip(results(out), results(expected), strict=True):
        assert isinstance(y, tg.Tensor)
        assert y.shape == np.shape(e)
        assert y.dtype == e.dtype
        np.testing.assert_allclose(y.data, e, rtol=1e-14, atol=1e-15)  # a composite may round in another order


@given(data=st.data())
def test_gradient_equals_finite_differences(call, weighed, data):
    arrays = data.draw(arrays_of(call))
    f, weights = weighed(call, arrays)
    arrays = [*weights, *arrays]
    expected = finite_differences(f, arrays)
    for g, e in zip(f.gradients(arrays), expected, strict=True):
        np.testing.assert_allclose(g, e, **CLOSE)


@given(data=st.data())
def test_second_gradient_equals_finite_differences(call, weighed, data):
    """The Hessian, also for weights and between arrays, along a random direction."""
    arrays = data.draw(arrays_of(call))
    f, weights = weighed(call, arrays)
    arrays = [*weights, *arrays]
    along = [np.random.default_rng(j).uniform(-1, 1, a.shape) for j, a in enumerate(arrays)]
    expected = slope(lambda t: flat(f.gradients([a + t * v for a, v in zip(arrays, along, strict=True)])))
    np.testing.assert_allclose(flat(f.curvature(arrays, along)), expected, **CLOSE)


# Side effects


@given(data=st.data())
def test_no_array_is_changed(call, weighed, data):
    arrays = data.draw(arrays_of(call))
    f, weights = weighed(call, arrays)
    arrays = [*weights, *arrays]
    before = [a.copy() for a in arrays]
    f.gradients(arrays)
    f.curvature(arrays, before)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_rule_writes_into_what_it_is_given(call):
    """What a rule gets, other rules get too. Read-only arrays raise when written to."""
    for node in steps(call(*[tg.tensor(a, requires_grad=True) for a in call.values()])):
        given = [a for a in (node.out, *node.args) if isinstance(a, np.ndarray)]
        g = np.ones(node.shape)
        for a in (g, *given):
            a.flags.writeable = False
        for vjp in rules_of(node):
            vjp(g, node.out, *node.op.given(node.args), **node.params)


def test_gradients_share_no_memory(call, weighed):
    arrays = call.values()
    f, weights = weighed(call, arrays)
    arrays = [*weights, *arrays]
    found = f.gradients(arrays)
    for g, other in itertools.combinations([*found, *arrays], 2):
        assert not np.shares_memory(g, other)


def test_gradients_can_be_written_to(call, weighed):
    arrays = call.values()
    f, weights = weighed(call, arrays)
    for g in f.gradients([*weights, *arrays]):
        assert g.flags.writeable


# Dtypes


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_result_and_gradients_keep_the_dtype(call, weighed, dtype):
    arrays = [a.astype(dtype) for a in call.values()]
    try:
        expected = call(*arrays)
    except TypeError as error:  # LAPACK has no half precision
        with pytest.raises(TypeError, match=re.escape(str(error))):
            call(*[tg.tensor(a, requires_grad=True) for a in arrays])
        return
    f, weights = weighed(call, arrays)
    out = call(*[tg.tensor(a, requires_grad=True) for a in arrays])
    assert [y.dtype for y in results(out)] == [e.dtype for e in results(expected)]
    weights = [w.astype(dtype) for w in weights]
    for g, a in zip(f.gradients([*weights, *arrays]), [*weights, *arrays], strict=True):
        assert (g.dtype, g.shape) == (a.dtype, a.shape)
    for g, a in zip(f.curvature([*weights, *arrays], [*weights, *arrays]), [*weights, *arrays], strict=True):
        assert (g.dtype, g.shape) == (a.dtype, a.shape)


def test_gradients_in_float32_are_those_in_float64(call, weighed):
    arrays = [a.astype(np.float32) for a in call.values()]
    f, weights = weighed(call, arrays)
    arrays = [*[w.astype(np.float32) for w in weights], *arrays]
    exact = f.gradients([a.astype(np.float64) for a in arrays])
    for g, e in zip(f.gradients(arrays), exact, strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-4, atol=1e-5)  # float32 has 7 digits; a few get lost in cancellation


def test_rules_compute_in_the_dtype_of_their_arrays(call):
    """The engine would cast a gradient back; but in float32 a rule is to compute in float32."""
    for node in steps(call(*[tg.tensor(a.astype(np.float32), requires_grad=True) for a in call.values()])):
        if node.dtype == np.float32:  # not of a conversion
            for vjp in rules_of(node):
                g = vjp(np.ones(node.shape, np.float32), node.out, *node.op.given(node.args), **node.params)
                assert np.real(g).dtype == np.float32


# Complex numbers


def test_gradient_of_complex_arrays_is_that_of_real_and_imaginary_parts(call, weighed):
    """dL/dx + i dL/dy of a real L, by finite differences along both axes."""
    if str(getattr(call.op.fn, "__module__", "")).startswith("tensorgrad.nn"):  # a ufunc has none
        return  # activations and losses are functions of real numbers
    arrays = [a + 1j * np.flip(a) for a in call.values()]
    try:
        out = call(*arrays)
    except (TypeError, ValueError, np.exceptions.ComplexWarning) as error:  # no such function of complex numbers
        with pytest.raises(type(error)):
            call(*[tg.tensor(a, requires_grad=True) for a in arrays])
        return
    if not any(np.iscomplexobj(y) for y in results(out)):
        return
    f, weights = weighed(call, arrays)
    found = f.gradients([*weights, *arrays])[len(weights) :]
    for which, a in enumerate(arrays):
        for place in np.ndindex(a.shape):
            for unit, part in ((1, np.real), (1j, np.imag)):
                direction = np.zeros(a.shape, complex)
                direction[place] = unit
                path = moved(arrays, which, direction)
                expected = slope(lambda t, path=path: f([*weights, *path(t)]))
                np.testing.assert_allclose(part(found[which][place]), expected, **CLOSE)


# Functions without a derivative


def test_a_piecewise_constant_function_gives_numpys_result_without_gradient(constant):
    arrays = constant.values()
    expected = constant(*arrays)
    out = constant(*[tg.tensor(a, requires_grad=True) for a in arrays])
    assert isinstance(out, tg.Tensor)
    assert not out.requires_grad
    assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
    if constant.op.fn not in (np.empty_like, np.empty):
        np.testing.assert_array_equal(out.data, expected)


SETS = {getattr(np, "in1d", None)}  # of NumPy 2.0, which warns of it
FILES = {np.save, np.savez, np.savez_compressed, np.savetxt}  # these write
PLAIN_ARGUMENTS = {  # where a function takes something else than arrays alone
    np.searchsorted: lambda x: (np.array([-1.0, 0.0, 1.0]), x),
    np.digitize: lambda x: (x, np.array([-1.0, 0.0, 1.0])),
    np.can_cast: lambda x: (np.float32, np.float64),
    np.isclose: lambda x: (x, x + 1e-12),
    np.allclose: lambda x: (x, x + 1e-12),
    np.array_equal: lambda x: (x, x),
    np.array_equiv: lambda x: (x, x),
    np.shares_memory: lambda x: (x, x),
    np.may_share_memory: lambda x: (x, x),
    np.einsum_path: lambda x: ("ij,kj->", x, x),
    np.diag_indices_from: lambda x: (x[:, :2],),
    np.ix_: lambda x: (x[0],),
    np.argpartition: lambda x: (x, 1),
    np.isin: lambda x: (x, [0.0, 1.5]),
    np.unravel_index: lambda x: (tg.tensor([5, 0]), (2, 3)),
    np.ravel_multi_index: lambda x: (tg.tensor([[1, 0], [2, 0]]), (2, 3)),
}


def test_a_function_that_gives_facts_gives_what_numpy_gives(plain):
    if plain.fn in FILES | SETS:
        return
    x = np.array([[1.5, -0.5, 0.0], [0.25, 2.0, -1.0]])
    arguments = PLAIN_ARGUMENTS.get(plain.fn, lambda x: (x,) * getattr(plain.fn, "nin", 1))
    out = plain.fn(*arguments(tg.tensor(x, requires_grad=True)))
    assert not isinstance(out, tg.Tensor)
    assert type(out) is type(plain.fn(*arguments(x)))
    np.testing.assert_equal(out, plain.fn(*arguments(x)))


# Reading by index, and its transpose


@st.composite
def reads(draw):
    """Draw a shape and an index into it, of any kind."""
    shape = draw(shapes(max_dims=3, max_side=4, min_dims=1))
    kinds = [
        hnp.basic_indices(shape, allow_newaxis=True),
        hnp.integer_array_indices(shape),
        hnp.arrays(bool, shape),
        hnp.arrays(bool, shape[:1]),
    ]
    return shape, draw(st.one_of(kinds))


@given(reads())
def test_any_reading_by_index_has_its_transpose_as_gradient(read):
    shape, index = read
    x = np.arange(float(np.prod(shape))).reshape(shape)
    y = tg.tensor(x, requires_grad=True)[index]
    np.testing.assert_array_equal(y.data, x[index])
    leaf = tg.tensor(x, requires_grad=True)
    seed = 1.0 + np.arange(float(y.size)).reshape(y.shape)
    expected = np.zeros(shape)
    np.add.at(expected, index, seed)
    (g,) = tg.gradients(leaf[index], [leaf], seed)
    np.testing.assert_array_equal(g, expected)


@given(reads())
def test_sums_gathered_by_reading_are_those_added_by_writing(read):
    """The fallback for arrays that cannot be written to."""
    shape, index = read
    g = 1.0 + np.arange(np.zeros(shape)[index].size).reshape(np.zeros(shape)[index].shape)
    np.testing.assert_array_equal(gather_sums(g, index, shape), scatter_add(g, index, shape))


def test_tensors_are_saved_as_their_arrays(tmp_path):
    t = tg.tensor([[1.5, 2.5]], requires_grad=True)
    np.save(tmp_path / "one.npy", t)
    np.savez(tmp_path / "many.npz", t=t)
    np.savetxt(tmp_path / "text.txt", t)
    for found in (
        np.load(tmp_path / "one.npy"),
        np.load(tmp_path / "many.npz")["t"],
        np.loadtxt(tmp_path / "text.txt", ndmin=2),
    ):
        np.testing.assert_array_equal(found, t.data)
