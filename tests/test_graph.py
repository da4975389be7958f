"""Recording: what makes a node, what a node keeps, the switch, names, leaves, writes, copies, depth."""

import asyncio
import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import tensorgrad as tg


class Watched(np.ndarray):
    """An array that can be watched going away."""


def leaf(data, **options):
    return tg.tensor(data, requires_grad=True, **options)


def kept(tensor):
    """Return the arrays that the node of a tensor holds: its result if kept, and its arguments."""
    return [a for a in (tensor.node.out, *tensor.node.args) if isinstance(a, np.ndarray)]


# Recording


def test_a_step_is_recorded_when_an_argument_requires_a_gradient():
    x = leaf([1.0, 2.0])
    y = x * 3.0
    assert y.requires_grad
    assert y.node.op.name == "multiply"
    assert y.node.inputs == (x.node, None)


def test_nothing_is_recorded_without_a_tensor_that_requires_a_gradient():
    y = tg.tensor([1.0, 2.0]) * tg.tensor([3.0, 4.0])
    assert y.node is None
    assert not y.requires_grad


def test_nodes_are_numbered_in_the_order_they_were_made():
    x = leaf(1.0)
    y = x + 1
    z = y * x
    assert x.node.seq > y.node.seq > z.node.seq  # downwards


def test_an_operator_a_method_and_a_function_record_the_same_step():
    x = leaf([[1.0, 2.0]])
    assert {(x @ x.T).node.op, np.matmul(x, x.T).node.op} == {(x @ x.T).node.op}
    assert {x.sum().node.op, np.sum(x).node.op} == {x.sum().node.op}


def test_results_of_integers_carry_no_gradient():
    y = leaf([1.5, 2.5]).astype(int)
    assert y.dtype.kind == "i"
    assert not y.requires_grad


# What is kept


def test_addition_keeps_no_array():
    assert kept(leaf([1.0, 2.0]) + leaf([3.0, 4.0])) == []


def test_exp_keeps_its_result_only():
    y = np.exp(leaf([1.0, 2.0]))
    (array,) = kept(y)
    assert array is y.data


def test_sin_keeps_its_argument_only():
    x = leaf([1.0, 2.0])
    (array,) = kept(np.sin(x))
    assert array is x.data


def test_a_product_with_a_constant_keeps_the_constant_only():
    x, c = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    (array,) = kept(x * c)
    assert array is c


def test_the_argument_of_a_frozen_factor_is_not_kept():
    x, w = leaf([1.0, 2.0]), tg.tensor([3.0, 4.0])
    (array,) = kept(w * x)
    assert array is w.data


def test_a_constant_that_no_rule_reads_is_let_go():
    x, c = leaf(np.ones(3)), np.ones(3).view(Watched)
    gone = weakref.ref(c)
    y = x + c
    del c
    assert gone() is None
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones(3))


def test_an_intermediate_result_that_no_rule_reads_is_let_go():
    x = leaf(np.ones(3))
    inner = x + 1.0
    inner._data = inner.data.view(Watched)
    gone = weakref.ref(inner.data)
    outer = inner.sum()
    del inner
    assert gone() is None
    outer.backward()
    np.testing.assert_array_equal(x.grad, np.ones(3))


def test_reading_by_index_keeps_no_array():
    assert kept(leaf(np.ones((3, 4)))[1]) == []


def test_a_relu_network_keeps_each_activation_once():
    x, weights = np.ones((50, 10)), [leaf(np.eye(10)) for _ in range(4)]
    h = x
    for w in weights:
        h = np.maximum(h @ w, 0.0)
    nodes, stack = set(), [h.node]
    while stack:
        node = stack.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            stack.extend(node.inputs)
    arrays = {id(a): a for n in nodes if n.op for a in (n.out, *n.args) if isinstance(a, np.ndarray)}
    batches = [a for a in arrays.values() if a.shape == (50, 10)]
    assert len(batches) <= 1 + 4 + 3  # the input, what each maximum compares, what each further product multiplies


def test_an_index_is_kept_as_it_was():
    x, index = leaf([1.0, 2.0, 3.0]), np.array([0, 0])
    y = x[index]
    index[:] = 2
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 0.0, 0.0])


def test_an_index_list_is_kept_as_it_was():
    x, index = leaf([1.0, 2.0, 3.0]), [0, 1]
    y = x[index]
    index[0] = 2
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 1.0, 0.0])


def test_backward_lets_go_of_what_was_kept():
    y = np.exp(leaf(np.ones(3)))
    loss = y.sum()
    loss.backward()
    assert y.node.args is None
    assert y.node.out is None
    assert y.node.op.name == "exp"  # the structure stays, to be drawn


def test_a_graph_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        c = np.ones(3).view(Watched)
        gone = weakref.ref(c)
        y = np.exp(leaf(np.ones(3)) * c)
        del c
        assert gone() is not None  # the graph kept it
        del y
        assert gone() is None
    finally:
        gc.enable()


# The switch


def test_no_grad_records_nothing():
    x = leaf(1.0)
    with tg.no_grad():
        y = x * 2
    assert not y.requires_grad
    assert (x * 2).requires_grad


def test_no_grad_is_a_decorator():
    @tg.no_grad()
    def double(x):
        return x * 2

    x = leaf(1.0)
    assert not double(x).requires_grad
    assert (x * 2).requires_grad


def test_enable_grad_records_within_no_grad():
    x = leaf(1.0)
    with tg.no_grad():
        with tg.enable_grad():
            inner = x * 2
        outer = x * 2
    assert inner.requires_grad
    assert not outer.requires_grad


def test_enable_grad_is_a_decorator():
    @tg.enable_grad()
    def double(x):
        return x * 2

    with tg.no_grad():
        assert double(leaf(1.0)).requires_grad


def test_an_error_within_no_grad_switches_recording_on_again():
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        1 / 0  # noqa: B018  # the error is the point
    assert (leaf(1.0) * 2).requires_grad


def test_a_decorated_function_may_call_itself():
    @tg.no_grad()
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    x = leaf(3.0)
    y = power(x, 4)
    assert y.item() == 81.0
    assert not y.requires_grad
    assert (x * 2).requires_grad


def test_one_no_grad_object_can_be_entered_again():
    x, off = leaf(1.0), tg.no_grad()
    with off:
        pass
    with off:
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_holds_in_its_own_thread_only():
    x, seen = leaf(1.0), []
    with tg.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_decorated_function_can_run_in_several_threads_at_once():
    both_inside, seen = threading.Barrier(2, timeout=10), []

    @tg.no_grad()
    def double(x):
        both_inside.wait()
        result = (x * 2).requires_grad
        both_inside.wait()
        return result

    def work():
        x = leaf(1.0)
        seen.append((double(x), (x * 2).requires_grad))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(False, True)] * 2


def test_no_grad_holds_in_its_own_task_only():
    x = leaf(1.0)

    async def without(entered, leave):
        with tg.no_grad():
            entered.set()
            await leave.wait()
            return (x * 2).requires_grad

    async def main():
        entered, leave = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(without(entered, leave))
        await entered.wait()
        here = (x * 2).requires_grad
        leave.set()
        return here, await task

    assert asyncio.run(main()) == (True, False)


def test_graphs_of_several_threads_do_not_meet():
    def work(scale, found):
        x = leaf(np.ones(10))
        for _ in range(20):
            (g,) = tg.gradients((scale * x * x).sum(), [x])
            found.append(g)

    found = [[] for _ in range(4)]
    threads = [threading.Thread(target=work, args=(float(k), found[k])) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        assert len(found[k]) == 20
        assert all(np.array_equal(g, np.full(10, 2.0 * k)) for g in found[k])


# Names


def test_a_tensor_carries_its_name():
    assert tg.tensor(1.0, name="c").name == "c"
    assert leaf(1.0, name="w").name == "w"
    assert leaf(1.0).name is None


def test_a_name_can_be_given_later_also_to_a_result():
    y = leaf(1.0) * 2
    y.name = "doubled"
    assert y.name == "doubled"
    assert y.node.name == "doubled"


def test_a_name_is_shown():
    assert repr(leaf([1.0], name="w")) == "tensor([1.], requires_grad=True, name='w')"


@pytest.mark.parametrize("on", [True, False])
def test_a_name_stays_when_a_tensor_is_frozen_or_thawed(on):
    t = tg.tensor(1.0, requires_grad=not on, name="w")
    t.requires_grad = on
    assert t.name == "w"


# Leaves


def test_tensor_copies_its_data():
    data = np.array([1.0, 2.0])
    t = tg.tensor(data)
    data[0] = 5.0
    assert t.data[0] == 1.0


def test_data_of_a_leaf_is_the_array_itself():
    t = leaf([1.0, 2.0])
    t.data[0] = 5.0
    np.testing.assert_array_equal(t.numpy(), [5.0, 2.0])
    assert t.data is t.data


def test_a_frozen_leaf_gets_no_gradient_and_a_thawed_one_does():
    x, w = leaf(2.0), leaf(3.0)
    w.requires_grad = False
    (x * w).backward()
    assert w.grad is None
    w.requires_grad = True
    (x * w).backward()
    assert (x.grad, w.grad) == (6.0, 2.0)


def test_a_frozen_leaf_keeps_its_gradient():
    w = leaf(3.0)
    (w * 2).backward()
    w.requires_grad = False
    assert w.grad == 2.0
    w.requires_grad = True
    (w * 2).backward()
    assert w.grad == 4.0


def test_a_graph_recorded_before_freezing_still_gives_the_gradient():
    w = leaf(3.0)
    y = w * 2
    w.requires_grad = False
    y.backward()
    w.requires_grad = True
    assert w.grad == 2.0


def test_requires_grad_of_a_result_cannot_be_set():
    with pytest.raises(RuntimeError, match="leaf only.*detach"):
        (leaf(1.0) * 2).requires_grad = False


def test_data_of_a_result_cannot_be_replaced():
    with pytest.raises(RuntimeError, match="only a leaf's data.*detach"):
        (leaf(1.0) * 2).data = np.array(1.0)


def test_data_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\) cannot replace 'w' of shape \(2,\)"):
        leaf([1.0, 2.0], name="w").data = np.zeros(3)


def test_data_of_another_dtype_is_taken():
    w = leaf([1.0, 2.0])
    w.data = np.float32([3.0, 4.0])
    (w * w).sum().backward()
    assert w.dtype == w.grad.dtype == np.float32


def test_a_gradient_follows_the_dtype_of_new_data():
    w = leaf([1.0, 2.0])
    w.sum().backward()
    w.data = w.data.astype(np.float32)
    assert w.grad.dtype == np.float32
    w.sum().backward()
    np.testing.assert_array_equal(w.grad, np.float32([2.0, 2.0]))


def test_integer_data_for_a_leaf_that_requires_a_gradient_is_refused():
    with pytest.raises(TypeError, match="int64 cannot require a gradient"):
        leaf([1.0, 2.0]).data = np.array([1, 2])


def test_grad_can_be_set_in_its_shape_only():
    w = leaf([1.0, 2.0], name="w")
    w.grad = [3.0, 4.0]
    np.testing.assert_array_equal(w.grad, [3.0, 4.0])
    with pytest.raises(ValueError, match=r"shape \(3,\) does not fit 'w'"):
        w.grad = np.zeros(3)
    w.grad = None
    assert w.grad is None


def test_grad_of_a_result_cannot_be_set_and_is_none():
    y = leaf(1.0) * 2
    assert y.grad is None
    with pytest.raises(RuntimeError, match="only a leaf"):
        y.grad = np.array(1.0)


# Writing


def test_augmented_assignment_points_the_tensor_to_the_result():
    x = leaf([1.0, 2.0])
    y = x * 1.0
    same = y
    y += 3.0
    y *= x
    assert y is same
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * x.data + 3)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda t: t.__iadd__(2.0), 5.0),
        (lambda t: t.__isub__(2.0), 1.0),
        (lambda t: t.__imul__(2.0), 6.0),
        (lambda t: t.__itruediv__(2.0), 1.5),
        (lambda t: t.__ipow__(2.0), 9.0),
        (lambda t: t.__ifloordiv__(2.0), 1.0),
        (lambda t: t.__imod__(2.0), 1.0),
    ],
)
def test_each_augmented_assignment_does_what_its_operator_does(write, expected):
    t = tg.tensor([3.0])
    assert write(t) is t
    assert t.data == expected


def test_augmented_matmul_multiplies():
    t = tg.tensor(np.eye(2))
    t @= np.full((2, 2), 3.0)
    np.testing.assert_array_equal(t.data, np.full((2, 2), 3.0))


def test_augmented_assignment_leaves_other_arrays_alone():
    x = tg.tensor([1.0, 2.0])
    before = x.data
    x += 1.0
    np.testing.assert_array_equal(before, [1.0, 2.0])


def test_augmented_assignment_to_a_leaf_that_requires_a_gradient_is_refused():
    w = leaf([1.0, 2.0], name="w")
    with pytest.raises(RuntimeError, match="'w' is a leaf that requires a gradient.*no_grad"):
        w += 1.0
    np.testing.assert_array_equal(w.data, [1.0, 2.0])


def test_augmented_assignment_to_a_leaf_works_under_no_grad():
    w = leaf([1.0, 2.0])
    node = w.node
    with tg.no_grad():
        w -= 0.5
    assert w.node is node
    np.testing.assert_array_equal(w.data, [0.5, 1.5])


def test_augmented_assignment_that_would_change_the_shape_is_refused():
    t = tg.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"shape \(3, 2\) does not fit a tensor of shape \(2,\)"):
        t += np.zeros((3, 2))


def test_augmented_assignment_keeps_the_dtype():
    t = tg.tensor([1.0, 2.0], dtype=np.float32)
    t += np.array([1.0, 1.0])
    assert t.dtype == np.float32
    integers = tg.tensor([1, 2])
    with pytest.raises(TypeError, match="float64 does not fit a tensor of int64"):
        integers += 0.5


def test_item_assignment_to_a_constant_works():
    t = tg.tensor([1.0, 2.0, 3.0])
    t[1:] = [5.0, 6.0]
    t[t > 5.5] = 0.0
    np.testing.assert_array_equal(t.data, [1.0, 5.0, 0.0])


def test_item_assignment_does_not_change_what_a_graph_kept():
    x, t = leaf([1.0, 2.0]), tg.tensor([3.0, 4.0])
    y = x * t
    t[0] = 100.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 4.0])


def test_item_assignment_to_a_leaf_works_under_no_grad_only():
    w = leaf([1.0, 2.0], name="w")
    with pytest.raises(RuntimeError, match="'w' is a leaf"):
        w[0] = 5.0
    with tg.no_grad():
        w[0] = 5.0
    np.testing.assert_array_equal(w.data, [5.0, 2.0])


# Copies


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_leaf_survives_copying(twin, requires_grad):
    t = tg.tensor([1.0, 2.0], requires_grad=requires_grad, name="w", dtype=np.float32)
    if requires_grad:
        t.grad = [3.0, 4.0]
    other = twin(t)
    assert (other.requires_grad, other.name, other.dtype) == (requires_grad, "w", np.float32)
    np.testing.assert_array_equal(other.data, t.data)
    if requires_grad:
        np.testing.assert_array_equal(other.grad, [3.0, 4.0])
        (other * 2).sum().backward()
        np.testing.assert_array_equal(t.grad, [3.0, 4.0])


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_deep_copy_shares_nothing(twin):
    t = leaf([1.0, 2.0])
    other = twin(t)
    other.data[0] = 5.0
    assert t.data[0] == 1.0


def test_a_frozen_leaf_survives_pickling():
    t = leaf([1.0, 2.0], name="w")
    t.grad = [3.0, 4.0]
    t.requires_grad = False
    other = pickle.loads(pickle.dumps(t))
    assert not other.requires_grad
    np.testing.assert_array_equal(other.grad, [3.0, 4.0])
    other.requires_grad = True
    assert other.name == "w"


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_tensor_inside_a_graph_refuses_to_be_copied(twin):
    with pytest.raises(TypeError, match=r"t\.detach\(\)"):
        twin(leaf(1.0) * 2)


def test_a_detached_tensor_is_a_constant_of_its_own():
    x = leaf([1.0, 2.0])
    y = (x * 2).detach()
    assert not y.requires_grad
    z = x.detach()
    z.data[0] = 9.0
    assert x.data[0] == 1.0


# Depth


def chain(length):
    """Return a leaf, the end of a chain of steps from it, and a watch on an array that the first step keeps."""
    x, first = leaf(1.0), np.array(1.0).view(Watched)
    y = x * first
    for _ in range(length - 1):
        y = y + 1e-5
    return x, y, weakref.ref(first)


def on_a_small_stack(work):
    """Run `work` in a thread whose stack has no room for recursion through a long graph."""
    done, before = [], threading.stack_size(2 << 20)  # Python itself nests some deallocations
    try:
        thread = threading.Thread(target=lambda: done.append(work()))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    return done[0]


def test_a_chain_of_100_000_steps_is_differentiated_without_recursion():
    def work():
        x, y, _ = chain(100_000)
        y.backward()
        return x.grad

    assert on_a_small_stack(work) == 1.0


def test_a_chain_of_100_000_steps_is_freed_without_recursion():
    def work():
        _, y, watched = chain(100_000)
        held = watched() is not None
        del y
        return held, watched() is None

    assert on_a_small_stack(work) == (True, True)


def test_a_chain_of_10_000_steps_is_differentiated_twice():
    x = leaf(1.0)
    y = x * x
    for _ in range(10_000):
        y = y * 1.0
    (slope,) = tg.gradients(y, [x], create_graph=True)
    assert tg.gradients(slope, [x]) == [2.0]


def test_a_step_of_10_000_arguments_is_differentiated():
    xs = [leaf(float(k)) for k in range(10_000)]
    (np.stack(xs) * np.arange(10_000.0)).sum().backward()
    assert [x.grad.item() for x in xs[::1000]] == [1000.0 * k for k in range(10)]


def test_a_leaf_with_10_000_consumers_sums_their_gradients():
    x = leaf(2.0)
    total = sum(x * float(k) for k in range(10_000))
    total.backward()
    assert x.grad == sum(range(10_000))
