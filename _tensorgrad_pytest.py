"""The pytest plugin of tensorgrad, as pytest loads it in every session: a fixture, and two options.

It stands beside the package, not in it: to import a part of the package is to import all of NumPy, and a session that
has nothing to do with tensorgrad must not wait for that.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tensorgrad.testing.report import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("tensorgrad", "gradients (tensorgrad)")
    group.addoption(
        "--tensorgrad-graphs",
        metavar="DIR",
        help="write a picture of the graph of each failed test into this folder: that of a wrong gradient, or that of "
        "the last tensor among the local variables where it failed",
    )
    group.addoption(
        "--tensorgrad-coverage",
        action="store_true",
        help="say in the end which derivative rules the tests ran, and which functions they recorded but never "
        "derived; with -v also those that they never recorded",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add what the options ask for."""
    if config.option.tensorgrad_graphs:
        from tensorgrad.testing.plugin import Graphs

        folder = Path(config.option.tensorgrad_graphs).absolute()  # tests change the folder they run in
        config.option.tensorgrad_graphs = str(folder)  # of which the workers of xdist get a copy
        config.pluginmanager.register(Graphs(folder), "tensorgrad-graphs")
    if config.option.tensorgrad_coverage:
        from tensorgrad.testing.plugin import Coverage

        config.pluginmanager.register(Coverage(), "tensorgrad-coverage")


@pytest.fixture(scope="session")
def gradcheck() -> "Callable[..., Report]":
    """Check a gradient against differences: `gradcheck(f, *inputs)`, which is `tensorgrad.testing.gradcheck`."""
    from tensorgrad.testing import gradcheck

    check: Callable[..., Any] = gradcheck
    return check
