"""What the hot paths cost, in calls and bytes: numbers that are the same on every machine, unlike times."""

import gc
import subprocess
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pytest

import tensorgrad as tg

NODES = 200


def calls(action):
    """Return how many calls of Python functions, and of builtin ones, an action makes."""
    seen = Counter()
    gc.collect()
    gc.disable()  # a collection would call whatever it likes
    sys.setprofile(lambda _frame, event, _arg: seen.update([event]))
    try:
        action()
    finally:
        sys.setprofile(None)
        gc.enable()
    return seen["call"], seen["c_call"]


def per_node(grow):
    """Return the calls per node to record a chain and to go back through it, from the difference of two lengths."""
    x = tg.tensor(np.ones((2, 2)), requires_grad=True)

    def chain(n):
        y = x
        for _ in range(n):
            y = grow(y, x)
        return y.sum()

    chain(1).backward()  # what is made at first use is made now
    recorded = np.subtract(calls(lambda: chain(2 * NODES)), calls(lambda: chain(NODES))) / NODES - (1, 0)  # `grow`
    long, short = chain(2 * NODES), chain(NODES)
    x.grad = None
    went_back = np.subtract(calls(long.backward), calls(short.backward)) / NODES
    return tuple(recorded), tuple(went_back)


@pytest.mark.parametrize(
    ("grow", "recording", "going_back"),
    [
        (lambda y, x: y * x, (1, 2), (4, 3)),  # the operator; back: the step, two rules, the sum of gradients for x
        (lambda y, x: y + x, (1, 2), (4, 3)),
        (lambda y, x: y @ x, (2, 3), (4, 5)),  # the operator, and which product it is; NumPy's dot is a builtin
        (lambda y, _x: np.tanh(y), (3, 3), (2, 3)),  # NumPy's protocol and the recorder; back: the step and its rule
        (
            lambda y, _x: tg.nn.relu(y),
            (3, 3),
            (3, 4),
        ),  # the recorder, the function, its zero; back: the rule's zero too
        (lambda y, _x: 2.0 * y, (4, 3), (2, 3)),  # the operator, and the number as an array
    ],
    ids=["multiply", "add", "matmul", "tanh", "relu", "constant times"],
)
def test_a_node_costs_no_more_calls_than_its_parts(grow, recording, going_back):
    recorded, went_back = per_node(grow)
    assert recorded[0] <= recording[0] and went_back[0] <= going_back[0]  # functions in Python
    assert (
        recorded[1] <= recording[1] and went_back[1] <= going_back[1]
    )  # builtin ones: whether to record, the heap, ...


def test_a_node_takes_at_most_350_bytes():
    x = tg.tensor(1.0, requires_grad=True)
    y = x * x
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10_000):
        y = y * x
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown / 10_000 <= 350


def test_a_training_step_of_two_layers_stays_below_a_number_of_calls():
    rng = np.random.default_rng(0)
    model = tg.nn.MLP([9, 4, 1], dtype=np.float32, rng=0)
    optimizer = tg.optim.Adam(model.parameters())
    x, y = rng.standard_normal((8, 9)).astype(np.float32), np.ones((8, 1), np.float32)

    def step():
        optimizer.zero_grad()
        tg.nn.binary_cross_entropy(model(x), y).backward()
        optimizer.step()

    step()
    step()
    assert sum(calls(step)) <= 190


def test_a_layer_and_its_activation_are_one_node():
    net = tg.nn.MLP([3, 4, 2], activation="tanh", rng=0)
    out = net(np.ones((5, 3)))
    assert out.node.op.name == "affine" and out.node.inputs[0].op.name == "affine + tanh"


def test_the_import_takes_nothing_that_is_only_sometimes_needed():
    code = "import sys, tensorgrad; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    optional = ["nn", "optim", "data", "train", "viz", "testing"]
    assert not {"graphviz", "numpy.random", "numpy.typing", *(f"tensorgrad.{name}" for name in optional)} & {*loaded}
