"""The check of an entry, which users call for their own ops."""

import subprocess
import sys

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.op import OPS
from tensorgrad.testing import GradientError, check_op

FUNCTIONS = [np.linalg.multi_dot, np.multiply, np.tanh, np.matmul, np.sum, np.median, np.linalg.inv, np.cumprod]
FUNCTIONS += [np.where, np.reshape, np.concatenate, np.linalg.eigh]  # that are not simply called with the arrays


@pytest.mark.parametrize("fn", FUNCTIONS, ids=lambda fn: fn.__name__)
def test_entries_of_ours_pass(fn):
    assert check_op(fn) == len(OPS[fn].cases or [1])


def toy(rule, body=lambda x: x * x * x, **options):
    @tg.primitive(rule, **options)
    def cube(x):
        return body(x)

    return cube


def test_a_users_op_passes_or_fails():
    assert check_op(toy(lambda g, _y, x: g * 3 * x * x)) == 1
    with pytest.raises(GradientError, match="cube"):
        check_op(toy(lambda g, _y, x: g * 2 * x * x))


def test_a_body_that_writes_into_its_argument_is_found():
    def body(x):
        y = x * x * x
        if isinstance(x, np.ndarray) and x.ndim == 2:
            x[0, 0] += 1.0
        return y

    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        check_op(toy(lambda g, _y, x: g * 3 * x * x, body=body))


def test_an_entry_without_calls_says_so(monkeypatch):
    with pytest.raises(ValueError, match="has no derivative in the registry"):
        check_op(np.argmax)
    monkeypatch.setitem(OPS, np.trapezoid, OPS[np.trapezoid])  # put back afterwards
    tg.composite(np.trapezoid)(lambda y: np.sum(y))
    with pytest.raises(ValueError, match="shows no call"):
        check_op(np.trapezoid)


def test_the_other_families_are_loaded_when_needed_and_keep_a_users_entry():
    code = """
import threading, numpy as np, tensorgrad as tg
from tensorgrad.op import OPS
assert np.linalg.inv not in OPS
tg.register(np.sinc, lambda g, y, _x: g * 7.0)
x = tg.tensor(np.eye(2) * 2, requires_grad=True)
found = []
threads = [threading.Thread(target=lambda: found.append(np.linalg.inv(x).sum().item())) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
assert found == [1.0] * 4, found
t = tg.tensor(0.5, requires_grad=True)
np.sinc(t).backward()
assert t.grad == 7.0
"""
    subprocess.run([sys.executable, "-c", code], check=True)
