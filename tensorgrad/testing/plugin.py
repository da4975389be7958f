"""What the options of the pytest plugin do: pictures of the graphs of failed tests, and which rules the tests ran."""

import hashlib
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorgrad.errors import foreign_to_users
from tensorgrad.graph import Tensor
from tensorgrad.testing.rules_run import RulesRun, merged, summary
from tensorgrad.viz import Graph, draw

LONGEST = 120  # characters of a test's id in the name of a file
HEADING = "graph of the failure"
SUMMARY = "backward coverage of tensorgrad's rules"


class Graphs:
    """Writes a picture for each failed test, and a line about it into the report of the failure."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of what turns an expected failure into a skipped test
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Draw what a failure left."""
        report = yield
        if report.failed and call.excinfo is not None:
            try:
                graph = graph_of(call.excinfo.value)
                words = graph and save(graph, self.folder, report.nodeid, report.when)
            except Exception as error:  # a test is not to fail in another way because it is drawn
                words = f"none was written: {type(error).__name__}: {error}"
            if words:
                tell(report, words)
        return report


def graph_of(error: BaseException) -> Graph | None:
    """Return the graph that a failure is about: that of a gradient's report, or the last in the failing frames."""
    errors = list(chain(error))
    for found in errors:
        drawn = getattr(getattr(found, "report", None), "draw", None)
        if callable(drawn):
            try:
                graph: Graph = drawn()
                return graph
            except Exception:  # a report of something that has no graph
                continue
    tensors = (t for found in errors if (t := last_tensor(found)) is not None)
    t = next(tensors, None)
    return None if t is None else draw(t)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and those that it came from."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def last_tensor(error: BaseException) -> Tensor | None:
    """Return the newest computed tensor among the local variables of the innermost frame of user's code with any."""
    frames, step = [], error.__traceback__
    while step is not None:
        frames.append(step.tb_frame)
        step = step.tb_next
    for frame in reversed(frames):
        if not foreign_to_users(frame.f_code.co_filename):
            held = [(t, t.node) for t in frame.f_locals.values() if isinstance(t, Tensor)]
            computed = [(node.seq, t) for t, node in held if node is not None and node.op is not None]
            if computed:
                return min(computed, key=lambda pair: pair[0])[1]  # numbers of nodes count down
    return None


def save(graph: Graph, folder: Path, test: str, when: str | None) -> str:
    """Write a graph into a file named after a test, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    name = file_name(test if when == "call" else f"{test}-{when}")
    return str(graph.save(folder / f"{name}.svg"))


def file_name(test: str) -> str:
    """Return a name for the file of a test: letters, digits, dots and dashes, and a number that no other test has.

    >>> file_name("tests/test_a.py::test_b[x/y-1]")
    'tests-test_a.py-test_b-x-y-1-937aea84'
    """
    words = re.sub(r"[^A-Za-z0-9_.]+", "-", test).strip("-.")
    return f"{words[-LONGEST:].lstrip('-.')}-{hashlib.sha256(test.encode(errors='replace')).hexdigest()[:8]}"


def tell(report: pytest.TestReport, words: str) -> None:
    """Add a section to the report of a failure."""
    add = getattr(report.longrepr, "addsection", None)  # shown also if captured output is not
    if add is not None:
        add(HEADING, words)
    else:
        report.sections.append((HEADING, words))


class Coverage:
    """Says in the end which rules the tests ran, in this process and in the workers of xdist."""

    def __init__(self) -> None:
        self.run = RulesRun()
        self.told: list[dict[str, Any]] = []  # of each process

    def pytest_sessionstart(self) -> None:
        """Begin to watch."""
        self.run.watch()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Stop watching; a worker sends what it has seen."""
        self.run.unwatch()
        self.told.append(self.run.counts())
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["tensorgrad_coverage"] = self.told[-1]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has seen; one that crashed sends nothing."""
        sent = getattr(node, "workeroutput", {}).get("tensorgrad_coverage")
        if sent is not None:
            self.told.append(sent)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Write the summary."""
        terminalreporter.section(SUMMARY)
        for line in summary(merged(self.told), everything=config.get_verbosity() > 0):
            terminalreporter.line(line)
