"""Records of a million steps, and many threads at once: as right as small ones, and nothing is left behind."""

import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

import tensorgrad as tg

# Long records


@pytest.fixture
def uncollected():
    """Without the garbage collector: what is let go must go by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


STEPS = 1_000_000
BLOCKS = 10_000  # that may be left of Python's memory, each of at most 512 bytes: 5 MB, and a hundredth of one a step


def test_a_chain_of_a_million_steps_is_differentiated_and_freed(uncollected):
    before = sys.getallocatedblocks()
    x = tg.tensor(0.5, requires_grad=True)
    y = x
    for _ in range(STEPS):
        y = y * 0.999999
    expected = pytest.approx(np.exp(STEPS * np.log(0.999999)), rel=1e-9)
    (found,) = tg.gradients(y, [x])
    assert found.item() == expected
    y.backward()
    assert x.grad.item() == expected
    del y
    assert sys.getallocatedblocks() - before < BLOCKS

    def loop(x):
        for _ in range(STEPS // 4):
            x = x * 0.999999
        return x

    assert tg.grad(loop)(0.5) == pytest.approx(np.exp(STEPS // 4 * np.log(0.999999)), rel=1e-9)
    assert sys.getallocatedblocks() - before < BLOCKS


def contracted(x, steps=5_000):
    """Return x after steps x -> x + sin(x) / steps."""
    for _ in range(steps):
        x = x + np.sin(x) / steps
    return x


def test_every_transform_goes_through_long_records_without_recursion_and_frees_them(uncollected):
    before = sys.getallocatedblocks()
    slope = tg.grad(contracted)(1.0)
    assert tg.jvp(contracted, (1.0,), (1.0,))[1] == pytest.approx(slope, rel=1e-11)
    assert tg.vjp(contracted, 1.0)[1](1.0)[0] == pytest.approx(slope, rel=1e-11)
    assert tg.jacobian(contracted)(1.0) == pytest.approx(slope, rel=1e-11)
    curvature = tg.grad(tg.grad(contracted))(1.0)
    assert tg.hvp(contracted, (1.0,), (1.0,)) == pytest.approx(curvature, rel=1e-10)
    assert tg.hessian(contracted)(1.0) == pytest.approx(curvature, rel=1e-10)
    assert tg.jvp(tg.grad(contracted), (1.0,), (1.0,))[1] == pytest.approx(curvature, rel=1e-10)
    assert sys.getallocatedblocks() - before < BLOCKS


def test_a_tensor_that_a_hundred_thousand_steps_read_is_differentiated_and_freed(uncollected):
    before = sys.getallocatedblocks()
    x = tg.tensor(0.5, requires_grad=True)
    total = x * 0.0
    for n in range(100_000):
        total = total + x * float(n % 7)
    total.backward()
    assert x.grad == sum(n % 7 for n in range(100_000))
    del total
    assert sys.getallocatedblocks() - before < BLOCKS


# Threads


def trained(seed):
    """Train a small network, and return every number that came out of it."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((32, 4)), rng.integers(0, 3, 32)
    model = tg.nn.MLP([4, 8, 3], activation="tanh", rng=seed)
    optimizer = tg.optim.Adam(model.parameters(), lr=0.01 * (seed + 1))
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = tg.nn.cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return [np.array(losses), *(p.data.copy() for p in model.parameters())]


def minimized(seed):
    """Take Newton's steps along random directions, by transforms alone, and return every point."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((6, 4))
    x, points = rng.standard_normal(4), []

    def loss(x):
        return np.sum(np.log1p(np.exp(a @ x))) + 0.5 * np.sum(x * x)

    for _ in range(20):
        v = rng.standard_normal(4)
        slope = tg.jvp(loss, (x,), (v,))[1]
        curvature = v @ tg.hvp(loss, (x,), (v,))
        x = x - v * (slope / curvature) - 0.1 * tg.grad(loss)(x)
        points.append(x)
    return [*points, tg.hessian(loss)(x), tg.jacobian(tg.grad(loss))(x), tg.grad(tg.grad(lambda s: loss(s * x)))(0.5)]


def unrecorded(seed):
    """Switch recording off and on while others record, and return what gradients came out."""
    model = tg.nn.MLP([4, 8, 1], rng=seed)
    X = np.random.default_rng(seed).standard_normal((16, 4))
    found = []
    for _ in range(30):
        with tg.no_grad():
            assert not model(X).requires_grad
            with tg.enable_grad():
                found += tg.gradients(np.sum(model(X) ** 2), list(model.parameters()))
    return found


def in_threads(works):
    """Run functions at the same time, switching between them as often as can be; return their results."""
    found, errors = [None] * len(works), []
    gate = threading.Barrier(len(works))

    def run(place, work):
        try:
            gate.wait()
            found[place] = work()
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors, errors
    return found


def assert_same_bits(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize("work", [trained, minimized, unrecorded])
def test_eight_threads_at_once_give_what_eight_runs_in_turn_give(work):
    expected = [work(seed) for seed in range(8)]
    assert_same_bits(in_threads([lambda seed=seed: work(seed) for seed in range(8)]), expected)


def test_threads_that_do_different_things_do_not_meet():
    works = [lambda seed=seed, work=work: work(seed) for seed in range(3) for work in (trained, minimized, unrecorded)]
    expected = [work() for work in works]
    assert_same_bits(in_threads(works), expected)


FIRST_CALLS = """
import sys, threading
import numpy as np
import tensorgrad as tg
sys.setswitchinterval(1e-6)
errors, gate = [], threading.Barrier(8)

def work():
    x = tg.tensor(np.ones(3), requires_grad=True)
    gate.wait()
    try:
        y = ((x * x + x - 1) / (x + 2)) @ x
        y = -(1.0 - 2.0 * y ** 2)
        y = abs(+y) + 3.0 / (2.0 ** y)
        np.tanh(y).backward()
    except BaseException as error:
        errors.append(repr(error))

threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(", ".join(errors) or 0)
"""


def test_the_first_calls_of_a_process_may_come_from_many_threads_at_once():
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", FIRST_CALLS], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
