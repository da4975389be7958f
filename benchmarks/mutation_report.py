"""Turns the scores of gradient checkers into Markdown: who caught what, kind by kind, and who accused the right."""

from collections import Counter, defaultdict
from typing import Any

from benchmarks.report import rows

COUNTED = ("killed", "passed", "inconclusive", "crashed")  # what is left out is not
MARKS = {"right": "", "wrong": "alarm", "inconclusive": "?", "too large": "–"}
LISTED = 40  # survivors of ours that are named one by one


def share(part: int, whole: int) -> str:
    """Return a percentage; 100 only if nothing is missing."""
    if not whole:
        return "–"
    number = 100 * part / whole
    return "100 %" if part == whole else f"{min(number, 99.9):.1f} %"


def summary(name: str, found: dict[str, Any]) -> list[str]:
    """Return the line of one checker."""
    count = Counter(outcome for *_, outcome in found["mutants"])
    total = sum(count[outcome] for outcome in COUNTED)
    apart = sum(outcome == "killed" and found["right"][f] == "right" for _, _, f, outcome in found["mutants"])
    right, hard = (Counter(map(kind_of, found[which].values())) for which in ("right", "hard"))
    return [
        name, str(count["killed"]), str(total), share(count["killed"], total), share(apart, total),
        str(count["inconclusive"]), f"{right['wrong']} of {right.total() - right['left out']}",
        f"{hard['wrong']} of {hard.total() - hard['left out']}", str(hard["inconclusive"]), str(hard["crashed"]),
        f"{found['seconds']:.0f}",
    ]  # fmt: skip


def kind_of(verdict: str) -> str:
    """Return a verdict on a right gradient in one word."""
    if verdict == "too large":
        return "left out"
    return verdict if verdict in ("right", "wrong", "inconclusive") else "crashed"


def by_kind(checkers: dict[str, Any]) -> list[list[str]]:
    """Return, for each kind of mistake, how many of its mutants each checker killed."""
    cells: dict[tuple[str, str], dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for name, found in checkers.items():
        for family, kind, _, outcome in found["mutants"]:
            cells[family, kind][name][outcome] += 1
    body = []
    for (family, kind), of in cells.items():
        line = [family, kind]
        for name in checkers:
            total = sum(of[name][outcome] for outcome in COUNTED)
            killed = of[name]["killed"]
            line.append("–" if not total else f"{killed}" if killed == total else f"**{killed}** of {total}")
        body.append(line)
    return body


def alarms(checkers: dict[str, Any]) -> list[list[str]]:
    """Return, for each hard case that a checker did not call right, what each said."""
    names = next(iter(checkers.values()))["hard"]
    body = []
    for case in names:
        said = [MARKS.get(found["hard"][case], "error") for found in checkers.values()]
        if any(said):
            body.append([case, *said])
    return body


def survivors(checkers: dict[str, Any]) -> list[str]:
    """Return the mutants that ours did not kill."""
    lines = [
        f"- {name}: {kind} in {function} ({outcome})"
        for name, found in checkers.items()
        if name.startswith("ours")
        for _, kind, function, outcome in found["mutants"]
        if outcome in COUNTED and outcome != "killed"
    ]
    if len(lines) > LISTED:
        lines = [*lines[:LISTED], f"- and {len(lines) - LISTED} more, in mutation_score.json"]
    return ["## What ours let pass", "", *(lines or ["Nothing."]), ""]


def table(found: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    head, checkers = found["header"], found["checkers"]
    versions = ", ".join(f"{name} {version}" for name, version in head["versions"].items())
    names = list(checkers)
    columns = [
        "", "killed", "of", "share", "told apart", "inconclusive", "false alarms: same functions",
        "false alarms: hard cases", "inconclusive there", "refused there", "seconds",
    ]  # fmt: skip
    lines = [
        "# Mutation score of gradient checkers", "",
        f"{head['date']}, {head['mode']}. {head['processor']}, {head['cores']} cores, {head['memory']}, "
        f"{head['system']}. {versions}.", "",
        f"{found['kinds']} kinds of wrong gradients in {found['functions']} functions, one mistake at a time; every "
        "checker at its defaults. Told apart: the wrong gradient was killed, and the right one of the same function "
        "passed: a checker that accuses whatever it sees kills everything. Not counted for a checker: what its library "
        "repairs before anyone could see it (a missing sum over a broadcast axis, another dtype, a layout), what it "
        "cannot express (second order of a backward pass that works on arrays), and for torch arrays of 100,000 "
        "elements: it fills the whole Jacobian, of 80 GB, in its fast mode to word the error that it found. At kinks "
        "the right gradient is one of several; checkers that want the middle one count as raising a false alarm.", "",
        *rows(columns, [summary(name, checkers[name]) for name in names]), "",
        *(["Not installed: " + ", ".join(found["absent"]) + ".", ""] if found["absent"] else []),
        *survivors(checkers),
        "## By kind of mistake", "",
        "Killed; in bold with their number where some were not; – where none can be expressed.", "",
        *rows(["", "mistake", *names], by_kind(checkers)), "",
        "## Right gradients that are hard to check", "",
        "Those that at least one checker did not call right. alarm: called wrong; ?: not to be told; "
        "error: the check itself raised.", "",
        *rows(["", *names], alarms(checkers)), "",
    ]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"
