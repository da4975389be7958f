"""Which rules of the registry ran backward within a while, and which ops were recorded but never derived.

Nothing is counted while nobody watches: three names that the engine looks up are put in their place meanwhile.
"""

import textwrap
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tensorgrad import autograd
from tensorgrad.op import OPS, Each, Keeps, Op
from tensorgrad.rules import load

WIDTH = 100  # of a list of names
Counts = dict[str, list[Any]]  # by the name of an op: how many rules it has, which of them ran, whether it was recorded


class Noted(autograd.Steps):
    """For each op, the function that takes a step of it backwards, and notes which of its rules ran."""

    def __init__(self, ran: dict[Op, set[int]]) -> None:
        super().__init__()
        self.ran, self.usual = ran, autograd.STEPS

    def __missing__(self, op: Op) -> Callable[..., None]:
        step, ran = self.usual[op], self.ran.setdefault(op, set())

        def noted(node: Any, g: Any, out: Any, args: Any, params: Any, needed: Any, *rest: Any) -> None:
            step(node, g, out, args, params, needed, *rest)
            live = {
                i for i, source in enumerate(node.inputs) if source is not None and (needed is None or source in needed)
            }
            ran.update({0} if live and isinstance(op.vjps, Each) else live & rules_of(op))
            if op.then is not None:
                self.ran.setdefault(op.then, set()).add(0)

        self[op] = noted
        return noted


class RulesRun:
    """What ran and what was recorded, from `watch` to `unwatch`.

    >>> import numpy as np, tensorgrad as tg
    >>> run = RulesRun()
    >>> run.watch()
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> gradient = tg.gradients(np.tanh(x) * 3.0, [x])
    >>> run.unwatch()
    >>> run.counts()["np.tanh"], run.counts()["np.multiply"], run.counts()["np.sinh"]
    ([1, [0], True], [2, [0], True], [1, [], False])
    """

    def __init__(self) -> None:
        self.ran: dict[Op, set[int]] = {}
        self.recorded: set[Op] = set()
        self.kept: dict[int, Keeps] = {}  # of what was recorded, by id

    def watch(self) -> None:
        """Begin."""
        run, self.usual = self, (autograd.STEPS, Keeps.__missing__, Op.kept)

        def missing(keeps: Keeps, live: int) -> tuple[bool, ...]:
            run.kept[id(keeps)] = keeps
            return run.usual[1](keeps, live)

        def kept(op: Op, live: tuple[bool, ...]) -> tuple[bool, ...]:
            run.recorded.add(op)
            return run.usual[2](op, live)

        for op in OPS.values():
            op.keeps.clear()  # looked up once more, each is noted
        autograd.STEPS = Noted(self.ran)
        Keeps.__missing__, Op.kept = missing, kept  # type: ignore[method-assign, assignment]  # they take self first

    def unwatch(self) -> None:
        """End."""
        autograd.STEPS, Keeps.__missing__, Op.kept = self.usual  # type: ignore[method-assign]  # likewise

    def counts(self) -> Counts:
        """Return, for each op that has rules: how many they are, which of them ran, and whether it was recorded."""
        load()
        found: Counts = {}
        for op in {*OPS.values(), *self.ran}:
            if op.kind == "rules":
                ran = sorted(self.ran.get(op, ()))
                recorded = bool(ran) or op in self.recorded or id(op.keeps) in self.kept
                found = merged([found, {qualified(op): [len(rules_of(op)), ran, recorded]}])
        return found


def rules_of(op: Op) -> set[int]:
    """Return the places of the arguments for which an op has a rule; of a rule for any number of them, the first."""
    return {0} if isinstance(op.vjps, Each) else {i for i, rule in enumerate(op.vjps) if rule is not None}


def qualified(op: Op) -> str:
    """Return the name of an op's function with its module: np.linalg.inv."""
    module = getattr(op.fn, "__module__", None) or "numpy"
    name = getattr(op.fn, "__qualname__", op.name)
    return f"np{module.removeprefix('numpy')}.{name}" if module.split(".")[0] == "numpy" else f"{module}.{name}"


def merged(parts: Iterable[Counts]) -> Counts:
    """Return what several processes have seen together."""
    total: Counts = {}
    for part in parts:
        for name, (rules, ran, recorded) in part.items():
            most, before, seen = total.get(name, [0, [], False])
            total[name] = [max(most, rules), sorted({*before, *ran}), seen or recorded]
    return total


class Row(NamedTuple):
    """An op, in a summary."""

    name: str
    rules: int
    ran: list[int]
    recorded: bool


def summary(counts: Counts, everything: bool = False) -> list[str]:
    """Return the lines that tell of counts. everything: also what was never recorded, and what ran completely.

    >>> for line in summary({"np.add": [2, [0], True], "np.exp": [1, [], True], "np.sin": [1, [], False]}):
    ...     print(line)
    1 of 4 rules ran backward, of 1 of 3 functions
    derived for some arguments only: np.add (1 of 2)
    recorded, but never derived: np.exp
    never recorded: 1 (-v lists them)
    """
    rows = [Row(name, *row) for name, row in sorted(counts.items())]
    ran = [row for row in rows if row.ran]
    full = [f"{row.name} ({row.rules} of {row.rules})" for row in ran if len(row.ran) >= row.rules]
    part = [f"{row.name} ({len(row.ran)} of {row.rules})" for row in ran if len(row.ran) < row.rules]
    idle = [row.name for row in rows if row.recorded and not row.ran]
    never = [row.name for row in rows if not row.recorded]
    total = f"{sum(len(row.ran) for row in ran)} of {sum(row.rules for row in rows)} rules ran backward"
    return [
        f"{total}, of {len(ran)} of {len(rows)} functions",
        *listed("derived", full if everything else []),
        *listed("derived for some arguments only", part),
        *listed("recorded, but never derived", idle),
        *(listed("never recorded", never) if everything else [f"never recorded: {len(never)} (-v lists them)"]),
    ]


def listed(what: str, names: list[str]) -> list[str]:
    """Return the lines of a list of names; none if it is empty."""
    return textwrap.wrap(f"{what}: {', '.join(names)}", WIDTH, subsequent_indent="  ") if names else []
