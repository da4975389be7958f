"""Turns results into ratios and a Markdown table: ours beside the goals and the peers, won or lost."""

from statistics import median
from typing import Any, NamedTuple

from benchmarks.candidates import EXPRESSIONS, NAMES, OURS, UNIT
from benchmarks.workloads import WORKLOADS

GOALS_OF_NODES = {"build": 900.0, "backward": 700.0, "bytes": 350.0}  # ns, ns at 1e4 nodes; bytes
OVER_RAW = 600.0  # ns that recording may add to the raw operation
SEVERAL_CORES = 1.15  # processor time over elapsed time
MILLISECOND = 1e-3  # s
IMPORT_OVER_NUMPY, WHEEL = 20.0, 1024.0  # ms, KiB


class Ratio(NamedTuple):
    """A candidate's minimum over the textbook's in the same process: median, lowest and highest over processes.

    Where the workload counts milliseconds, over one of these.
    """

    middle: float
    low: float
    high: float
    cores: float = 1.0  # that were busy, in the median


def spread(values: list[float], cores: float = 1.0) -> Ratio:
    """Return the median and the range."""
    return Ratio(median(values), min(values), max(values), cores)


def ratios(found: dict[str, Any], workload: str) -> dict[str, Ratio]:
    """Return the ratio of every candidate that took part; of JAX, that of its better mode."""
    result: dict[str, Ratio] = {}
    for kind in ("steps", "pinned"):
        runs = [run[workload]["candidates"] for run in found.get(kind, ())]
        for name in NAMES:
            if runs and all(name in run for run in runs):
                cores = median([run[name].get("cores", 1.0) for run in runs])
                units = [MILLISECOND if WORKLOADS[workload].milliseconds else run[UNIT]["min"] for run in runs]
                ratio = spread([run[name]["min"] / u for run, u in zip(runs, units, strict=True)], cores)
                if name not in result or ratio.middle < result[name].middle:
                    result[name] = ratio
    return result


def unit(found: dict[str, Any], workload: str) -> float:
    """Return the textbook's best time in microseconds, the median over processes."""
    return 1e6 * median([run[workload]["candidates"][UNIT]["min"] for run in found["steps"]])


def rows(head: list[str], body: list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *body)]


def number(value: float) -> str:
    """Return three digits or so."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def met(value: float, goal: float) -> str:
    """Say whether a goal is met."""
    return "yes" if value <= goal else "**no**"


def busy(ratio: Ratio) -> str:
    """Return the number of cores that were busy, if it was clearly more than one."""
    return f" ({ratio.cores:.1f} cores)" if ratio.cores > SEVERAL_CORES else ""


def with_range(ratio: Ratio) -> str:
    """Return the median, with the range if there is one."""
    return number(ratio.middle) + (f" ({number(ratio.low)}–{number(ratio.high)})" if ratio.low < ratio.high else "")


def steps(found: dict[str, Any]) -> list[str]:
    """Return the tables of training steps, elementwise chains and updates."""
    workloads = list(found["steps"][0])
    all_ratios = {w: ratios(found, w) for w in workloads}
    names = [n for n in NAMES if n != UNIT and any(n in r for r in all_ratios.values())]
    peers = [n for n in names if n not in (OURS, EXPRESSIONS)]
    body, ranges = [], []
    for w in workloads:
        found_here, goal = all_ratios[w], WORKLOADS[w].goal
        ours = [found_here[n] for n in (OURS, EXPRESSIONS) if n in found_here]
        cells = [with_range(found_here[n]) if n in found_here else "–" for n in (OURS, EXPRESSIONS)]
        verdict = " / ".join(dict.fromkeys(met(r.middle, goal) for r in ours))
        others = [number(found_here[n].middle) + busy(found_here[n]) if n in found_here else "–" for n in peers]
        in_ms, of_goal = (", in ms", " ms") if WORKLOADS[w].milliseconds else ("", "")
        title = f"**{w}** {WORKLOADS[w].title}{in_ms}"
        body.append([title, number(unit(found, w)), *cells, f"≤ {goal:.2f}{of_goal}", verdict, *others])
        ranges.append([w + in_ms, *(with_range(found_here[n]) if n in found_here else "–" for n in names)])
    facts = found["steps"][0]
    verified = []
    for w in workloads:
        candidates = facts[w]["candidates"]
        losses = [c["loss"] for c in candidates.values() if c["loss"] is not None]
        loss = f"{losses[0]:.6g}, all within {max(abs(x / losses[0] - 1) for x in losses):.0e}" if losses else "–"
        verified.append([w, loss, f"{max(c['error'] for c in candidates.values()):.0e}", notes(candidates)])
    several = len(found["steps"]) > 1
    return [
        "## Time of a step, ratio to textbook NumPy (smaller is faster)", "",
        *rows(["workload", "textbook, µs", OURS, EXPRESSIONS, "goal", "met", *peers], body), "",
        *absences(found),
        *(["### Ranges over fresh processes", "", *rows(["workload", *names], ranges), ""] if several else []),
        "### What was verified before", "",
        "The loss after three steps, and the largest error of a parameter array relative to how far it went in them "
        "(for F: the gradient's; for J: the result's, relative to its size).", "",
        *rows(["workload", "loss", "error", "chosen"], verified), "",
    ]  # fmt: skip


def notes(candidates: dict[str, Any]) -> str:
    """Return what candidates chose."""
    return "; ".join(f"{name}: {c['note']}" for name, c in candidates.items() if c["note"])


def absences(found: dict[str, Any]) -> list[str]:
    """Return a line for each candidate that did not take part, with the reason."""
    lines = [f"- {name}: {reason}" for name, reason in found["absent"].items()]
    for w, result in found["steps"][0].items():
        lines += [f"- {name} on {w}: {reason}" for name, reason in result["skipped"].items()]
    return ["Not taking part:", "", *lines, ""] if lines else []


def chains(found: dict[str, Any]) -> list[str]:
    """Return the table of scalar chains."""
    body = []
    for n in dict.fromkeys(n for run in found["chains"] for n in run):
        runs = [run[n] for run in found["chains"] if n in run]
        for phase, goal in list(GOALS_OF_NODES.items())[:2]:
            times = {lib: spread([run[lib][phase] for run in runs]) for lib in runs[0]}
            judged = [f"≤ {goal:.0f}", met(times["ours"].middle, goal)] if n == "10000" else ["", ""]
            cells = [with_range(times[lib]) if lib in times else "–" for lib in ("ours", "torch")]
            body.append([f"{phase}, {int(n):,} nodes, ns a node", *cells, *judged])
    for kind, what in (("traced", "tracemalloc"), ("resident", "growth of the process")):
        value = {lib: v[kind] for lib, v in found["nodes"].items() if kind in v}
        goal = GOALS_OF_NODES["bytes"]
        cells = [number(value[lib]) if lib in value else "–" for lib in ("ours", "torch")]
        body.append([f"bytes a node ({what})", *cells, f"≤ {goal:.0f}", met(value["ours"], goal)])
    return [
        "## G: chains of scalar operations, y = y * x", "",
        *rows(["", "ours", "torch", "goal", "met"], body), "",
        "The goals are of a machine on which torch took 1,640 ns to build a node and 4,840 ns to go back.", "",
    ]  # fmt: skip


def operations(found: dict[str, Any]) -> list[str]:
    """Return the table of single operations."""
    body = []
    for op, first in found["operations"][0].items():
        ns = {name: median([run[op][name] for run in found["operations"]]) for name in first}
        for lib in ("raw", "ours", "torch"):
            if f"{lib} both" in ns:
                ns[f"{lib} backward"] = ns[f"{lib} both"] - ns[f"{lib} forward"]
        goal = ns["raw forward"] + OVER_RAW
        ours = ns["ours forward"]
        cells = [number(ns.get(f"{lib} forward", 0)) for lib in ("raw", "ours", "torch")]
        body.append([f"{op}, recording", *cells, f"≤ {goal:.0f}", met(ours, goal)])
        for phase in ("forward", "backward"):
            if f"torch {phase}" in ns:
                cells = [number(ns[f"{lib} {phase}"]) for lib in ("raw", "ours", "torch")]
                goal = ns[f"torch {phase}"] / 2
                body.append([f"{op}, {phase}", *cells, f"≤ {goal:.0f}, half of torch", met(ns[f"ours {phase}"], goal)])
    head = ["ns", "raw NumPy", "ours", "torch", "goal", "met"]
    return ["## H: one operation on 4×4 arrays", "", *rows(head, body), ""]


def memory(found: dict[str, Any]) -> list[str]:
    """Return the table of peak memory."""
    body = []
    for w, values in found["memory"].items():
        for name, value in values.items():
            goal = values["torch"]["resident"] if "torch" in values else float("nan")
            judged = [f"≤ {goal:.0f}", met(value["resident"], goal)] if name == OURS and "torch" in values else ["", ""]
            body.append([w, name, number(value["resident"]), number(value["traced"]), *judged])
    head = ["workload", "candidate", "growth of the process, MiB", "tracemalloc, MiB", "goal: torch", "met"]
    return [
        "## Peak memory of training: batch, parameters, gradients, moments, activations, temporaries", "",
        *rows(head, body), "",
        "Each in a fresh process, warmed up on a tiny net: the high-water mark of resident memory over three steps, "
        "less what was resident before. tracemalloc sees Python's and NumPy's memory, not PyTorch's.", "",
    ]  # fmt: skip


def imports(found: dict[str, Any]) -> list[str]:
    """Return the table of import time and size."""
    ms = {name: median(values) for name, values in found["imports"]["ms"].items()}
    kib, goal = found["imports"]["KiB"], ms["numpy"] + IMPORT_OVER_NUMPY
    body = [
        ["import NumPy, ms", number(ms["numpy"]), "", ""],
        ["import tensorgrad, ms", number(ms["tensorgrad"]), f"≤ {goal:.0f}", met(ms["tensorgrad"], goal)],
        ["installed sources, KiB", number(kib["installed"]), "", ""],
        ["packed as a wheel, KiB", number(kib["wheel"]), f"≤ {WHEEL:.0f}", met(kib["wheel"], WHEEL)],
    ]
    return ["## K: import and size", "", *rows(["", "", "goal", "met"], body), ""]


SECTIONS = {"steps": steps, "chains": chains, "operations": operations, "memory": memory, "imports": imports}


def table(found: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    head = found["header"]
    versions = ", ".join(f"{name} {version}" for name, version in head["versions"].items())
    lines = [
        "# Benchmarks", "",
        f"{head['date']}, {head['mode']}, {head['processes']} fresh process{'es' * (head['processes'] > 1)}. "
        f"{head['processor']}, {head['cores']} cores, {head['memory']}, {head['system']}. {versions}.", "",
        "float32 (J hessian: float64), one thread. Ratios are of minima, to textbook NumPy in the same process, steps "
        "of all candidates in turn; shown is the median over processes. Differences under 5 % mean nothing. J hessian "
        "has milliseconds in place of ratios: its textbook is a formula that the others have to derive. JAX is shown "
        "in its better mode: the process pinned to one core, or not; cores are shown where it kept more than one busy, "
        "pool of one thread notwithstanding. torch.compile has the fused optimizer, autograd and MyGrad have the "
        "textbook's. For second derivatives, torch is shown in its fastest way.", "",
    ]  # fmt: skip
    for name, section in SECTIONS.items():
        if name in found:
            lines += section(found)
    return "\n".join(lines).rstrip() + "\n"
