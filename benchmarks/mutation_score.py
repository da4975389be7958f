"""Score gradient checkers: which wrong gradients they catch, and which right ones they accuse.

Run it from the repository's root. Peers take part when installed:

    pip install torch jax autograd
    python -m benchmarks.mutation_score --quick    # every kind of mistake in three functions, in minutes
    python -m benchmarks.mutation_score            # in all functions, within an hour

Each mutant is one mistake in one backward pass (mutants.py, and second_order.py for rules of which only the second
derivative is wrong); each checker gets it through its own library's way to define a gradient, at its defaults. Where
a library repairs the mistake by itself (sums what was broadcast, casts to the input's dtype, copies to its own
layout), or cannot express it, the mutant is left out of that checker's count. The right gradient of every function is
checked as well, and those of hard_right.py: accusing these is a false alarm.
"""

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import second_order
from benchmarks.__main__ import say
from benchmarks.checkers import CHECKERS, Checker, drawn, installed
from benchmarks.functions import FUNCTIONS
from benchmarks.hard_right import HARD
from benchmarks.machine import header
from benchmarks.mutants import KINKS, Mutant, differs, inputs_of, mutants
from benchmarks.mutation_report import table
from benchmarks.process import ROOT
from benchmarks.special import SPECIAL

QUICK = 3  # functions for each kind of mistake
DENSE = 5000  # elements beyond which torch's gradcheck, the fast one when it fails, would need gigabytes
SECOND = "second order"
MENDED = ("forms", KINKS)  # families of which a library may repair some: it sums, casts, copies to its own layout
REPAIRED, TOO_LARGE = "repaired", "too large"  # why a mutant is left out


def attempt(check: Callable[[], str]) -> str:
    """Return a verdict, or the error that was raised instead of one."""
    try:
        return check()
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:100]


def repaired(checker: Checker, mutant: Mutant) -> bool:
    """Whether the gradient is right by the time it has gone through the library."""
    f = mutant.function
    out = np.asarray(f.forward(*f.inputs))
    g = drawn(out.shape, out.dtype)
    try:
        found = checker.through(f.forward, mutant.make(), inputs_of(mutant), g) if checker.through else []
    except Exception:
        return False  # the library refuses it
    expected = f.backward(g, out, *f.inputs)
    return len(found) == len(expected) and not any(map(differs, found, expected))


def too_large(name: str, f: Any) -> bool:
    """Whether a checker that fills the whole Jacobian has no room for it."""
    return name.startswith("torch") and max(x.size for x in f.inputs) > DENSE


def judged(verdict: str, right: str) -> str:
    """Return what became of a mutant: killed, passed, inconclusive or crashed; right: the verdict without it.

    An error that the right gradient does not raise is a way to be caught.
    """
    if verdict in ("wrong", "right", "inconclusive"):
        return {"wrong": "killed", "right": "passed"}.get(verdict, verdict)
    return "killed" if right in ("right", "wrong", "inconclusive") else "crashed"


def verdicts(name: str, checker: Checker, functions: Iterable[Any]) -> dict[str, str]:
    """Return what a checker says of right gradients."""
    return {
        f.name: TOO_LARGE if too_large(name, f) else attempt(lambda f=f: checker.check(f.forward, f.backward, f.inputs))
        for f in functions
    }


def score(name: str, checker: Checker, chosen: list[Mutant]) -> dict[str, Any]:
    """Return everything about one checker."""
    begin = time.perf_counter()
    used = {m.function.name: m.function for m in chosen}
    right = verdicts(name, checker, used.values())
    found: dict[str, Any] = {"right": right, "mutants": []}
    for m in chosen:
        f = m.function
        if right[f.name] == TOO_LARGE:
            outcome = TOO_LARGE
        elif m.family in MENDED and repaired(checker, m):
            outcome = REPAIRED
        else:
            verdict = attempt(lambda m=m: checker.check(m.function.forward, m.make(), inputs_of(m)))
            outcome = judged(verdict, right[f.name])
        found["mutants"].append((m.family, m.kind, f.name, outcome))
    if name in second_order.CHECKERS:
        check = second_order.CHECKERS[name]
        for f in second_order.FUNCTIONS:
            right[f"{f.name}, {SECOND}"] = attempt(lambda f=f: check(f, second_order.right))
        for kind, f, change in second_order.mutants():
            verdict = attempt(lambda f=f, change=change: check(f, change))
            key = f"{f.name}, {SECOND}"
            found["mutants"].append((SECOND, kind, key, judged(verdict, right[key])))
    found["seconds"] = time.perf_counter() - begin
    found["hard"] = verdicts(name, checker, HARD.values())
    return found


def chosen(every: list[Mutant], most: int) -> list[Mutant]:
    """Return up to `most` mutants of each kind, of functions that take turns."""
    kinds: dict[str, list[Mutant]] = defaultdict(list)
    for m in every:
        kinds[m.kind].append(m)
    picked = []
    for i, group in enumerate(kinds.values()):
        step = max(len(group) // most, 1)
        picked += [group[(7 * i + j * step) % len(group)] for j in range(min(most, len(group)))]
    return picked


def measure(quick: bool, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the scores of all checkers that are installed, or of those named."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        every = list(mutants())
        picked = chosen(every, QUICK) if quick else every
        who = {name: c for name, c in installed().items() if names is None or name in names}
        found: dict[str, Any] = {
            "header": {**header(), "mode": "quick" if quick else "full"},
            "absent": [name for name in CHECKERS if name not in installed()],
            "kinds": len({m.kind for m in every}) + len(second_order.KINDS),
            "functions": len(FUNCTIONS) + len({f.name for _, f, _ in SPECIAL}) + len(second_order.FUNCTIONS),
            "checkers": {},
        }
        for name, checker in who.items():
            say(f"{name}: {len(picked)} mutants")
            found["checkers"][name] = score(name, checker, picked)
    return found


def main() -> None:
    """Score, print the table, write table and figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutation_score",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} functions for each kind of mistake")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"of {', '.join(CHECKERS)}: these only")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "benchmarks", help="folder (default: %(default)s)")
    args = parser.parse_args()
    found = measure(args.quick, args.only)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "mutation_score.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = table(found)
    (args.out / "mutation_score.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
