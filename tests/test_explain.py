"""Where one element of a gradient comes from."""

import math

import numpy as np
import pytest

import tensorgrad as tg


def test_each_path_has_the_product_of_the_derivatives_along_it():
    x = tg.tensor([0.5, 2.0], requires_grad=True, name="x")
    loss = np.sum(np.sin(x) * np.exp(x)) - 3 * x[1]
    found = tg.explain(loss, x, 1)
    expected = {"sin": math.cos(2) * math.exp(2), "exp": math.sin(2) * math.exp(2), "getitem": -3.0}
    assert {route.steps[0].op: pytest.approx(route.share) for route in found.routes} == expected
    assert [abs(route.share) for route in found.routes] == sorted(map(abs, expected.values()), reverse=True)
    assert (found.rest, found.others) == (0.0, 0)


def test_the_shares_and_the_rest_add_up_to_the_gradient():
    w = tg.tensor(0.9, requires_grad=True)
    h = w
    for _ in range(20):
        h = np.tanh(h * w + w)
    found = tg.explain(h, w, most=7)
    assert len(found.routes) == 7 and found.others
    assert sum(route.share for route in found.routes) + found.rest == pytest.approx(found.value, rel=1e-13)
    assert found.value == pytest.approx(tg.gradients(h, [w])[0])


def test_every_path_is_found_where_there_are_few():
    x = tg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(5):
        y = y + y  # two ways each
    found = tg.explain(y, x, most=100)
    assert [route.share for route in found.routes] == [1.0] * 32 and found.value == 32


def test_an_element_of_a_parameter_of_a_network():
    model = tg.nn.MLP([3, 4, 2], activation="tanh", rng=0)
    loss = tg.nn.cross_entropy(model(np.eye(3)), [0, 1, 1])
    weight = model.layers[0].weight
    found = tg.explain(loss, weight, (0, 1))
    assert found.value == pytest.approx(tg.gradients(loss, [weight])[0][0, 1])
    assert str(found).startswith("d loss / d layers.0.weight[0, 1] = ")
    assert weight.grad is None


def test_an_element_that_does_not_matter_has_no_path():
    x, w = tg.tensor([1.0, 2.0], requires_grad=True), tg.tensor(1.0, requires_grad=True)
    assert str(tg.explain(w * 2, x, 0)) == "d loss / d x[0] = 0: no path leads there"
    assert tg.explain(w * x[0], x, 1).routes == ()


def test_writes_checkpoints_and_complex_steps_are_followed():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    buffer = tg.zeros(3)
    buffer[1] = tg.checkpoint(lambda x: np.abs(np.exp(1j * x) + x))(x)[0]
    loss = np.sum(buffer * buffer)
    found = tg.explain(loss, x, 0)
    assert sum(route.share for route in found.routes) == pytest.approx(tg.gradients(loss, [x])[0][0])


def test_bad_arguments_are_named():
    x = tg.tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(ValueError, match=r"index \(0,\) names 2 elements of shape \(2, 2\)"):
        tg.explain(np.sum(x), x, (0,))
    with pytest.raises(ValueError, match=r"loss has shape \(2, 2\)"):
        tg.explain(x * 2, x, (0, 0))
    with pytest.raises(TypeError, match="loss is no tensor but float"):
        tg.explain(1.0, x, (0, 0))
    with pytest.raises(ValueError, match="x requires no gradient"):
        tg.explain(np.sum(x), tg.tensor(1.0))
    loss = np.sum(x * x)
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        tg.explain(loss, x, (0, 0))


def test_paths_that_cancel_are_shown():
    x = tg.tensor(1.0, requires_grad=True)
    y = x * 3
    found = tg.explain(y * 2 - y * 2, x)
    assert sorted(route.share for route in found.routes) == [-6.0, 6.0] and found.value == 0
    found = tg.explain(y * 1000 - y * 999 + x * 5, x, most=2)
    assert [route.share for route in found.routes] == [3000.0, -2997.0]
    assert found.rest == pytest.approx(5.0)


def test_of_too_many_paths_some_are_followed_to_the_end():
    x = tg.tensor(0.5, requires_grad=True)
    h = x
    for _ in range(300):
        h = np.sin(h) + h * 0.1
    found = tg.explain(h, x, most=3)
    assert len(found.routes) == 3 and found.others
    assert sum(route.share for route in found.routes) + found.rest == pytest.approx(found.value)


def test_hooks_are_neither_called_nor_counted():
    x = tg.tensor(2.0, requires_grad=True)
    y = x * x
    y.register_hook(lambda g: 10 * g)
    found = tg.explain(y * 3, x)
    assert found.value == 12 and [route.share for route in found.routes] == [6.0, 6.0]


def test_lines_are_those_of_the_user():
    x = tg.tensor(2.0, requires_grad=True, name="x")
    with tg.debug():
        u = np.exp(-x)
        loss = x * u
    lines = [[step.line.partition(": ")[2] for step in route.steps] for route in tg.explain(loss, x).routes]
    assert lines == [["u = np.exp(-x)", "u = np.exp(-x)", "loss = x * u"], ["loss = x * u"]]
