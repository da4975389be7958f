"""Functions of the user's that see gradients and outputs on their way."""

import copy
import pickle

import numpy as np
import pytest

import tensorgrad as tg


@pytest.fixture
def x():
    return tg.tensor([1.0, 2.0], requires_grad=True)


def test_a_hook_sees_the_sum_of_all_uses_once(x):
    h, seen = x * x, []
    h.register_hook(seen.append)
    (np.sum(h) + np.sum(3 * h)).backward()
    assert [g.tolist() for g in seen] == [[4.0, 4.0]]
    assert x.grad.tolist() == [8.0, 16.0]


def test_what_was_computed_before_the_hook_counts_as_well(x):
    h, seen = x * x, []
    y = np.sum(h)
    h.register_hook(seen.append)
    y.backward()
    assert [g.tolist() for g in seen] == [[1.0, 1.0]]


def test_a_hook_may_replace_the_gradient_and_the_next_sees_that(x):
    seen = []
    h = x * x
    h.register_hook(lambda g: 10 * g)
    h.register_hook(seen.append)
    np.sum(h).backward()
    assert seen[0].tolist() == [10.0, 10.0] and x.grad.tolist() == [20.0, 40.0]


def test_a_hook_on_a_leaf_sees_what_one_pass_adds(x):
    seen = []
    x.register_hook(lambda g: seen.append(g) or np.clip(g, 0, 3))
    for _ in range(2):
        np.sum(x * x).backward()
    assert [g.tolist() for g in seen] == [[2.0, 4.0], [2.0, 4.0]] and x.grad.tolist() == [4.0, 6.0]


def test_a_removed_hook_is_not_called(x):
    handle = x.register_hook(lambda g: 0 * g)
    handle.remove()
    handle.remove()
    np.sum(x).backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_gradients_and_transforms_pass_hooks_too(x):
    h = x * x
    h.register_hook(lambda g: 2 * g)
    gradients = tg.gradients(np.sum(h), [h, x])
    assert [g.tolist() for g in gradients] == [[2.0, 2.0], [4.0, 8.0]]

    def clipped(x):
        h = x * x
        h.register_hook(lambda g: np.clip(g, -1, 1))
        return h * np.array([1.0, 5.0])

    assert tg.jacobian(clipped)(np.array([1.0, 2.0])).tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_a_hook_of_a_gradient_that_is_to_be_differentiated_gets_and_gives_tensors(x):
    h, seen = x * x, []
    h.register_hook(lambda g: seen.append(g) or g * x)
    (slope,) = tg.gradients(np.sum(h), [x], create_graph=True)  # 2 x x
    assert isinstance(seen[0], tg.Tensor)
    assert tg.gradients(slope, [x])[0].tolist() == [4.0, 8.0]


def test_the_gradient_of_a_complex_tensor_is_the_users(x):
    z, seen = tg.tensor([1 + 1j], requires_grad=True), []
    w = z * 1.0
    w.register_hook(seen.append)
    np.sum(np.abs(w) ** 2).backward()
    np.testing.assert_allclose(seen[0], [2 + 2j])
    np.testing.assert_allclose(z.grad, [2 + 2j])


def test_a_hook_cannot_change_the_gradient_in_place_but_keeps_what_it_saw(x):
    h, seen = x * x, []
    h.register_hook(seen.append)
    h[0] = 0.0  # whose rule sets an element of the gradient to 0 in place
    (np.sum(h) + np.sum(h)).backward()
    with pytest.raises(ValueError, match="read-only"):
        seen[0] *= 2


def test_a_replacement_has_the_shape_and_gets_the_dtype_of_the_gradient():
    x = tg.tensor(np.ones(2, np.float32), requires_grad=True)
    x.register_hook(lambda g: np.array([1.5, 2.5]))
    np.sum(x).backward()
    assert x.grad.dtype == np.float32 and x.grad.tolist() == [1.5, 2.5]
    x.register_hook(lambda g: g[:1])
    with pytest.raises(ValueError, match=r"a hook gave a gradient of shape \(1,\) for one of \(2,\)"):
        np.sum(x).backward()


def test_a_tensor_without_gradient_takes_no_hook():
    with pytest.raises(RuntimeError, match="requires no gradient"):
        tg.tensor(1.0).register_hook(print)


# Modules


def test_a_module_hook_sees_and_replaces_outputs():
    model, seen = tg.nn.MLP([2, 3, 1], rng=0), []
    model.register_forward_hook(lambda module, args, out: seen.append((module, args[0].shape, out.shape)))
    handle = model.register_forward_hook(lambda module, args, out: out * 0)
    assert model(np.ones((5, 2))).data.tolist() == [[0.0]] * 5
    assert seen == [(model, (5, 2), (5, 1))]
    handle.remove()
    assert np.any(model(np.ones((5, 2))).data)


def test_module_hooks_gather_statistics_of_gradients_layer_by_layer():
    model, norms = tg.nn.MLP([2, 3, 1], rng=0), {}

    def watch(name):
        def keep_norm(g):
            norms[name] = np.linalg.norm(g)

        def hook(module, args, out):
            out.register_hook(keep_norm)

        return hook

    for name, layer in enumerate(model.layers):
        layer.register_forward_hook(watch(name))
    np.sum(model(np.ones((5, 2)))).backward()
    assert sorted(norms) == [0, 1] and norms[1] == pytest.approx(np.sqrt(5))


def test_modules_with_hooks_are_still_copied_pickled_and_derived():
    model = tg.nn.MLP([2, 3, 1], rng=0)
    model.register_forward_hook(doubled)
    x = np.ones((1, 2))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin(x).data, model(x).data)
    gradient = tg.grad(lambda m: np.sum(m(x)))(model)
    np.testing.assert_array_equal(gradient.layers[-1].bias, [2.0])


def doubled(module, args, out):
    return 2 * out


def test_jacobians_call_hooks_row_by_row_whatever_their_shape():
    for n in (2, 20):  # square, and so tall that columns would be cheaper
        matrix, seen = np.ones((n, 2)), []

        def f(x, matrix=matrix, seen=seen):
            h = x * 1.0
            h.register_hook(lambda g: seen.append(type(g)) or 10 * g)
            return matrix @ h

        assert tg.jacobian(f)(np.ones(2)).tolist() == (10 * matrix).tolist()
        assert seen == [np.ndarray] * n


def test_a_complex_replacement_of_a_real_gradient_is_refused(x):
    x.register_hook(lambda g: 1j * g)
    with pytest.raises(TypeError, match="a hook gave a gradient of complex128 for one of float64"):
        np.sum(x).backward()


def test_one_function_may_be_two_hooks_and_a_hook_may_remove_itself(x):
    seen = []
    first, second = x.register_hook(seen.append), x.register_hook(seen.append)
    first.remove()
    np.sum(x).backward()
    assert len(seen) == 1
    second.remove()
    once = x.register_hook(lambda g: once.remove())
    x.register_hook(seen.append)
    np.sum(x).backward()
    assert len(seen) == 2


def test_a_hook_is_a_function(x):
    with pytest.raises(TypeError, match="a hook is a function, got 3"):
        x.register_hook(3)


def test_a_hook_of_a_leaf_gets_a_tensor_where_the_gradient_is_to_be_differentiated(x):
    seen = []
    x.register_hook(seen.append)
    tg.gradients(np.sum(x), [x], create_graph=True)
    assert isinstance(seen[0], tg.Tensor)


def test_module_hooks_see_inputs_given_by_name():
    class Scaled(tg.nn.Module):
        def __init__(self):
            self.hooks = {"a": 1}  # a name that users may have

        def forward(self, x, factor):
            return x * factor

    model, seen = Scaled(), []
    model.register_forward_hook(lambda module, inputs, out: seen.append(inputs))
    model(np.ones(1), factor=3.0)
    assert seen == [(1.0, 3.0)]
