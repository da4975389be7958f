"""Views and in-place writes: NumPy's meaning, with gradients of any order."""

import copy
import operator

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.backends import getitem
from tensorgrad.op import OPS
from tensorgrad.rules.write import write
from tensorgrad.views import View


def leaf(values, **options):
    return tg.tensor(values, requires_grad=True, dtype=np.float64, **options)


def slope(f, x):
    """Return the gradient of the sum of f(x), and that of the sum of its square."""
    x = leaf(x)
    (first,) = tg.gradients(np.sum(f(x) * 1.0), [x], create_graph=True)
    if not first.requires_grad:
        return first.data, np.zeros(x.shape)
    return first.data, tg.gradients(np.sum(first * first), [x])[0]


def central(f, x, step=1e-5):
    """Return the gradient of the sum of f(x) on plain arrays, by central differences."""
    found = np.zeros(np.shape(x))
    for place in np.ndindex(found.shape):
        ends = []
        for sign in (1, -1):
            moved = np.array(x, float)
            moved[place] += sign * step
            ends.append(np.sum(f(moved)))
        found[place] = (ends[0] - ends[1]) / (2 * step)
    return found


def buffer_like(x):
    """Return zeros to write to: of the kind that x is."""
    return tg.zeros(x.shape) if isinstance(x, tg.Tensor) else np.zeros(np.shape(x))


def rows(x):
    y = buffer_like(x)
    for i in range(len(x)):
        y[i] = x[i] ** 2
    return y


def through_a_transposed_slice(x):
    y = x * 1.0
    y.T[0, 1:] = np.sin(x[0, :2])
    return y * x


def through_a_reshape(x):
    y = x * 2.0
    flat = y.reshape(-1)
    flat[1::2] *= flat[:-1:2]
    return y * y


def shows_in_the_view(x):
    y = x * x
    v = y[0]
    y[0, 0] = x[2, 2]
    return v * 3.0


def repeated_index(x):
    y = x * 1.0
    y[[0, 0, 1], [1, 1, 2]] = x[2] ** 2
    return y * x


def mask(x):
    y = x**3
    y[np.asarray(x.data if isinstance(x, tg.Tensor) else x) > 0.5] = 0.0
    return y


def augmented_slices(x):
    y = x * 1.0
    y[1:] += y[:-1]
    y[:, ::-1][0] *= x[1]
    y /= 1 + x * x
    y -= x
    y **= 2
    return y


def swapped(x):
    y = x * 1.0
    y[[0, 2]] = y[[2, 0]]
    return y * x


def overlapping(x):
    y = x * x
    y[1:] = y[:-1]
    return y * x


def filled(x):
    y = x * 1.0
    y[1].fill(2.0)
    return y * x


def sorted_in_place(x):
    y = x * 1.0
    y.sort(axis=0)
    y[:, 0].sort()
    return y * np.arange(9.0).reshape(3, 3)


def out_of_ufuncs(x):
    y = buffer_like(x)
    np.multiply(x, x, out=y)
    np.add(y[0], x[1], out=y[2])
    np.sqrt(y, out=y, where=np.eye(3) > 0)
    return y


def out_of_functions(x):
    y = buffer_like(x)
    np.sum(x * x, axis=0, out=y[1])
    np.matmul(x, x, out=y[:, :]) if not isinstance(x, tg.Tensor) else np.matmul(x, x, out=y)
    return y * x


def at(x):
    y = x * 1.0
    np.add.at(y, ([0, 0, 1], [1, 1, 2]), x[0])
    np.multiply.at(y, ([2, 2], [0, 0]), x[1, :2])
    return y * y


def numpys_writers(x):
    y = x * 1.0
    np.copyto(y, x * x, where=np.eye(3) > 0)
    np.put(y, [1, -1, 5], x[0] * 2)
    np.place(y, np.tri(3) > 0, x[2] ** 2)
    np.putmask(y, np.arange(9).reshape(3, 3) % 4 == 1, x * 3)
    np.fill_diagonal(y, x[1])
    np.put_along_axis(y, np.array([[0], [2], [1]]), x[:, :1] ** 2, axis=1)
    return y * x


def views_of_views(x):
    y = x * 1.0
    v = y.T[1:][:, ::2].reshape(-1)[1:]  # the reshape copies: no view any more
    v[0] = 5.0
    w = y[1:].T[::-1]
    w[0] = x[0, :2] ** 2
    return np.sum(y * x) + np.sum(v * 2.0)


def out_of_more_functions(x):
    y = buffer_like(x)
    np.sum(x * x, 0, None, y[0])
    np.mean(x, axis=1, out=y[:, 1])
    np.var(x, axis=0, out=y[2])
    np.clip(y, -0.5, 0.9, y)
    np.concatenate((x[:1], y[1:]), out=y)
    y.sum(axis=0, out=y[1])
    y[0].clip(0.1, 0.6, out=y[0])
    np.dot(y * x, x, out=y)
    return y * x


def several_outputs(x):
    quotient, remainder = buffer_like(x), buffer_like(x)
    np.divmod(x, 0.37, out=(quotient, remainder))
    np.modf(x * 3.0, out=(quotient, None))
    return remainder * quotient * x


def methods_of_ufuncs(x):
    y = buffer_like(x)
    np.add.reduce(x * x, axis=1, out=y[0])
    np.multiply.reduce(x, 0, None, y[1])
    np.subtract.reduce(x, out=y[2])
    y += np.add.accumulate(x, axis=1) * np.multiply.accumulate(x)
    y *= np.multiply.outer(x[0], x[1])
    y -= np.logaddexp.reduce(x, axis=(0, 1), keepdims=True)
    y[:, :2] += np.add.reduceat(x, [0, 2], axis=1)
    y += np.subtract.reduceat(x, [1, 1, 0]) + np.logaddexp.reduce(x, axis=0, initial=0.3)
    return y + np.maximum.reduce(x, axis=1, keepdims=True)


def by_rows(x):
    y = x * 1.0
    for i in range(1, len(x)):
        y[i] += y[i - 1] * y[i]
        y[i] *= x[i - 1]
    return y


def recurrence(x):
    y = buffer_like(x)
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = np.tanh(y[i - 1]) * x[i]
        y[i, 0] = y[i - 1][1] * y[i].reshape(3, 1)[2, 0]
    return y


def flat(x):
    y = x * 1.0
    y.flat[1:6] = x[0, :2] ** 2
    y.flat[[0, 8, 8]] = x[1]
    y.flat[-2] *= y.flat[3]
    y.T.flat = y.T.flat[::-1] * x.flat[4]
    return y * sum(y.flat)


def numbers(x):
    y = np.reshape(x[0, 0] * x[1, 1], ())[...] * np.ones(())
    z = buffer_like(x)[0, :1].reshape(())
    z[...] = y
    z += x[0, 1]
    z[()] = z * z
    np.multiply(z, x[2, 2], out=z)
    z.flat[0] = z * 2.0
    np.add.at(z, (), x[0, 0])
    return z * x


def broadcast_values(x):
    y = buffer_like(x)
    y[...] = x[0]
    y[:, 1:] += x[:, :1]
    y[1:2, None][0] *= x[2, 2]
    y[[0, 2]] = x[None, None, 1] * y[1]
    np.copyto(y[:, 0], x[1, 1])
    return y * x


def negative_steps_and_fortran(x):
    y = np.transpose(np.transpose(x) * 1.0)
    y[::-1, ::-2] = y[:, ::2] * 2.0
    y.reshape(-1, order="F")[1:4] = x[0]
    y += y[::-1].T
    return y * x


def along_an_axis(x):
    y = x * 1.0
    np.put_along_axis(y, np.array([[0, 2]]), x[:, :2] ** 2, axis=1)
    np.put_along_axis(y, np.array([1, 1, 7]), x[2], axis=None)
    np.put(y, [0, -1, 0], x[1, :2], mode="wrap")
    y.put([11], x[1, 1] * 3, "clip")
    np.fill_diagonal(y[:2], x[2, :2], wrap=True)
    return y * x


PROGRAMS = [
    out_of_more_functions,
    several_outputs,
    methods_of_ufuncs,
    by_rows,
    recurrence,
    flat,
    numbers,
    broadcast_values,
    negative_steps_and_fortran,
    along_an_axis,
    rows,
    through_a_transposed_slice,
    through_a_reshape,
    shows_in_the_view,
    repeated_index,
    mask,
    augmented_slices,
    swapped,
    overlapping,
    filled,
    sorted_in_place,
    out_of_ufuncs,
    out_of_functions,
    at,
    numpys_writers,
    views_of_views,
]
X = np.array([[0.3, 1.2, -0.7], [0.9, 0.4, 1.6], [1.1, -0.2, 0.8]])


@pytest.mark.parametrize("f", PROGRAMS)
def test_a_program_of_writes_gives_numpys_values(f):
    if f is not sorted_in_place:
        np.testing.assert_allclose(f(leaf(X)).data, f(X.copy()), rtol=1e-14)
    np.testing.assert_array_equal(f(tg.tensor(X)).data, f(X.copy()))


@pytest.mark.parametrize("f", PROGRAMS)
def test_a_program_of_writes_has_right_first_and_second_gradients(f):
    first, second = slope(f, X)
    np.testing.assert_allclose(first, central(f, X), rtol=1e-6, atol=1e-8)

    def squared_slope(x):
        return np.sum(slope(f, x)[0] ** 2)

    np.testing.assert_allclose(second, central(squared_slope, X), rtol=1e-5, atol=1e-6)


# What is a view


@pytest.mark.parametrize(
    "take",
    [
        lambda t: t[1:],
        lambda t: t.T,
        lambda t: t.reshape(6),
        lambda t: np.squeeze(t[:1]),
        lambda t: np.expand_dims(t, 0),
        lambda t: t.swapaxes(0, 1),
        lambda t: np.moveaxis(t, 0, 1),
        lambda t: t[...],
        lambda t: t.ravel(),
        lambda t: np.split(t, 2)[0],
        lambda t: np.real(t),
        lambda t: next(iter(t)),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_a_write_through_a_view_reaches_the_base_and_back(take, live):
    base = leaf(np.arange(6.0).reshape(2, 3)) * 1.0 if live else tg.tensor(np.arange(6.0).reshape(2, 3))
    view = take(base)
    view[...] = 7.0
    assert np.any(base.data == 7.0)
    base[...] = 9.0
    assert np.all(view.data == 9.0)


def test_an_index_array_and_flatten_give_copies():
    base = tg.tensor([1.0, 2.0, 3.0])
    for copied in (base[[0, 1]], base.flatten(), base[base > 0], base.copy(), base.detach()):
        copied[...] = 0.0
    np.testing.assert_array_equal(base.data, [1.0, 2.0, 3.0])


def test_ravel_copies_what_does_not_lie_in_one_piece_although_reshape_need_not():
    a, t = np.arange(3.0), tg.tensor(np.arange(3.0))
    for y in (a, t):
        y[::-1].ravel()[0] = 7.0
        y[::-1].reshape(-1)[1] = 8.0
        y.ravel()[0] = 9.0
    np.testing.assert_array_equal(t.data, a)


def test_a_reshape_of_a_small_view_of_a_written_buffer_is_a_copy_where_numpys_is():
    a, t = np.zeros((8, 8)), tg.zeros((8, 8))
    for y, row in ((a, np.ones(8)), (t, leaf(np.ones(8)))):
        y[0] = row
        y[::2, :2].reshape(-1)[0] = 9.0
        y[1].reshape(2, 4)[1, 1] = 5.0
    np.testing.assert_array_equal(t.data, a)


def test_views_of_leaves_show_what_an_optimizer_did():
    w = leaf([1.0, 2.0])
    v = w[:1]
    w.grad = np.ones(2)
    tg.optim.SGD([w], lr=0.5).step()
    assert v.data == 0.5


def test_arrays_that_the_user_holds_are_never_changed():
    t = tg.tensor([1.0, 2.0])
    before = t.data
    t[0] = 5.0
    assert before[0] == 1.0


def test_arrays_of_which_a_tensor_shows_a_part_are_never_changed():
    whole, t = np.arange(4.0), tg.tensor([1.0, 2.0])
    t.data = whole[1:3]
    t[0] = 9.0
    np.testing.assert_array_equal(whole, [0.0, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(t.data, [9.0, 2.0])


def test_an_array_that_a_node_kept_is_not_changed():
    x = leaf([2.0, 3.0])
    y = x * 1.0
    z = y * y
    y[0] = 100.0
    z.sum().backward()
    np.testing.assert_array_equal(x.grad, [4.0, 6.0])


def test_index_arrays_that_are_reused_do_not_change_the_past():
    x = leaf([1.0, 2.0, 3.0])
    y, places = tg.zeros(3), np.array([0, 1])
    y[places] = x[:2]
    places[:] = 2
    (y * np.array([1.0, 2.0, 4.0])).sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0, 0.0])
    y, mask = x * 1.0, np.array([True, False, False])
    y[mask] = 0.0
    mask[:] = True
    np.testing.assert_array_equal(tg.gradients(y, [x])[0], [0.0, 1.0, 1.0])


def test_a_stale_view_that_is_written_elsewhere_brings_its_new_gradient():
    x = leaf([1.0, 2.0])
    y, z = x * 3.0, tg.zeros(1)
    v = y[:1]
    y[0] = x[1] ** 2
    z[:] = v
    np.testing.assert_array_equal(tg.gradients(z, [x])[0], [0.0, 4.0])


def test_a_stale_view_requires_a_gradient_before_its_values_are_looked_at():
    x, y = leaf([1.0, 2.0]), tg.zeros(2)
    v = y[:1]
    y[0] = x[1]
    assert v.requires_grad
    v = y[1:]
    y[1] = x[0] ** 2
    np.testing.assert_array_equal(tg.gradients(v, [x])[0], [2.0, 0.0])


def test_looking_at_a_stale_view_under_no_grad_does_not_cut_its_gradient():
    x = leaf([1.0, 2.0])
    y = x * 3.0
    v = y[:1]
    y[0] = x[1] ** 2
    with tg.no_grad():
        assert v.data == 4.0
    np.testing.assert_array_equal(tg.gradients(v, [x])[0], [0.0, 4.0])


def test_the_rule_of_a_write_says_what_the_pass_does():
    op, path = OPS[write], ((getitem, {"index": 1}),)
    np.testing.assert_array_equal(op.vjps[0](np.ones(3), None, np.ones(3), 2.0, path=path), [1.0, 0.0, 1.0])


def test_a_view_taken_under_no_grad_joins_the_graph_when_its_base_is_written():
    x = leaf([1.0, 2.0])
    y = x * 3.0
    with tg.no_grad():
        v = y[:1]
    assert not v.requires_grad
    y[0] = x[1] ** 2
    (g,) = tg.gradients(v.sum(), [x])
    np.testing.assert_array_equal(g, [0.0, 4.0])


def test_the_memory_layout_survives_writes():
    """Whether a reshape is a view depends on it."""
    a = np.ones((2, 3)).T * 1.0
    t = np.transpose(tg.tensor(np.ones((2, 3)))) * 1.0
    for change in (lambda y: y.__setitem__(0, 2.0), lambda y: y.__iadd__(np.ones((3, 2))), lambda y: y.sort()):
        change(a)
        change(t)
        assert t.data.strides == a.strides
        for order in "CF":
            t.reshape(-1, order=order)[0] = a.reshape(-1, order=order)[0] = 7.0
            np.testing.assert_array_equal(t.data, a)


@pytest.mark.parametrize("write", [lambda v: v.__iadd__(1.0), lambda v: v.__setitem__(..., 4.0)])
def test_a_view_by_reshape_finds_its_place_when_its_base_is_laid_out_otherwise(write):
    w = leaf(np.arange(6.0).reshape(2, 3))
    v = w.reshape(6)[1:3]
    w.data = np.asfortranarray(w.data)
    with tg.no_grad():
        write(v)
    expected = np.arange(6.0)
    write(expected[1:3])
    np.testing.assert_array_equal(w.data, expected.reshape(2, 3))


def test_a_transpose_is_written_over_its_base():
    """They begin at one address and have one shape: yet it is no writing of elements onto themselves."""
    x = leaf(np.arange(4.0).reshape(2, 2))
    y = x * 1.0
    y[...] = y.T
    np.testing.assert_array_equal(y.data, x.data.T)
    np.testing.assert_array_equal(tg.gradients(y * x, [x])[0], x.data.T * 2.0)


def test_a_value_with_more_axes_goes_into_an_empty_view():
    y = leaf(np.ones((2, 3))) * 1.0
    y[0, 0:0][:] = np.ones((1, 0))
    y[0, 0:0][:] = leaf(np.ones((1, 0)))
    np.testing.assert_array_equal(y.data, np.ones((2, 3)))


def test_a_gradient_laid_out_otherwise_than_its_base_is_zeroed_at_the_right_places():
    x = leaf(np.arange(1.0, 7.0).reshape(2, 3))
    y = x * 1.0
    y.reshape(-1)[1:3] = x[1, :2] * 10.0
    z = np.transpose(np.transpose(y) * np.arange(6.0).reshape(3, 2))  # its gradient comes in Fortran's order
    (g,) = tg.gradients(np.transpose(np.transpose(z) * 1.0), [x])
    np.testing.assert_array_equal(g, [[0.0, 0.0, 0.0], [1.0 + 20.0, 3.0 + 40.0, 5.0]])


def test_a_view_pickles_and_copies_as_a_tensor_of_its_own():
    v = tg.tensor([1.0, 2.0, 3.0])[1:]
    for twin in (copy.copy(v), copy.deepcopy(v)):
        assert type(twin) is tg.Tensor
        twin[0] = 9.0
    np.testing.assert_array_equal(v.data, [2.0, 3.0])


def test_filling_a_large_buffer_goes_back_in_linear_time():
    """Each write of a row would otherwise copy the whole gradient: 2,000 times 16 MB."""
    x = leaf(np.ones(1000))
    y = tg.zeros((2000, 1000))
    for i in range(2000):
        y[i] = x
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(1000, 2000.0))


def test_a_gradient_asked_for_in_the_middle_is_not_changed_by_what_follows():
    x = leaf([1.0, 2.0])
    y = x * 1.0
    y[0] = x[1]
    z = y * 1.0
    middle = tg.tensor(0.0)
    middle.node = y.node
    middle._data = y.data
    (g, gx) = tg.gradients(z * z + y, [middle, x])
    np.testing.assert_array_equal(g, [5.0, 5.0])
    np.testing.assert_array_equal(gx, [0.0, 10.0])


def test_a_gradient_that_two_steps_share_is_not_zeroed_for_both():
    """The rule of + hands one array to both sides, of which a write may not zero its own."""
    x = leaf([1.0, 2.0])
    y = x * 1.0
    y[0] = 5.0
    (g,) = tg.gradients(y + x, [x])
    np.testing.assert_array_equal(g, [1.0, 2.0])
    y = x * 1.0
    y[0] = x[0] ** 2
    (g,) = tg.gradients((y + x) + (y + x), [x])
    np.testing.assert_array_equal(g, [6.0, 4.0])


def test_values_that_gradients_share_are_not_changed_by_a_write():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    gx, gy = tg.gradients(x + y, [x, y], create_graph=True)
    gx += 1.0
    np.testing.assert_array_equal(gy.data, [1.0, 1.0])
    gx, gy = tg.gradients((x + y) ** 2, [x, y], create_graph=True)
    gx += 1.0
    np.testing.assert_array_equal(gy.data, [8.0, 12.0])
    gx, gy = tg.gradients(np.concatenate((x, y)) ** 2, [x, y], create_graph=True)
    gx[...] = 0.0
    np.testing.assert_array_equal(gy.data, [6.0, 8.0])


def test_a_recurrence_in_a_buffer_takes_linear_time_and_memory():
    """A node that kept a row as NumPy's view would keep the buffer: 1,000 of 8 MB, each of them copied."""
    x = leaf(np.full(1000, 0.5))
    y = tg.zeros((1000, 1000))
    y[0] = x
    for i in range(1, 1000):
        y[i] = y[i - 1] * x
        y[i] += x
        y[i] *= x
    assert sum(a.nbytes for a in kept(y.node)) < 1e8
    y.sum().backward()
    assert np.all(np.isfinite(x.grad))


def kept(node):
    """Return the arrays whose memory a graph keeps."""
    stack, seen, found = [node], set(), {}
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        stack += node.inputs
        for a in node.args or ():
            if isinstance(a, np.ndarray):
                a = a if a.base is None else a.base
                found[id(a)] = a
    return list(found.values())


def test_reading_the_elements_one_by_one_goes_back_in_linear_time():
    x = leaf(np.ones(1_000_000))
    y = x * 1.0
    total = sum(y[i] * y[i : i + 2].sum() for i in range(0, 2000))
    total.backward()
    np.testing.assert_array_equal(x.grad[:4], [3.0, 4.0, 4.0, 4.0])


def test_readings_that_repeat_a_place_add_up():
    x = leaf([1.0, 2.0, 3.0])
    y = x * 1.0
    (g,) = tg.gradients(y[:2].sum() + y[[0, 0, 2]].sum() + y[np.array([True, False, True])].sum() + y[0], [x])
    np.testing.assert_array_equal(g, [5.0, 1.0, 2.0])


def test_the_ends_of_a_slice_that_change_later_do_not_change_the_past():
    x, end = leaf([1.0, 2.0, 3.0]), np.array(1)
    y = tg.zeros(3)
    y[:end] = x[:end]
    end += 2
    (g,) = tg.gradients(y, [x])
    np.testing.assert_array_equal(g, [1.0, 0.0, 0.0])


@pytest.mark.parametrize("make", [lambda places: range(*places), lambda places: memoryview(np.array(places))])
def test_any_sequence_is_an_index(make):
    x = leaf([1.0, 2.0, 3.0])
    y = tg.zeros(3)
    y[make((0, 2))] = x[make((0, 2))]
    (g,) = tg.gradients(y, [x])
    expected = np.zeros(3)
    expected[make((0, 2))] = 1.0
    np.testing.assert_array_equal(g, expected)


# Complex numbers


def test_writes_to_the_real_and_the_imaginary_part():
    """The gradient for x + iy is that for x plus i that for y."""
    a, b, z = leaf([1.0, 2.0]), leaf([3.0, 4.0]), tg.tensor([1.0 + 2.0j, 3.0 - 1.0j], requires_grad=True)
    y = z * 1.0
    y.real[0] = a[0] ** 2
    y.imag = b * a
    y.real += y.imag
    np.testing.assert_array_equal(y.data, [4.0 + 3.0j, 11.0 + 8.0j])
    out = np.sum(np.real(y) ** 2 + 3.0 * np.imag(y))
    ga, gb, gz = tg.gradients(out, [a, b, z])
    # y is a0^2 + a0 b0 + i a0 b0, and x1 + a1 b1 + i a1 b1
    np.testing.assert_allclose(ga, [8.0 * (2.0 + 3.0) + 9.0, 22.0 * 4.0 + 12.0])
    np.testing.assert_allclose(gb, [8.0 + 3.0, 22.0 * 2.0 + 6.0])
    np.testing.assert_allclose(gz, [0.0, 22.0])
    slopes = tg.gradients(out, [a, b], create_graph=True)
    np.testing.assert_allclose(tg.gradients(slopes[0].sum(), [b])[0], [10.0 + 8.0 + 3.0, 16.0 + 22.0 + 3.0])


def test_complex_buffers_take_real_values_and_give_real_gradients():
    x = leaf([1.0, 2.0])
    y = tg.zeros(2, dtype=complex)
    y[:] = x
    (g,) = tg.gradients(np.real(y * (1.0 + 2.0j)).sum(), [x])
    np.testing.assert_array_equal(g, [1.0, 1.0])
    assert g.dtype == float


def test_a_real_tensor_has_no_imaginary_part_to_write_to():
    t = tg.tensor([1.0])
    with pytest.raises(TypeError, match="has no imaginary part"):
        t.imag = 2.0
    with pytest.raises(ValueError, match="read-only"):
        t.imag[0] = 2.0
    t.real = 2.0
    assert t.data == 2.0


# Other types


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.bool_, np.float16, np.float32, np.complex64])
def test_values_of_any_type_are_written_as_numpy_does(dtype):
    a = np.arange(6).reshape(2, 3).astype(dtype)
    t = tg.tensor(a)
    for y in (a, t):
        y[0, 1:] = 2.5 if dtype is not np.complex64 else 2.5j
        y[1] += y[0]
        y.T[0] *= y.T[1]
        np.copyto(y[:, 0], y[:, 2])
        y.flat[4] = 3
        y.sort()
    np.testing.assert_array_equal(t.data, a)
    assert t.dtype == dtype


@pytest.mark.parametrize("name", ["iadd", "isub", "imul", "ifloordiv", "imod", "ipow"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_augmented_assignment_is_numpys(name, dtype):
    a = np.arange(1, 7).astype(dtype)
    t = tg.tensor(a)
    for y in (a, t):
        getattr(operator, name)(y, 2)
        getattr(operator, name)(y[::2], y[1::2] - y[1::2] + 2)
    np.testing.assert_array_equal(t.data, a)
    assert t.dtype == dtype


@pytest.mark.parametrize("name", ["iand", "ior", "ixor", "ilshift", "irshift"])
def test_augmented_assignment_of_bits_is_numpys_or_refused(name):
    a, t = np.arange(6), tg.tensor(np.arange(6))
    if np.bitwise_and not in OPS:
        with pytest.raises(TypeError, match="no rule is registered"):
            getattr(operator, name)(t, 3)
        return
    np.testing.assert_array_equal(getattr(operator, name)(t, 3).data, getattr(operator, name)(a, 3))


def test_float32_stays_float32_and_gradients_go_back_to_their_types():
    x, y = tg.tensor(np.ones(3, np.float32), requires_grad=True), leaf([2.0, 3.0])
    b = tg.tensor(np.zeros(3, np.float32))
    b[1:] = y
    b += x
    b[0] = x[2] * y[0]
    assert b.dtype == np.float32
    gx, gy = tg.gradients(b, [x, y])
    assert (gx.dtype, gy.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(gx, [0.0, 1.0, 3.0])
    np.testing.assert_array_equal(gy, [2.0, 1.0])


def test_numpys_shuffle_warns_that_it_cannot_and_a_permutation_can():
    t = leaf(np.arange(6.0).reshape(3, 2))
    with pytest.warns(UserWarning, match="not guaranteed to behave correctly"):
        np.random.default_rng(0).shuffle(t * 1.0)
    np.testing.assert_array_equal(np.sort(t[np.random.default_rng(0).permutation(3)].data, axis=0), t.data)


def test_no_grad_writes_values_and_cuts_the_gradient_there():
    x = leaf([1.0, 2.0])
    y, v = x * 3.0, x[1] * 5.0
    with tg.no_grad():
        y[0] = v
    (g,) = tg.gradients(y, [x])
    np.testing.assert_array_equal(g, [0.0, 3.0])


def test_a_plain_array_takes_what_has_no_gradient():
    a, t = np.zeros(2), tg.tensor([1.0, 2.0])
    a += t
    np.add(a, t, out=a)
    np.copyto(a[:1], t[1:])
    np.add.at(a, [0, 0], t)
    np.put(a, [1], t[:1])
    with tg.no_grad():
        np.add(a, leaf([1.0, 1.0]), out=a)
    np.testing.assert_array_equal(a, [6.0, 2.0])


# What is refused


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: leaf([1.0]).__setitem__(0, 2.0), RuntimeError, "is a leaf that requires a gradient"),
        (lambda: leaf([1.0])[:].__setitem__(0, 2.0), RuntimeError, "is a leaf that requires a gradient"),
        (lambda: tg.tensor([1, 2]).__setitem__(0, leaf(1.0)), TypeError, "cannot hold what a gradient flows to"),
        (lambda: np.copyto(np.zeros(1), leaf([1.0])), TypeError, "a NumPy array cannot hold"),
        (lambda: np.add.at(np.zeros(1), [0], leaf([1.0])), TypeError, "a NumPy array cannot hold"),
        (lambda: np.broadcast_to(leaf([1.0]) * 1, (2, 1)).__setitem__(0, 1.0), ValueError, "read-only"),
        (lambda: (leaf([1.0]) * 1).__setitem__(3, 1.0), IndexError, "out of bounds"),
        (lambda: (leaf([1.0, 2.0]) * 1).__setitem__(0, [1.0, 2.0]), ValueError, "sequence|broadcast"),
        (lambda: (leaf([1.0]) * 1).__setitem__(0, [leaf(1.0)]), TypeError, "np.stack"),
        (lambda: np.sqrt(leaf([1.0]), where=np.array([True])), TypeError, "where= without out="),
        (lambda: (leaf([1.0]) * 1).sum().__setitem__((), 1.0), TypeError, "NumPy scalar cannot be changed"),
        (lambda: setattr(leaf([1.0]), "shape", (1, 1)), AttributeError, r"t = t\.reshape\(\(1, 1\)\)"),
        (lambda: setattr(tg.tensor([1.0])[:], "requires_grad", True), RuntimeError, r"take t\.copy\(\) first"),
        (lambda: setattr(tg.tensor([1.0])[:], "data", np.ones(1)), RuntimeError, r"v\[\.\.\.\] = value"),
        (lambda: tg.tensor([1.0]).__setitem__(0, None), TypeError, "holds numbers"),
        (lambda: np.copyto(tg.tensor([1]), 1.5), TypeError, "same_kind"),
        (lambda: np.copyto(tg.tensor([1]), np.array([1.5])), TypeError, "same_kind"),
        (lambda: np.put(tg.tensor([1]), [0], 1, mode="no"), ValueError, "'raise', 'wrap' or 'clip'"),
        (lambda: np.put(tg.tensor([1]), [1], 1), IndexError, "place 1 is out of range for 1"),
        (lambda: operator.itruediv(tg.tensor([1]), 2), TypeError, "float64 does not fit a tensor of int64"),
        (lambda: operator.imatmul(leaf(np.eye(2)) * 1, np.ones(2)), ValueError, r"shape \(2,\) does not fit"),
        (lambda: np.sum(leaf(np.eye(2)), 0, out=tg.zeros((2, 2))), ValueError, r"shape \(2,\) does not fit"),
        (lambda: np.add(leaf([1.0]), 1, out=tg.zeros(1), where=np.array([1])), TypeError, "mask of booleans"),
        (lambda: np.divmod(leaf([1.0]), 1, out=(tg.zeros(1),) * 2, where=np.ones(1) > 0), TypeError, "np.where"),
        (lambda: np.subtract.reduce(leaf(np.eye(2)), axis=None), ValueError, "not reorderable"),
        (lambda: leaf([1.0]).fill(2.0), RuntimeError, "is a leaf"),
        (lambda: (leaf([1.0]) * 1).fill([1.0, 2.0]), ValueError, "one number"),
        (lambda: leaf([1.0]).flat.__setitem__(0, 2.0), RuntimeError, "is a leaf"),
        (lambda: leaf([1.0]).sort(), RuntimeError, "is a leaf"),
    ],
)
def test_what_cannot_be_written_says_why(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()


def test_a_frozen_parameter_does_not_take_what_a_gradient_flows_to():
    w = leaf([1.0, 2.0], name="w")
    w.requires_grad = False
    w[0] = 5.0
    with pytest.raises(RuntimeError, match="'w' is frozen"):
        w[1] = leaf(1.0)
    with pytest.raises(RuntimeError, match="'w' is frozen"):
        w += leaf([1.0, 1.0])
    np.testing.assert_array_equal(w.data, [5.0, 2.0])


def test_leaves_take_writes_under_no_grad_and_old_graphs_notice():
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    with tg.no_grad():
        w[:1][0] = 3.0
        w *= 2.0
    np.testing.assert_array_equal(w.data, [6.0, 4.0])
    with pytest.raises(RuntimeError, match="was replaced after"):
        loss.backward()


def test_views_are_only_made_where_numpy_makes_one():
    t = leaf(np.ones((2, 3))) * 1.0
    assert type(t[0]) is View
    assert type(t[0, 0]) is tg.Tensor
    assert type(t[[0]]) is tg.Tensor
    assert type(t + 1) is tg.Tensor
    assert type(t.T.reshape(-1)) is tg.Tensor
