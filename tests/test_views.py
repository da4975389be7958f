"""Views and in-place writes: NumPy's meaning, with gradients of any order."""

import copy

import numpy as np
import pytest

import tensorgrad as tg
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


PROGRAMS = [
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
        np.testing.assert_array_equal(np.asarray(f(leaf(X)).data), f(X.copy()))
    np.testing.assert_array_equal(np.asarray(f(tg.tensor(X)).data), f(X.copy()))


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
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 1.0, 0.0])


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
    y = leaf(np.ones((2, 3))) * 1.0
    y = np.transpose(y).copy() if False else y
    fortran = tg.tensor(np.asfortranarray(np.ones((2, 3))))
    fortran[0] = 2.0
    assert fortran.data.strides == np.ones((2, 3)).strides or fortran.data.flags.f_contiguous


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
    middle = y.node
    assert middle is not None
    before = copy.copy(middle)
    del before
    z = y + y
    (g,) = tg.gradients((z * z).sum(), [y])
    np.testing.assert_array_equal(g, [16.0, 16.0])


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
