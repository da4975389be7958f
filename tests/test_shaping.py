"""Shaping, joining, padding, selecting and making arrays: beyond what the generated tests of each entry show."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided, sliding_window_view

import tensorgrad as tg
from tensorgrad.testing.weighing import results

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))


def leaf(data, **options):
    return tg.tensor(data, requires_grad=True, **options)


def grid(*shape):
    """Return numbers of which no two are equal."""
    return np.cos(np.arange(float(np.prod(shape)))).reshape(shape)


def assert_moves_elements(f, *arrays):
    """Assert that f gives what NumPy gives, and that the gradient of a linear f is f's own transpose."""
    leaves = [leaf(a) for a in arrays]
    found, expected = results(f(*leaves)), results(f(*arrays))
    assert len(found) == len(expected)
    for y, e in zip(found, expected, strict=True):
        assert isinstance(y, tg.Tensor)
        assert (y.shape, y.dtype) == (np.shape(e), e.dtype)
        np.testing.assert_allclose(y.data, e, rtol=1e-14, atol=1e-14)
    weights = [0.5 + grid(*np.shape(e)) for e in expected]
    along = [np.sin(1 + np.arange(a.size)).reshape(a.shape) for a in arrays]
    slopes = tg.gradients(sum((np.sum(w * y) for w, y in zip(weights, found, strict=True)), leaf(0.0)), leaves)
    moved = sum(np.sum(g * v) for g, v in zip(slopes, along, strict=True))
    np.testing.assert_allclose(
        moved, sum(np.sum(w * e) for w, e in zip(weights, results(f(*along)), strict=True)), rtol=1e-12, atol=1e-12
    )


# Padding

LINEAR = ["constant", "edge", "linear_ramp", "mean", "reflect", "symmetric", "wrap"]


@given(st.data())
def test_every_linear_mode_of_pad_has_its_transpose_as_gradient(data):
    shape = data.draw(st.sampled_from([(3,), (1,), (2, 3), (4, 1), (2, 1, 2)]))
    mode = data.draw(st.sampled_from(LINEAR))
    width = st.integers(0, 9)
    widths = data.draw(
        st.one_of(
            width, st.tuples(width, width), st.lists(st.tuples(width, width), min_size=len(shape), max_size=len(shape))
        )
    )
    more = {}
    if mode in ("reflect", "symmetric"):
        more["reflect_type"] = data.draw(st.sampled_from(["even", "odd"]))
    if mode == "mean":
        more["stat_length"] = data.draw(
            st.one_of(st.none(), st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4)))
        )
    assert_moves_elements(lambda x: np.pad(x, widths, mode, **more), grid(*shape))


@pytest.mark.parametrize("mode", ["maximum", "minimum", "median"])
@pytest.mark.parametrize("lengths", [None, 2, ((1, 3), (2, 2))])
def test_pad_by_a_statistic_gives_numpys_values(mode, lengths):
    x = grid(3, 4)
    y = np.pad(leaf(x), ((1, 2), (2, 1)), mode, stat_length=lengths)
    np.testing.assert_allclose(y.data, np.pad(x, ((1, 2), (2, 1)), mode, stat_length=lengths), rtol=1e-15)


def test_pad_by_the_median_gives_nan_where_there_is_one():
    y = np.pad(leaf([1.0, np.nan, 2.0]), (0, 1), "median")
    assert np.isnan(y.data[-1])


def test_pad_by_the_maximum_shares_the_gradient_between_ties():
    x = leaf([2.0, 1.0, 2.0])
    np.testing.assert_array_equal(tg.gradients(np.pad(x, (0, 1), "maximum")[-1], [x])[0], [0.5, 0, 0.5])


def test_gradients_flow_to_what_pad_puts_around():
    x, c = leaf(grid(2)), leaf([10.0, 20.0])
    y = np.pad(x, (2, 1), constant_values=c)
    np.testing.assert_array_equal(y.data, np.pad(x.data, (2, 1), constant_values=(10, 20)))
    np.testing.assert_array_equal(tg.gradients(y, [c])[0], [2, 1])
    y = np.pad(np.reshape(x, (1, 2)), 1, constant_values=((0, c[0]), (c[1], 0)))
    np.testing.assert_array_equal(y.data, np.pad(x.data[None], 1, constant_values=((0, 10), (20, 0))))
    y = np.pad(x, 3, "linear_ramp", end_values=[c[0], 5])
    np.testing.assert_allclose(y.data, np.pad(x.data, 3, "linear_ramp", end_values=(10, 5)))
    np.testing.assert_allclose(tg.gradients(y, [c])[0], [1 + 2 / 3 + 1 / 3, 0])


def test_infinite_elements_stay_out_of_reflections_that_do_not_reach_them():
    x = np.array([1.0, 2.0, np.inf])
    expected = [2 * 1.0 - 2, 1, 2, np.inf]
    np.testing.assert_array_equal(np.pad(leaf(x), (1, 0), "reflect", reflect_type="odd").data, expected)


def test_pad_leaves_an_empty_axis_empty_or_fills_it_with_a_constant():
    assert_moves_elements(lambda x: np.pad(x, ((1, 1), (0, 0)), "edge"), np.ones((2, 0)))
    np.testing.assert_array_equal(np.pad(leaf(np.ones((2, 0))), 1, constant_values=3).data, np.full((4, 2), 3.0))


def test_pad_takes_a_dictionary_of_axes():
    x = leaf(grid(2, 3))
    for widths, same in [({0: (1, 2)}, ((1, 2), (0, 0))), ({-1: 2}, ((0, 0), (2, 2))), ({}, ((0, 0), (0, 0)))]:
        np.testing.assert_array_equal(np.pad(x, widths).data, np.pad(x.data, same))


def test_pad_with_mode_empty_pads_with_zeros():
    np.testing.assert_array_equal(np.pad(leaf([1.0]), 1, "empty").data, [0, 1, 0])


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda x: np.pad(x, 1, lambda *a: None), TypeError, "writes in place.*np.concatenate"),
        (lambda x: np.pad(x, 1, "edges"), ValueError, "no mode 'edges'; it is one of constant, edge"),
        (lambda x: np.pad(x, 1, "edge", constant_values=1), ValueError, "'edge' takes no constant_values"),
        (lambda x: np.pad(x, -1), ValueError, "cannot be negative, got .*-1"),
        (lambda x: np.pad(x, 1.5), TypeError, "must be whole numbers"),
        (lambda x: np.pad(x, ((1, 1),) * 3), ValueError, "broadcast"),
        (lambda x: np.pad(x[:0], 1, "reflect"), ValueError, "axis 0 is empty"),
        (lambda x: np.pad(x, 1, "maximum", stat_length=0), ValueError, "stat_length of 0"),
        (lambda x: np.pad(np.ones(2), 1, constant_values=x[0]), TypeError, "would drop the gradient"),
    ],
)
def test_pad_refuses(use, error, words):
    with pytest.raises(error, match=words):
        use(leaf(grid(4)))


# Moving and repeating

MOVES = {
    "roll by an array": lambda x: np.roll(x, np.array([1, -2]), (0, 1)),
    "roll by several along one axis": lambda x: np.roll(x, (1, 1), 1),
    "roll flat": lambda x: np.roll(x, -7),
    "rot90 backwards": lambda x: np.rot90(x, -1, axes=(1, 0)),
    "rollaxis": lambda x: np.rollaxis(x, 1),
    "rollaxis from the end": lambda x: np.rollaxis(x, -1, -2),
    "flip all": np.flip,
    "tile by an array": lambda x: np.tile(x, np.array([2, 1])),
    "tile once": lambda x: np.tile(x, 1),
    "tile to more axes": lambda x: np.tile(x, (2, 1, 1, 2)),
    "repeat each": lambda x: np.repeat(x, [3, 0, 1], axis=1),
    "repeat by an array of one": lambda x: np.repeat(x, np.array([2]), 0),
    "repeat none": lambda x: np.repeat(x, 0, 0),
    "repeat by a method": lambda x: x.repeat(2, axis=0),
    "resize to less": lambda x: np.resize(x, (2, 2)),
    "resize to more": lambda x: np.resize(x, (5, 2)),
    "resize to nothing": lambda x: np.resize(x, (0, 2)),
    "resize of nothing": lambda x: np.resize(x[:0], (2, 2)),
    "ravel in Fortran's order": lambda x: np.ravel(x, "F"),
    "permute_dims": lambda x: np.permute_dims(x, (1, 0)),
    "copy in an order": lambda x: np.copy(x, order="F"),
    "windows": lambda x: sliding_window_view(x, (2, 2)),
    "windows over an axis twice": lambda x: sliding_window_view(x, (2, 2), axis=(1, 1)),
    "no windows": lambda x: sliding_window_view(x, (), axis=()),
    "diag": lambda x: np.diag(x, -1),
    "diag of a row": lambda x: np.diag(x[0], 2),
    "diag beyond": lambda x: np.diag(x, 9),
    "diagflat": lambda x: np.diagflat(x, -1),
    "tril of a row": lambda x: np.tril(x[0], 1),
    "triu beyond": lambda x: np.triu(x, 7),
    "take by a method": lambda x: x.take([0, 5, 5]),
    "take rows by booleans as numbers": lambda x: np.take(x, [True, False, True], axis=0),
    "take of no axes": lambda x: np.take(x, 2),
    "take from a table by a matrix": lambda x: np.take(x, np.array([[0, 1], [1, 1]]), axis=0),
    "compress too short": lambda x: np.compress([True], x, axis=1),
    "extract": lambda x: np.extract(np.array([[1, 0, 1], [0, 1, 0]]), x),
    "delete a slice backwards": lambda x: np.delete(x, slice(None, None, -2), axis=1),
    "delete several": lambda x: np.delete(x, [0, 0, -1], axis=1),
    "delete from the row of all": lambda x: np.delete(x, [1, 4]),
    "delete by a mask": lambda x: np.delete(x, np.array([True, False]), 0),
    "append to all": lambda x: np.append(x, [1.0, 2.0]) - np.append(0 * x, [1.0, 2.0]),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda row: np.cumsum(np.ones(3)) * row, 1, x),
    "apply_along_axis with more axes": lambda x: np.apply_along_axis(lambda row: row[:, None] * np.ones(2), 0, x),
    "apply_over_axes": lambda x: np.apply_over_axes(np.sum, x, (0, -1)),
    "atleast_3d": lambda x: np.atleast_3d(x, x[0], x[0, 0]),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, x[:1], x[0, 0]),
    "meshgrid": lambda x: np.meshgrid(x[0], x[:, 0], x, indexing="ij"),
    "meshgrid of one": lambda x: np.meshgrid(x),
    "meshgrid of none but views": lambda x: np.meshgrid(x[0], x[1], copy=False, sparse=True),
    "split at places beyond": lambda x: np.split(x, [1, 7], axis=1),
    "split unevenly": lambda x: np.array_split(x, 4, axis=-1),
    "hsplit": lambda x: np.hsplit(x, 3),
    "vsplit": lambda x: np.vsplit(x, [1]),
    "dsplit": lambda x: np.dsplit(x[None], 3),
    "linspace": lambda x: np.linspace(x, x[0], 5),
    "linspace without end": lambda x: np.linspace(x[0, 0], x, num=4, endpoint=False, axis=-1),
    "linspace of one": lambda x: np.linspace(x, 2 * x, 1),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_function_that_moves_elements_has_its_transpose_as_gradient(name):
    assert_moves_elements(MOVES[name], grid(2, 3))


def test_unstack_gives_the_parts():
    if NUMPY < (2, 1):
        pytest.skip("since NumPy 2.1")
    assert_moves_elements(lambda x: np.unstack(x, axis=-1), grid(2, 3))


def test_row_stack_goes_on_as_long_as_numpy_has_it():
    if not hasattr(np, "row_stack"):
        pytest.skip("it is np.vstack now")
    with pytest.warns(DeprecationWarning):
        assert_moves_elements(lambda x: np.row_stack((x, x[0])), grid(2, 3))


INDICES = [1, -1, [1, 1], [0, 2], slice(0, 2), slice(None, None, -1), np.array([2, 0, 1]), np.int64(2), np.array(1)]


@pytest.mark.parametrize("obj", INDICES, ids=str)
@pytest.mark.parametrize("axis", [0, 1, None])
def test_insert_takes_every_kind_of_index(obj, axis):
    x = grid(3, 3)
    assert_moves_elements(lambda a, v: np.insert(a, obj, v, axis=axis), x, np.array(5.0))
    if axis is not None and np.size(np.arange(3)[obj]) == 3:
        assert_moves_elements(lambda a, v: np.insert(a, obj, v, axis=axis), x, np.swapaxes(grid(3, 3), 0, 1))


def test_insert_takes_masks_as_numpy_does():
    """Of old, NumPy took them for numbers, and warned."""
    mask = np.array([True, False, True])
    try:
        np.insert(np.ones(3), mask, 2.0)
    except FutureWarning:
        with pytest.raises(FutureWarning):
            np.insert(leaf(np.ones(3)), mask, 2.0)
    else:
        assert_moves_elements(lambda x, v: np.insert(x, mask, v), grid(3), grid(2))


def test_insert_casts_to_the_dtype_of_the_array_it_inserts_in():
    x, v = leaf(np.ones(2, np.float32)), leaf(2.5)
    y = np.insert(x, 1, v)
    assert y.dtype == np.float32
    assert [g.dtype for g in tg.gradients(y, [x, v])] == [np.float32, np.float64]
    assert np.insert(np.arange(3), 1, v).tolist() == [0, 2, 1, 2]


# Joining


def test_block_joins_lists_of_any_depth():
    x = grid(2, 2)
    assert_moves_elements(lambda a: np.block([[a, 2 * a], [a[:1], a[1:]]]), x)
    assert_moves_elements(lambda a: np.block([[[a], [a]], [[a], [a]]]), x)
    assert_moves_elements(lambda a: np.block([a[0], a[1, 0]]), x)
    assert_moves_elements(lambda a: np.block([[a[0]], [a]]), x)
    assert_moves_elements(lambda a: np.block(a), x)
    y = np.block([[leaf(x), np.ones((2, 1))], [np.zeros((1, 2)), 3.0]])
    np.testing.assert_array_equal(y.data, np.block([[x, np.ones((2, 1))], [np.zeros((1, 2)), 3.0]]))


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda x: np.block([[x], x]), ValueError, "nested to depths of 0 and 1"),
        (lambda x: np.block([[], [x]]), ValueError, "an empty one"),
        (lambda x: np.block([[x, x[:1]], [x]]), ValueError, "dimensions"),
        (
            lambda x: np.concatenate([x, x], dtype=int),
            TypeError,
            "cannot cast float64 to int64 by the rule 'same_kind'",
        ),
        (lambda x: np.concatenate([x, x.astype(np.float32)], casting="no"), TypeError, "by the rule 'no'"),
        (lambda x: np.stack([x, x[:1]]), ValueError, "one shape, got .*4.*1"),
        (lambda x: np.hsplit(x[0], 1), ValueError, "hsplit cuts arrays of 1 or more axes, got one of 0"),
        (lambda x: np.vsplit(x, 1), ValueError, "vsplit cuts arrays of 2 or more"),
        (lambda x: np.split(x, 3), ValueError, "does not divide into 3 equal parts"),
        (lambda x: np.insert(x, 7, 0.0), IndexError, "out of bounds"),
        (lambda x: np.delete(x, 7), IndexError, "out of bounds"),
        (lambda x: np.take(x, 7), IndexError, "out of bounds"),
        (lambda x: np.take(x, [0.5]), TypeError, "Cannot cast"),
        (lambda x: np.take(x, x), TypeError, "requires a gradient"),
        (lambda x: np.compress([False] * 4 + [True], x), IndexError, "out of bounds"),
        (lambda x: np.compress(x, x), TypeError, "requires a gradient"),
        (lambda x: np.extract(x, x), TypeError, "requires a gradient"),
        (lambda x: np.take_along_axis(x, np.array([0.5]), 0), IndexError, "whole numbers"),
        (lambda x: np.take_along_axis(x, np.array([[0]]), 0), ValueError, "as many of indices, got 2"),
        (lambda x: np.choose([0, 5], [x[:2], x[2:]]), ValueError, "invalid entry"),
        (lambda x: np.select([np.array(1)], [x]), TypeError, "no array of booleans, but of int64"),
        (lambda x: np.select([], [x]), ValueError, "got 0 and 1"),
        (lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), ValueError, "1 conditions take 1 or 2 functions, got 3"),
        (lambda x: np.tile(x, -1), ValueError, "negative"),
        (lambda x: np.repeat(x, -1), ValueError, "negative"),
        (lambda x: np.repeat(x, [1, 2]), ValueError, "broadcast"),
        (lambda x: np.repeat(x, 1.5), TypeError, "Cannot cast"),
        (lambda x: np.resize(x, (-1,)), ValueError, "non-negative"),
        (lambda x: np.ravel(x, "K"), TypeError, "how the array lies in memory"),
        (lambda x: np.meshgrid(x, x, indexing="yx"), ValueError, "'xy' or 'ij'"),
        (lambda x: np.diag(np.ones((1, 1, 1)) * x), ValueError, "one or two axes, got 3"),
        (lambda x: sliding_window_view(x, 9), ValueError, "window shape cannot be larger"),
        (lambda x: sliding_window_view(x, 2, writeable=True), TypeError, "cannot be written to"),
        (lambda x: as_strided(x, (2, 2), (8, 8)), TypeError, "would drop the gradient"),
        (lambda x: np.trim_zeros(x, "x"), ValueError, "'f', 'b' or 'fb'"),
        (lambda x: np.linspace(x[0], 1, -1), ValueError, "must not be negative"),
        (lambda x: np.linspace(x[0], 1, 2.5), TypeError, "integer"),
        (lambda x: np.geomspace(x[0], 0), ValueError, "cannot include zero"),
        (lambda x: np.full_like(x[:2], x), ValueError, "broadcast"),
        (lambda x: np.array([x, x]), TypeError, "would drop the gradient: join tensors with np.stack"),
        (lambda x: np.array([x, x], copy=False, like=x), ValueError, "a new array is needed"),
        (lambda x: np.array([x, [1.0]], like=x), ValueError, "one shape"),
        (lambda x: np.fromfunction(lambda i: i * x, (4,), like=x), TypeError, "leave it out"),
        (lambda x: np.vectorize(lambda v: 2 * v)(x), TypeError, "would drop the gradient"),
        (lambda x: np.frompyfunc(lambda v: 2 * v, 1, 1)(x), TypeError, "has no derivative here"),
        (lambda x: np.c_[x, x], TypeError, "would drop the gradient"),
        (lambda x: np.apply_along_axis(np.sum, 0, np.ones((2, 0)) * x[0]), ValueError, "another axis is empty"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(use, error, words):
    with pytest.raises(error, match=words):
        use(leaf(grid(4)))


def test_concatenate_converts_as_numpy_does():
    x, y = leaf(np.ones(2, np.float32)), leaf(np.ones(2))
    joined = np.concatenate((x, y), dtype=np.float32)
    assert joined.dtype == np.float32
    assert [g.dtype for g in tg.gradients(joined, [x, y])] == [np.float32, np.float64]
    assert np.concat([x, y], axis=0, casting="safe").dtype == np.float64
    assert np.concatenate([x, y], dtype=int, casting="unsafe").dtype == int


def test_arrays_are_joined_whatever_sequence_holds_them():
    x = grid(2, 3)
    assert_moves_elements(lambda a: np.vstack(a) if isinstance(a, tg.Tensor) else np.vstack(list(a)), x[None])
    assert_moves_elements(lambda a: np.hstack((a, [[1.0], [2.0]])) * np.array([1, 1, 1, 0]), x)
    assert_moves_elements(lambda a: np.column_stack([a[:, 0], a]), x)
    assert_moves_elements(lambda a: np.dstack([a[0], a[1]]), x)


# Selecting


def test_take_shows_the_modes_of_numpy():
    x = grid(2, 3)
    for mode in ("wrap", "clip"):
        assert_moves_elements(lambda a, mode=mode: np.take(a, [-4, 3, 8], 1, None, mode), x)


def test_indices_may_be_tensors_without_gradient():
    x, i = grid(2, 3), tg.tensor([[2, 0]])
    np.testing.assert_array_equal(np.take(leaf(x), i).data, np.take(x, i.data))
    np.testing.assert_array_equal(
        np.take_along_axis(leaf(x), i.reshape((2, 1)), 1).data, x[[0, 1], [2, 0]].reshape(2, 1)
    )
    np.testing.assert_array_equal(np.repeat(leaf(x), tg.tensor([1, 2]), axis=0).data, x[[0, 1, 1]])


def test_an_index_array_changed_later_does_not_change_the_gradient():
    x, i = leaf(grid(3)), np.array([0, 0])
    y = np.take(x, i)
    i[:] = 2
    np.testing.assert_array_equal(tg.gradients(y, [x])[0], [2, 0, 0])


def test_take_along_axis_reads_what_argsort_found():
    x = leaf(grid(2, 3))
    y = np.take_along_axis(x, np.argsort(x, axis=1), axis=1)
    np.testing.assert_array_equal(y.data, np.sort(x.data, axis=1))
    np.testing.assert_array_equal(tg.gradients(y[:, 0], [x])[0].argmax(1), x.data.argmin(1))


def test_select_takes_the_first_choice_whose_condition_holds():
    x, d = leaf([1.0, 2.0, 3.0]), leaf(7.0)
    y = np.select([x > 2, x > 1], [x * 10, x * 100], d)
    np.testing.assert_array_equal(y.data, [7, 200, 30])
    gx, gd = tg.gradients(y, [x, d])
    np.testing.assert_array_equal(gx, [0, 100, 10])
    assert gd == 1


def test_select_keeps_float32_beside_python_numbers():
    x = leaf(np.ones(2, np.float32))
    assert np.select([x > 2], [x], 0.5).dtype == np.float32


def test_piecewise_calls_functions_on_tensors():
    x, p = leaf([-1.0, 0.5, 2.0]), leaf(3.0)
    y = np.piecewise(x, [x < 0, x > 1], [lambda v, p: -v, lambda v, p: v**p, 5.0], p)
    np.testing.assert_array_equal(y.data, [1, 5, 8])
    gx, gp = tg.gradients(y, [x, p])
    np.testing.assert_allclose(gx, [-1, 0, 12])
    np.testing.assert_allclose(gp, 8 * np.log(2))


def test_the_last_condition_of_piecewise_wins_and_none_gives_zero():
    x = leaf([1.0, 2.0, 3.0])
    y = np.piecewise(x, [[True, True, False], [False, True, False]], [np.square, np.negative])
    np.testing.assert_array_equal(y.data, np.piecewise(x.data, [[1, 1, 0], [0, 1, 0]], [np.square, np.negative]))
    np.testing.assert_array_equal(tg.gradients(y, [x])[0], [2, -1, 0])


def test_piecewise_takes_one_condition_numbers_and_values_for_each_place():
    x, v = leaf([1.0, 2.0, 3.0]), leaf([10.0, 20.0])
    y = np.piecewise(x, [True, False, True], [v, lambda u: u * u])
    np.testing.assert_array_equal(y.data, [10, 4, 20])
    np.testing.assert_array_equal(tg.gradients(y, [v])[0], [1, 1])
    assert np.piecewise(leaf(2.0), True, [lambda u: u * 3]).item() == 6
    assert np.piecewise(leaf(2.0), [False, True], [1, lambda u: u * 3]).item() == 6


def test_a_function_that_closes_over_a_tensor_is_refused_where_its_argument_is_constant():
    w = leaf(2.0)
    with pytest.raises(TypeError, match="drop the gradient"):
        np.piecewise(np.ones(2), [[True, False]], [lambda v: v * w])
    with pytest.raises(TypeError, match="drop the gradient"):
        np.apply_along_axis(lambda row: row * w, 0, np.ones((2, 2)))


def test_trim_zeros_gives_numpys_part():
    for x in ([0.0, 0, 1, 0, 2, 0], [0.0, 0.0], [1.0]):
        for trim in ("fb", "f", "b", "B"):
            t = leaf(x)
            y = np.trim_zeros(t, trim)
            np.testing.assert_array_equal(y.data, np.trim_zeros(np.array(x), trim))
            np.testing.assert_array_equal(tg.gradients(2 * y, [t])[0] / 2 * x, x if y.size else 0 * t.data)
    if "axis" in inspect.signature(np.trim_zeros).parameters:
        x = np.pad(grid(2, 2) + 2, ((1, 2), (0, 1)))
        for axis in (None, 0, -1, (0, 1), ()):
            np.testing.assert_array_equal(np.trim_zeros(leaf(x), axis=axis).data, np.trim_zeros(x, axis=axis))


def test_indices_of_triangles_and_grids_are_arrays():
    x = leaf(np.ones((3, 3)))
    for f in (np.tril_indices_from, np.triu_indices_from):
        assert all(type(i) is np.ndarray for i in f(x, 1))
        np.testing.assert_array_equal(x[f(x, 1)].data, x.data[f(x.data, 1)])
    rows, columns = np.ix_(tg.tensor([0, 1]), x[0] > 0)
    assert (type(rows), rows.shape, columns.shape) == (np.ndarray, (2, 1), (1, 3))


def test_results_that_numpy_gives_as_views_share_memory():
    x = leaf(grid(2, 3))
    for y in (
        np.flip(x),
        np.fliplr(x),
        np.flipud(x),
        np.rot90(x),
        np.matrix_transpose(x),
        np.linalg.matrix_transpose(x),
        np.rollaxis(x, 1),
        *np.hsplit(x, 3),
        np.atleast_3d(x),
        sliding_window_view(x, 2, axis=1),
        np.diag(x),
        np.broadcast_arrays(x, np.ones((4, 2, 3)))[0],
    ):
        assert np.shares_memory(y.data, x.data)
    assert np.atleast_1d(x) is x


def test_results_that_numpy_gives_as_copies_share_none():
    x = leaf(grid(2, 3))
    for y in (
        np.tile(x, 1),
        np.tile(x[:, :1], (1, 3)),
        np.repeat(x, 1, 0),
        np.take(x, 1, axis=0),
        np.pad(x, 0, "edge"),
        np.roll(x, 0),
        np.pad(x, 0),
        np.copy(x),
        np.array(x, like=x),
        np.meshgrid(x[0], x[1])[0],
        np.block(x),
        np.full_like(x, x),
        np.delete(x, [], 0),
        np.tril(x, 9),
    ):
        assert not np.shares_memory(y.data, x.data)
        assert y.data.flags.writeable
        assert not np.shares_memory(y.data[:1], y.data[1:])


# Making


def test_an_array_of_tensors_keeps_their_gradients_if_like_names_one():
    a, b = leaf(2.0), leaf(3.0)
    rotation = np.array([[a, -b], [b, a]], like=a)
    np.testing.assert_array_equal(rotation.data, [[2, -3], [3, 2]])
    assert tg.gradients(np.linalg.matrix_transpose(rotation)[0, 1] * a, [a, b]) == [3, 2]
    np.testing.assert_array_equal(np.array([[1, 2], [a, 4.0]], like=a).data, [[1, 2], [2, 4]])
    np.testing.assert_array_equal(np.asarray(([a, b], np.ones(2)), like=a).data, [[2, 3], [1, 1]])
    assert np.array(a, ndmin=2, like=a).shape == (1, 1)
    assert np.array([a, b], np.float32, like=a).dtype == np.float32
    assert np.ascontiguousarray(a, like=a).shape == (1,)
    assert np.asarray(a, like=a) is a


def test_like_makes_tensors_of_numbers():
    t = leaf([1.0, 2.0])
    for made, expected in (
        (np.array([[1, 2], [3, 4]], like=t), [[1, 2], [3, 4]]),
        (np.zeros((2, 1), like=t), [[0], [0]]),
        (np.full(2, 7, like=t), [7, 7]),
        (np.arange(1, 4, like=t), [1, 2, 3]),
        (np.eye(2, k=1, like=t), [[0, 1], [0, 0]]),
        (np.fromfunction(lambda i, j: i + j, (2, 2), like=t), [[0, 1], [1, 2]]),
    ):
        assert isinstance(made, tg.Tensor)
        assert not made.requires_grad
        np.testing.assert_array_equal(made.data, expected)


def test_gradients_flow_to_what_an_array_is_filled_with():
    x, v = tg.tensor(np.ones((2, 3), np.float32)), leaf(2.0)
    y = np.full_like(x, v)
    assert (y.dtype, y.shape) == (np.float32, (2, 3))
    assert tg.gradients(y, [v]) == [6]
    assert tg.gradients(np.full((2, 2), v, like=v), [v]) == [4]
    assert not np.full_like(leaf([1.0]), 2.5).requires_grad
    assert np.full_like(x, v, dtype=int).dtype == int
    assert np.full_like(x, v, shape=5).shape == (5,)


@pytest.mark.parametrize("endpoint", [True, False])
def test_sequences_end_exactly_where_they_should(endpoint):
    a, b = 0.1, 0.7
    for f in (np.linspace, np.geomspace):
        y = f(leaf(a), leaf(b), 9, endpoint)
        np.testing.assert_allclose(y.data, f(a, b, 9, endpoint), rtol=1e-14)
        if endpoint:
            assert y.data[-1] == b
    assert tg.gradients(np.linspace(0, stop := leaf(b), 5)[-1], [stop]) == [1]


def test_geomspace_turns_and_keeps_signs_as_numpy_does():
    for a, b in ((-1.0, -16.0), (1j, 1000j), (-1 + 0j, 1 + 0j), (-1.0, 1j)):
        np.testing.assert_allclose(np.geomspace(leaf(a), b, 5).data, np.geomspace(a, b, 5), rtol=1e-14, atol=1e-15)


def test_linspace_tells_its_step_and_its_gradient():
    a, b = leaf(1.0), leaf(3.0)
    y, step = np.linspace(a, b, 5, retstep=True)
    assert step.item() == 0.5
    assert tg.gradients(step, [a, b]) == [-0.25, 0.25]
    assert y.requires_grad
    y, step = np.linspace(a, b, 1, retstep=True)
    assert y.tolist() == [1.0]
    assert np.isnan(step)


def test_logspace_takes_tensors_as_base():
    base = leaf([2.0, 3.0])
    y = np.logspace(leaf(0.0), 2, 3, base=base, axis=-1)
    np.testing.assert_allclose(y.data, [[1, 2, 4], [1, 3, 9]])
    np.testing.assert_allclose(tg.gradients(y, [base])[0], [1 + 4, 1 + 6])


# On tensors that need no gradient

CONSTANT = {name: f for name, f in MOVES.items() if "method" not in name}


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.parametrize("on", [True, False])
def test_tensors_without_gradient_give_tensors_without_gradient(name, on):
    x = grid(2, 3)
    with tg.enable_grad() if on else tg.no_grad():
        found = results(CONSTANT[name](tg.tensor(x)))
    for y, e in zip(found, results(CONSTANT[name](x)), strict=True):
        assert isinstance(y, tg.Tensor)
        assert not y.requires_grad
        np.testing.assert_allclose(y.data, e, rtol=1e-14)


@pytest.mark.parametrize("name", MOVES)
def test_float32_is_kept(name):
    x = leaf(grid(2, 3).astype(np.float32))
    expected = [e.dtype for e in results(MOVES[name](grid(2, 3).astype(np.float32)))]
    found = results(MOVES[name](x))
    assert [y.dtype for y in found] == expected
    assert tg.gradients(found[0], [x])[0].dtype == np.float32
