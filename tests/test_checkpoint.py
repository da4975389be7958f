"""Recomputing instead of keeping."""

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.testing import gradcheck

WEIGHT = tg.tensor(np.array([[0.5, -1.0], [2.0, 0.25]]), requires_grad=True, name="w")
X, Y = np.array([[1.0, 0.5], [-0.5, 2.0]]), np.array([[0.2, -0.3], [1.0, 0.7]])


def part(x, y):
    """Return several results, nested, of arguments and of a tensor that is none."""
    h = np.tanh(x @ WEIGHT)
    return {"product": h * y, "rest": [np.sum(h**2), 3, x]}


def loss_of(part):
    def loss(x, y):
        out = part(np.sin(x), y)
        return np.sum(np.exp(out["product"])) + out["rest"][0] * out["rest"][1] + np.sum(out["rest"][2])

    return loss


KEPT, AGAIN = loss_of(part), loss_of(tg.checkpoint(part))


def test_gradients_are_those_of_the_function():
    for found, expected in zip(tg.grad(AGAIN, (0, 1))(X, Y), tg.grad(KEPT, (0, 1))(X, Y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_second_derivatives_are_those_of_the_function():
    np.testing.assert_allclose(tg.hessian(AGAIN)(X, Y), tg.hessian(KEPT)(X, Y), rtol=1e-13)
    for found, expected in zip(tg.hvp(AGAIN, (X, Y), (Y, X)), tg.hvp(KEPT, (X, Y), (Y, X)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_the_whole_of_a_function_can_be_a_checkpoint():
    whole, x = tg.checkpoint(lambda x: np.sum(np.tanh(x) * x)), np.array([0.5, 1.0])
    np.testing.assert_allclose(tg.hessian(whole)(x), tg.hessian(lambda x: np.sum(np.tanh(x) * x))(x), rtol=1e-14)


def test_tangents_go_through_as_well():
    assert tg.jvp(AGAIN, (X, Y), (Y, X)) == pytest.approx(tg.jvp(KEPT, (X, Y), (Y, X)), rel=1e-14)


def test_tensors_that_are_no_arguments_get_their_gradients():
    grads = []
    for loss in (KEPT, AGAIN):
        WEIGHT.grad = None
        loss(X, Y).backward()
        grads.append(WEIGHT.grad)
    np.testing.assert_allclose(*grads, rtol=1e-14)


def test_where_one_argument_came_from_another_nothing_counts_twice():
    both = tg.checkpoint(lambda x, y: x * y)
    assert tg.grad(lambda x: both(x, np.exp(x)))(1.0) == pytest.approx(2 * np.e)


def test_checkpoints_nest_and_pass_the_gradient_check():
    inner = tg.checkpoint(lambda x: np.tanh(x) * x)
    gradcheck(tg.checkpoint(lambda x: np.sin(inner(x) + x)), np.array([0.3, -1.2]))


def test_complex_numbers_go_through():
    f = tg.checkpoint(lambda z: z * z + 1j * z)
    z = np.array([1.0 + 0.5j])
    np.testing.assert_allclose(
        tg.grad(lambda z: np.sum(np.abs(f(z))))(z), tg.grad(lambda z: np.sum(np.abs(z * z + 1j * z)))(z)
    )


def test_a_module_can_be_checkpointed():
    model = tg.nn.MLP([2, 5, 1], activation="tanh", rng=0)
    plain = np.mean(model(X) ** 2)
    plain.backward()
    expected = [p.grad for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    np.mean(tg.checkpoint(model)(X) ** 2).backward()
    for p, e in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad, e, rtol=1e-14)


def test_without_gradients_nothing_is_recorded_or_run_twice():
    runs = []
    f = tg.checkpoint(lambda x: runs.append(1) or x * 2)
    with tg.no_grad():
        assert not f(tg.tensor(1.0, requires_grad=True)).requires_grad
    assert f(np.ones(2)).tolist() == [2.0, 2.0] and len(runs) == 2


def test_the_peak_memory_of_a_chain_falls_to_about_its_square_root():
    def layers(h, n):
        for _ in range(n):
            h = np.tanh(h * 1.01)
        return h

    def chain(x, parts, layers):
        for _ in range(parts):
            x = layers(x, 100 // parts)
        return np.sum(x)

    x, peaks = np.ones((100, 1000)), []
    for parts, run in ((1, layers), (10, tg.checkpoint(layers))):
        tracemalloc.start()
        tg.grad(chain)(x, parts, run)
        peaks.append(tracemalloc.get_traced_memory()[1] / x.nbytes)
        tracemalloc.stop()
    assert peaks[0] > 100  # one array a layer
    assert peaks[1] < 25  # ten ends of parts, ten layers of one part, and what is on its way


def test_a_function_that_draws_other_numbers_the_second_time_is_refused():
    rng = np.random.default_rng(0)
    noisy = tg.checkpoint(lambda x: np.sum(x * rng.normal(size=3)))
    with pytest.raises(RuntimeError, match="gave another result .* draw random numbers from a seed"):
        tg.grad(noisy)(np.ones(3))


def test_a_parameter_that_changed_before_the_pass_is_noticed():
    w = tg.tensor(2.0, requires_grad=True, name="w")
    y = tg.checkpoint(lambda x: x * w)(3.0)
    w.data = np.array(5.0)
    with pytest.raises(RuntimeError, match="data of 'w' was replaced after checkpoint"):
        y.backward()


def test_a_second_pass_says_that_the_first_let_go():
    y = tg.checkpoint(np.sin)(tg.tensor(1.0, requires_grad=True))
    y.backward()
    with pytest.raises(RuntimeError, match="backward through checkpoint a second time"):
        y.backward()


def test_a_permutation_is_another_result():
    rng = np.random.default_rng(0)
    shuffled = tg.checkpoint(lambda v: v[rng.permutation(5)] ** 2)
    with pytest.raises(RuntimeError, match="gave another result"):
        tg.grad(lambda v: shuffled(v) @ np.arange(5.0))(np.arange(5.0))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", [np.log, lambda x: x * np.inf - np.inf, lambda x: np.float16(6e4) * x.astype(np.float16)])
def test_results_that_are_not_finite_are_compared_too(f):
    x = np.array([0.0, 3.0])
    np.testing.assert_array_equal(
        tg.vjp(tg.checkpoint(f), x)[1](np.ones(2, f(x).dtype))[0], tg.vjp(f, x)[1](np.ones(2, f(x).dtype))[0]
    )


def test_a_write_to_an_argument_afterwards_does_not_reach_the_checkpoint():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    h = x * 1
    y = tg.checkpoint(np.sin)(h)
    h += y  # a residual
    np.testing.assert_allclose(tg.gradients(np.sum(h), [x])[0], 1 + np.cos(x.data))
    h = x * 1
    y = tg.checkpoint(lambda u: u * u)(h[:])
    h[:] = [2.0, 1.0]
    assert tg.gradients(y[0], [x])[0].tolist() == [2.0, 0.0]


def test_a_write_to_a_tensor_that_is_no_argument_is_noticed():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    h = x * 1
    y = tg.checkpoint(lambda u: u + h)(x)
    h[:] = h[::-1] * np.array([0.5, 2.0])  # the same values, another way
    with pytest.raises(RuntimeError, match="is no argument of it, was changed in place"):
        np.sum(y).backward()


def test_passes_of_many_threads_share_a_checkpoint():
    x = tg.tensor(np.linspace(-1, 1, 16).reshape(4, 4), requires_grad=True)
    y = tg.checkpoint(lambda u: np.tanh(np.tanh(u @ X4) @ X4) * u)(x)
    loss = np.sum(y * y)
    (expected,) = tg.gradients(loss, [x])
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: tg.gradients(loss, [x])[0], range(200)))
    finally:
        sys.setswitchinterval(interval)
    assert all(np.array_equal(g, expected) for g in found)


X4 = np.cos(np.arange(16.0)).reshape(4, 4)
