"""Losses: right for any logits, strict about shapes and labels."""

import warnings

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.nn import binary_cross_entropy, cross_entropy, mse_loss

LOGITS = [-1e4, -745.0, -40.0, -1.0, 0.0, 1.0, 40.0, 745.0, 1e4]


def exact_cross_entropy(z, t):
    """-t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z)), in extended precision, by the series of log1p."""
    z = np.longdouble(z)
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("z", LOGITS)
def test_binary_cross_entropy_is_finite_and_right_for_any_logit(z, t):
    x = tg.tensor([[z]], requires_grad=True)
    loss = binary_cross_entropy(x, [[t]])
    loss.backward()
    np.testing.assert_allclose(loss.item(), float(exact_cross_entropy(z, t)), rtol=1e-12, atol=1e-300)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(x.grad.item(), 1 / (1 + np.exp(-z)) - t, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("z", LOGITS)
def test_cross_entropy_of_two_classes_equals_the_binary_one(z):
    two, one = tg.tensor([[0.0, z]], requires_grad=True), tg.tensor([[z]], requires_grad=True)
    a, b = cross_entropy(two, [1]), binary_cross_entropy(one, [[1]])
    a.backward()
    b.backward()
    np.testing.assert_allclose(a.item(), b.item(), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(two.grad[0, 1], one.grad[0, 0], rtol=1e-9, atol=1e-16)


def test_losses_are_means_over_the_batch():
    x, y = np.array([[0.5], [-1.0], [2.0]]), np.array([[1.0], [0.0], [1.0]])
    assert np.isclose(
        binary_cross_entropy(x, y), np.mean([binary_cross_entropy(a, b) for a, b in zip(x, y, strict=True)])
    )
    rows = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    assert np.isclose(cross_entropy(rows, [2, 0]), (cross_entropy(rows[:1], [2]) + cross_entropy(rows[1:], [0])) / 2)


def test_cross_entropy_takes_labels_or_probabilities():
    logits = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    assert np.isclose(cross_entropy(logits, [2, 0]), cross_entropy(logits, np.eye(3)[[2, 0]]))


def test_probabilities_are_accepted_explicitly_and_agree_with_logits():
    z, t = np.array([[0.3], [-2.0]]), np.array([[1.0], [0.25]])
    p = tg.nn.sigmoid(z)
    assert np.isclose(binary_cross_entropy(z, t), binary_cross_entropy(p, t, from_logits=False))


def test_a_sure_and_right_probability_costs_nothing_and_a_sure_and_wrong_one_is_infinite():
    p = tg.tensor([0.0, 1.0], requires_grad=True)
    loss = binary_cross_entropy(p, [0, 1], from_logits=False)
    loss.backward()
    assert loss.item() == 0 and np.isfinite(p.grad).all()
    assert binary_cross_entropy(np.array([0.0]), [1], from_logits=False) == np.inf


def test_hessian_of_the_losses_is_that_of_their_formula_also_at_zero():
    z = tg.tensor([0.0], requires_grad=True)
    (slope,) = tg.gradients(binary_cross_entropy(z, [1.0]), [z], create_graph=True)
    (curve,) = tg.gradients(slope, [z])
    np.testing.assert_allclose(curve, [0.25])  # sigmoid'(0)


@pytest.mark.parametrize("loss", [binary_cross_entropy, mse_loss])
def test_targets_of_shape_n_fit_outputs_of_shape_n_1_and_nothing_is_broadcast(loss):
    out, y = np.array([[0.1], [0.2], [0.3]]), np.array([0.0, 1.0, 1.0])
    assert loss(out, y) == loss(out, y[:, None])
    for bad in (y[None], y[:2], np.ones((3, 3)), 1.0):
        with pytest.raises(ValueError, match=r"do not fit predictions of shape \(3, 1\): expected \(3, 1\) or \(3,\)"):
            loss(out, bad)
    with pytest.raises(ValueError, match=r"(?m)expected \(3, 2\)$"):
        loss(np.ones((3, 2)), y)


def test_labels_out_of_range_are_named_with_their_place():
    with pytest.raises(ValueError, match=r"label 3 at position 1 is out of range for 3 classes \(0 to 2\)"):
        cross_entropy(np.zeros((3, 3)), [0, 3, 1])
    with pytest.raises(ValueError, match="label -1 at position 0"):
        cross_entropy(np.zeros((1, 3)), [-1])
    with pytest.raises(ValueError, match=r"targets must lie between 0 and 1, got 3.0 at \(1, 0\)"):
        binary_cross_entropy(np.zeros((2, 1)), [[0], [3]])
    with pytest.raises(ValueError, match="probabilities must lie between 0 and 1, got 1.5"):
        binary_cross_entropy(np.array([1.5]), [1], from_logits=False)


def test_labels_of_the_wrong_dtype_or_shape_are_refused_with_a_cure():
    with pytest.raises(TypeError, match=r"must be integers, got float64: use .astype\(int\)"):
        cross_entropy(np.zeros((2, 3)), [0.0, 1.0])
    with pytest.raises(TypeError, match="targets must be numbers, got <U3"):
        binary_cross_entropy(np.zeros((2, 1)), [["yes"], ["no"]])
    with pytest.raises(ValueError, match=r"labels of shape \(2, 1\) do not fit logits of shape \(2, 3\)"):
        cross_entropy(np.zeros((2, 3)), [[0], [1]])
    with pytest.raises(ValueError, match=r"logits must have shape \(batch, classes\)"):
        cross_entropy(np.zeros(3), [0])


def test_nan_targets_are_refused():
    with pytest.raises(ValueError, match="must lie between 0 and 1, got nan"):
        binary_cross_entropy(np.zeros((2, 1)), [[0.0], [np.nan]])


@pytest.mark.parametrize("loss", [binary_cross_entropy, mse_loss, cross_entropy])
def test_an_empty_batch_is_refused(loss):
    with pytest.raises(ValueError, match="empty"):
        loss(np.zeros((0, 1)), np.zeros((0, 1)))


def test_squashed_outputs_given_for_logits_are_warned_about_because_the_graph_knows():
    x = tg.tensor([[0.5, 1.0]], requires_grad=True)
    with pytest.warns(UserWarning, match="takes logits, but was given the output of a sigmoid: leave the sigmoid out"):
        binary_cross_entropy(tg.nn.sigmoid(x), [[0, 1]])
    with pytest.warns(UserWarning, match="output of a softmax"):
        cross_entropy(tg.nn.softmax(x), [1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        binary_cross_entropy(tg.nn.sigmoid(x), [[0, 1]], from_logits=False)


def test_integer_targets_and_float64_targets_do_not_lift_a_float32_loss():
    x = tg.tensor(np.zeros((2, 1), np.float32), requires_grad=True)
    assert binary_cross_entropy(x, [[0], [1]]).dtype == np.float32
    assert mse_loss(x, np.array([[0.0], [1.0]])).dtype == np.float32
    assert cross_entropy(tg.tensor(np.zeros((2, 2), np.float32)), np.eye(2)).dtype == np.float32


def test_targets_may_be_tensors_and_get_gradients():
    t = tg.tensor([[0.25]], requires_grad=True)
    binary_cross_entropy(np.array([[2.0]]), t).backward()
    np.testing.assert_allclose(t.grad, [[-2.0]])
