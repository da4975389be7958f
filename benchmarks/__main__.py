"""Run the suite: `python -m benchmarks` for a quick look, `python -m benchmarks --full` for figures to publish.

Run it from the repository's root. Peers take part when installed:

    pip install matplotlib torch jax autograd mygrad

Candidates are first verified to compute the same numbers, then timed in turn in one process, on one thread. What counts
is the ratio of minima to textbook NumPy in the same process; its median and range over fresh processes are shown.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.candidates import JAX, NAMES, OURS, UNIT, installed
from benchmarks.machine import header
from benchmarks.process import ROOT, spawn
from benchmarks.report import table
from benchmarks.workloads import WORKLOADS

MEMORY = ("C", "D")


def say(text: str) -> None:
    """Report progress."""
    print(text, file=sys.stderr, flush=True)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Run everything that is asked for."""
    names = installed()
    absent = {name: "not installed" for name in NAMES if name not in names}
    workloads = [name for name in WORKLOADS if not args.only or name.split()[0] in args.only]
    groups = {"G", "H", "K", "memory"} if not args.only else set(args.only)
    seconds = 2.0 if args.full else 0.7
    found: dict[str, Any] = {"header": {**header(), "mode": "full" if args.full else "quick"}, "absent": absent}
    found["header"]["processes"] = args.processes
    for kind, pinned, who in (("steps", False, names), ("pinned", True, [UNIT, JAX])):
        if workloads and (not pinned or JAX in names):
            found[kind] = []
            for i in range(args.processes):
                say(f"{kind}, process {i + 1} of {args.processes}:")
                found[kind].append(spawn("steps", workloads=workloads, names=who, seconds=seconds, pinned=pinned))
    if "G" in groups:
        say("G: chains of scalar operations")
        found["chains"] = [spawn("chains", sizes={"10000": 7, "100000": 3}) for _ in range(args.processes)]
        found["chains"] += [spawn("chains", sizes={"1000000": 1})] if args.full else []
        n = 1_000_000 if args.full else 100_000
        found["nodes"] = {lib: spawn("nodes", library=lib, n=n) for lib in ("ours", "torch") if lib in ("ours", *names)}
    if "H" in groups:
        say("H: single operations")
        repeat = 60 if args.full else 20
        found["operations"] = [spawn("operations", repeat=repeat) for _ in range(args.processes)]
    if "memory" in groups and sys.platform == "linux":
        say("memory of training steps")
        who = [name for name in (UNIT, OURS, "torch", "torch fused") if name in names]
        found["memory"] = {w: {name: spawn("peak", candidate=name, workload=w) for name in who} for w in MEMORY}
    if "K" in groups:
        say("K: import and size")
        found["imports"] = spawn("imports", repeat=15 if args.full else 5)
    return found


def main() -> None:
    """Measure, print the table, write table, figures and plot."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="more steps, and five fresh processes")
    parser.add_argument("--processes", type=int, help="fresh processes (default: 1, or 5 with --full)")
    parser.add_argument("--only", type=lambda text: text.split(","), help="A,B,... G,H,K,memory: these only")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "benchmarks", help="folder (default: %(default)s)")
    args = parser.parse_args()
    args.processes = args.processes or (5 if args.full else 1)
    found = measure(args)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = table(found)
    (args.out / "table.md").write_text(text, encoding="utf-8")
    print(text)
    if "steps" in found:
        if importlib.util.find_spec("matplotlib"):
            from benchmarks.plot import plot

            plot(found, args.out / "ratios.svg")
        else:
            say("no plot: matplotlib is not installed")


if __name__ == "__main__":
    main()
