"""The calls that show every op of the registry, made from its entry: tests that take `call` run for each of them."""

import contextlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import tensorgrad.nn  # loaded on first use: its ops are to be tested like all others
from tensorgrad.op import OPS
from tensorgrad.rules import load
from tensorgrad.testing.calls import Call, calls, calls_of
from tensorgrad.testing.weighing import Weighed, weighed

with contextlib.suppress(ImportError):  # without SciPy, its functions are not tested
    import tensorgrad.rules.special  # noqa: F401

load()
# Reproducible by default; `pytest --hypothesis-profile=nightly` searches further, from another start each time.
QUIET = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=4)
settings.register_profile("nightly", deadline=None, max_examples=200, suppress_health_check=QUIET)
settings.load_profile("ci")

DIFFERENTIABLE = list(calls("rules", "composite"))  # now: doctests of this session register toys later
CONSTANT = list(calls("step"))
PLAIN = [op for op in OPS.values() if op.kind == "plain"]
UNCOVERED = [op.name for op in OPS.values() if op.kind in ("rules", "composite") and not calls_of(op)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that take `call`, `constant` or `plain` once for each of these in the registry."""
    for name, found in (("call", DIFFERENTIABLE), ("constant", CONSTANT)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=str)
    if "plain" in metafunc.fixturenames:
        metafunc.parametrize("plain", PLAIN, ids=lambda op: op.name)


@pytest.fixture(scope="session")
def all_calls() -> list[Call]:
    """Every call of a differentiable op."""
    return DIFFERENTIABLE


@pytest.fixture(scope="session")
def uncovered() -> list[str]:
    """The differentiable ops whose entry shows no call."""
    return UNCOVERED


@pytest.fixture(scope="session", name="weighed")
def weighed_() -> Callable[[Call, list[np.ndarray], int], tuple[Weighed, list[np.ndarray]]]:
    """Make a function to a number of a call and its arrays: the function, and weights to put before the arrays."""
    return weighed
