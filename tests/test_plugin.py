"""The pytest plugin, in sessions of its own: its fixture, pictures of failures, which rules ran, and that it waits."""

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import _tensorgrad_pytest
from tensorgrad import autograd
from tensorgrad.op import Keeps, Op

pytest_plugins = "pytester"

INSTALLED = any(point.value == "_tensorgrad_pytest" for point in entry_points(group="pytest11"))
LOADED = () if INSTALLED else ("-p", "_tensorgrad_pytest")

FAILING = """
import numpy as np
import pytest
import tensorgrad as tg

def leaf():
    return tg.tensor(np.arange(3.0), requires_grad=True)
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run a test file with the plugin, and return what pytest printed; `apart`: in a process of its own."""
    root = str(Path(_tensorgrad_pytest.__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(text, *options, apart=False):
        pytester.makepyfile(test_it=FAILING + text)
        runpytest = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        return runpytest(*LOADED, "-p", "no:cacheprovider", *options)

    return run


def drawn(pytester, folder="graphs"):
    """Return what was drawn, by the beginning of the file's name, up to the number."""
    files = sorted((pytester.path / folder).iterdir()) if (pytester.path / folder).exists() else []
    return {file.name.rpartition("-")[0]: file.read_text(encoding="utf-8") for file in files}


# The fixture
def test_the_fixture_checks_gradients(run):
    text = """
def test_right(gradcheck):
    assert gradcheck(np.tanh, np.ones(3)).verdict == "right"

def test_wrong(gradcheck):
    gradcheck(lambda x: x * x.data, np.ones(3))
"""
    result = run(text)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*GradientError: wrong: the gradient of *"])


def test_the_list_of_fixtures_says_what_it_does(run):
    run("", "--fixtures").stdout.fnmatch_lines(["gradcheck*", "*Check a gradient against differences*"])


# Graphs of failures
def test_the_newest_tensor_where_a_test_failed_is_drawn_and_the_report_names_the_file(run, pytester):
    text = """
def test_loss():
    x = leaf()
    loss = np.exp(x).sum()
    older = np.tanh(x)
    loss = loss * 2.0
    assert loss.item() == 0
"""
    result = run(text, "--tensorgrad-graphs=graphs")
    graphs = drawn(pytester)
    assert list(graphs) == ["test_it.py-test_loss"]
    assert "exp" in graphs["test_it.py-test_loss"] and "tanh" not in graphs["test_it.py-test_loss"]
    result.stdout.fnmatch_lines(["*- graph of the failure -*", "*graphs*test_it.py-test_loss-*.svg"])


def test_the_innermost_frame_with_a_graph_counts(run, pytester):
    text = """
def check(y):
    raise ValueError("no")

def step(x):
    hidden = np.tanh(x)
    check(1.0)

def test_step():
    x = leaf()
    y = np.exp(x)
    step(x)
"""
    run(text, "--tensorgrad-graphs=graphs")
    assert "tanh" in drawn(pytester)["test_it.py-test_step"]


def test_an_error_from_another_one_shows_the_graph_of_its_cause(run, pytester):
    text = """
def test_cause():
    try:
        y = np.tanh(leaf())
        raise ValueError("first")
    except ValueError as error:
        del y
        raise KeyError("second") from error

def test_inner():
    def inner():
        y = np.tanh(leaf())
        raise ValueError("first")

    try:
        inner()
    except ValueError:
        raise KeyError("second")
"""
    run(text, "--tensorgrad-graphs=graphs")
    assert list(drawn(pytester)) == ["test_it.py-test_inner"] and "tanh" in drawn(pytester)["test_it.py-test_inner"]


def test_an_error_with_a_report_shows_what_that_draws(run, pytester):
    text = """
class Report:
    def draw(self):
        return tg.draw(np.arctan(leaf()))

class Wrong(AssertionError):
    report = Report()

class Broken(AssertionError):
    class report:
        draw = staticmethod(lambda: 1 / 0)

def test_report():
    y = np.tanh(leaf())
    raise Wrong

def test_cause():
    y = np.tanh(leaf())
    raise ValueError from Wrong()

def test_report_without_a_graph():
    y = np.tanh(leaf())
    raise Broken
"""
    run(text, "--tensorgrad-graphs=graphs")
    graphs = drawn(pytester)
    assert "arctan" in graphs["test_it.py-test_report"] and "tanh<" not in graphs["test_it.py-test_report"]
    assert "arctan" in graphs["test_it.py-test_cause"]
    assert "tanh" in graphs["test_it.py-test_report_without_a_graph"]


def test_each_test_has_a_file_of_its_own_whatever_its_id(run, pytester):
    text = """
@pytest.mark.parametrize("name", ["a/b", "a:b", "../x", "ä" * 300, "a\\\\b", ""])
def test_name(name):
    y = np.tanh(leaf())
    assert not name and name

class TestOf:
    @pytest.mark.parametrize("name", ["1"])
    def test_name(self, name):
        y = np.tanh(leaf())
        assert False
"""
    run(text, "--tensorgrad-graphs=deep/graphs")
    names = [file.name for file in (pytester.path / "deep/graphs").iterdir()]
    assert len(names) == 7 and all(len(name) < 150 and name.isascii() for name in names)
    assert any(name.startswith("test_it.py-TestOf-test_name-1-") for name in names)


def test_what_failed_without_a_graph_or_as_expected_is_not_drawn(run, pytester):
    text = """
def test_passes():
    y = np.tanh(leaf())

def test_leaf_only():
    x = leaf()
    assert False

@pytest.mark.xfail
def test_expected():
    y = np.tanh(leaf())
    assert False

def test_skipped():
    y = np.tanh(leaf())
    pytest.skip("why not")
"""
    result = run(text, "--tensorgrad-graphs=graphs")
    result.assert_outcomes(passed=1, failed=1, xfailed=1, skipped=1)
    assert drawn(pytester) == {}
    result.stdout.no_fnmatch_line("*graph of the failure*")


def test_errors_of_fixtures_are_drawn_beside_those_of_the_test(run, pytester):
    text = """
@pytest.fixture
def model():
    yield
    y = np.exp(leaf())
    raise RuntimeError

def test_both(model, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    y = np.tanh(leaf())
    assert False
"""
    run(text, "--tensorgrad-graphs=graphs")
    graphs = drawn(pytester)
    assert "tanh" in graphs["test_it.py-test_both"] and "exp" in graphs["test_it.py-test_both-teardown"]


LOSS = """
def test_loss():
    y = np.tanh(leaf())
    assert False
"""


def test_no_other_program_is_needed_for_the_picture(run, pytester, monkeypatch):
    monkeypatch.setenv("PATH", "")
    run(LOSS, "--tensorgrad-graphs=graphs")
    assert "<svg" in drawn(pytester)["test_it.py-test_loss"]


def test_a_test_fails_as_it_would_if_nothing_can_be_written(run, pytester):
    (pytester.path / "graphs").write_text("a file")
    result = run(LOSS, "--tensorgrad-graphs=graphs")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert False*", "none was written: FileExistsError*"])


def test_workers_draw_too(run, pytester):
    pytest.importorskip("xdist")
    result = run(LOSS + LOSS.replace("loss", "other"), "--tensorgrad-graphs=graphs", "-n", "2", apart=True)
    assert list(drawn(pytester)) == ["test_it.py-test_loss", "test_it.py-test_other"]
    result.stdout.fnmatch_lines(["*- graph of the failure -*", "*test_it.py-test_*.svg"])


# Which rules ran
DERIVED = """
def test_some():
    x = leaf()
    np.sum(x * 3.0 + np.exp(x)).backward()
    np.tanh(x)

def test_others():
    x = leaf()
    tg.gradients(np.multiply(2.0, np.exp(x)).sum(), [x])
    np.concatenate([x, x])
    np.linalg.inv(np.eye(2) + x[:2] @ x[:2])
"""


def lines_of(result):
    """Return the summary, by the first words of its lines."""
    *_, text = result.stdout.str().partition("backward coverage of tensorgrad's rules")
    lines = text.partition("\n")[2].replace("\n  ", " ").splitlines()
    return {words[0]: words[-1] for line in lines if len(words := line.partition(": ")) == 3 and words[1]} | {
        "total": lines[0]
    }


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "workers"])
def test_the_summary_says_what_ran_and_what_was_only_recorded(run, options):
    if options:
        pytest.importorskip("xdist")
    lines = lines_of(run(DERIVED, "--tensorgrad-coverage", *options, apart=True))
    assert lines["total"].startswith("6 of ") and " rules ran backward, of 4 of " in lines["total"]
    assert "derived for some arguments only" not in lines
    assert lines["recorded, but never derived"] == (
        "np.concatenate, np.linalg.inv, np.matmul, np.tanh, tensorgrad.backends.getitem"
    )
    assert int(lines["never recorded"].split()[0]) > 100


def test_arguments_that_no_gradient_reached_are_counted(run):
    text = """
def test_some():
    x = leaf()
    tg.gradients((x * 3.0).sum(), [x])
    tg.gradients(np.where(x > 1, x, 0.0).sum(), [x])
"""
    lines = lines_of(run(text, "--tensorgrad-coverage", "-v"))
    assert lines["derived for some arguments only"] == "np.multiply (1 of 2), np.where (1 of 2)"
    assert lines["derived"] == "np.sum (1 of 1)"
    assert "np.linalg.inv" in lines["never recorded"].split(", ")


def test_ops_of_a_users_own_and_fused_steps_are_counted(run):
    text = """
@tg.primitive(lambda g, _y, x: g * 2 * x)
def square_of(x):
    return x * x

def test_some():
    x = leaf()
    square_of(x).sum().backward()
    layer = tg.nn.Linear(3, 2, rng=0)
    tg.nn.functional.FUSED[np.tanh](np.ones((4, 3)), layer.weight, layer.bias).sum().backward()
"""
    lines = lines_of(run(text, "--tensorgrad-coverage", "-v"))
    assert "test_it.square_of (1 of 1)" in lines["derived"].split(", ")
    assert "np.tanh (1 of 1)" in lines["derived"].split(", ")  # as part of the step
    assert "tensorgrad.nn.functional.affine + tanh (2 of 3)" in lines["derived for some arguments only"].split(", ")


def test_writes_and_reads_are_counted_and_work_as_they_do(run):
    text = """
def test_writes():
    x = leaf()
    y = np.zeros(3) + x
    y[1:] = x[:2] * 2.0
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 2.0, 0.0]
"""
    result = run(text, "--tensorgrad-coverage", "-v")
    result.assert_outcomes(passed=1)
    assert "getitem" in lines_of(result)["derived"]


def test_a_session_leaves_the_engine_as_it_was(run):
    before = autograd.STEPS, Keeps.__missing__, Op.kept
    text = """
def test_watched():
    from tensorgrad import autograd
    assert type(autograd.STEPS).__name__ == "Noted"
"""
    run(text, "--tensorgrad-coverage").assert_outcomes(passed=1)
    assert (autograd.STEPS, Keeps.__missing__, Op.kept) == before


# At rest
def test_without_the_options_nothing_is_watched_drawn_or_printed(run, pytester):
    text = """
def test_nothing(pytestconfig):
    y = np.tanh(leaf())
    names = [name for name, _ in pytestconfig.pluginmanager.list_name_plugin()]
    assert not {"tensorgrad-graphs", "tensorgrad-coverage"} & set(names)
    assert False
"""
    before = autograd.STEPS
    result = run(text)
    result.stdout.no_fnmatch_line("*of tensorgrad's rules*")
    result.stdout.no_fnmatch_line("*graph of the failure*")
    result.stdout.fnmatch_lines(["*assert False*"])
    assert autograd.STEPS is before and list(pytester.path.glob("graphs*")) == []


def test_a_session_that_has_nothing_to_do_with_it_imports_neither_numpy_nor_tensorgrad(pytester, run):
    pytester.makepyfile(
        test_other="""
import sys

def test_other():
    assert "_tensorgrad_pytest" in sys.modules
    assert not {"numpy", "tensorgrad"} & set(sys.modules)
"""
    )
    result = pytester.run(sys.executable, "-m", "pytest", *LOADED, "-p", "no:cacheprovider", "test_other.py")
    assert result.ret == 0
