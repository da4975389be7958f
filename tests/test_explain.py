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
