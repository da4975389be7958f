"""What the texts promise: the examples in docstrings and guides run, and no text installs somebody else's package."""

import doctest
import importlib
import math
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import tensorgrad
import tensorgrad as tg
from tensorgrad.op import OPS

ROOT = Path(__file__).parent.parent
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MODULES = [m.name for m in pkgutil.walk_packages(tensorgrad.__path__, "tensorgrad.")]


@pytest.fixture(autouse=True)
def _registry(tmp_path, monkeypatch):
    """Examples register operations and write files: afterwards all is as before."""
    before = dict(OPS)
    monkeypatch.chdir(tmp_path)
    yield
    OPS.clear()
    OPS.update(before)


@pytest.mark.parametrize("name", ["tensorgrad", *MODULES])
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=FLAGS).failed == 0


@pytest.mark.parametrize(
    "text", ["README.md", "docs/debugging.md", "docs/derivatives.md", "docs/gradient_checks.md", "docs/pictures.md"]
)
def test_examples_in_texts_run(text):
    result = doctest.testfile(str(ROOT / text), module_relative=False, optionflags=FLAGS, encoding="utf-8")
    assert result.attempted > 20 and result.failed == 0


def filled(x):
    buffer = np.zeros(2)
    buffer[0] = x[0]
    return buffer.sum()


def overwritten(x):
    x[0] = 0.0
    return x.sum()


def test_the_guide_to_derivatives_names_the_errors_that_are_raised():
    mistakes = [
        lambda: tg.grad(np.tanh)(np.ones(2)),
        lambda: tg.grad(lambda x: x * 1j)(1.0),
        lambda: tg.grad(np.sum)(np.array([1, 2])),
        lambda: tg.grad(np.sum)("text"),
        lambda: tg.grad(np.sum, argnums=1)(1.0),
        lambda: tg.grad(lambda x: math.sin(x))(1.0),
        lambda: tg.grad(lambda x: np.sum(np.array([x, x])))(1.0),
        lambda: tg.grad(overwritten)(np.ones(2)),
        lambda: tg.grad(filled)(np.ones(2)),
        lambda: tg.jvp(np.tanh, (np.ones(2),), (np.ones(3),)),
    ]
    guide = (ROOT / "docs/derivatives.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*?) \|", guide.split("## Errors")[1], re.MULTILINE)[1:]
    for mistake, message in zip(mistakes, rows, strict=True):
        with pytest.raises((TypeError, ValueError, RuntimeError), match=re.escape(message)):
            mistake()


def test_the_readme_shows_the_latest_benchmark():
    rows = [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| **")]
    assert len(rows) > 10
    assert set(rows) <= set((ROOT / "benchmarks/results/table.md").read_text(encoding="utf-8").splitlines())


def test_the_readme_shows_the_latest_mutation_score():
    rows = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ours, ")
    ]
    assert len(rows) == 2
    assert set(rows) <= set((ROOT / "benchmarks/results/mutation_score.md").read_text(encoding="utf-8").splitlines())


def test_no_text_installs_the_package_of_that_name_on_the_public_index():
    texts = [f for f in ROOT.rglob("*") if f.suffix in (".md", ".toml", ".py") and ".venv" not in f.parts]
    pattern = re.compile(r"pip install (-U |--upgrade )?tensor" + r"grad(?!-)")
    assert [f.name for f in texts if pattern.search(f.read_text(encoding="utf-8"))] == []


def test_every_public_name_is_there_and_documented():
    for name in tensorgrad.__all__:
        assert getattr(tensorgrad, name).__doc__, name
