"""Draws the ratios to textbook NumPy, a panel for each workload."""

from pathlib import Path
from typing import Any

import matplotlib

from benchmarks.candidates import EXPRESSIONS, NAMES, OURS, UNIT
from benchmarks.report import ratios
from benchmarks.workloads import WORKLOADS

matplotlib.use("Agg")
from matplotlib import pyplot as plt

COLORS = {OURS: "#1f6fb4", EXPRESSIONS: "#7fb2dc"}


PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.3}  # behind a number, over the lines
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "tensorgrad"}  # text stays text; the same figures, the same file


@matplotlib.rc_context(STYLE)
def plot(found: dict[str, Any], file: Path) -> None:
    """Save bars with their ranges; the line is the textbook, the dashed one the goal."""
    workloads = list(found["steps"][0])
    columns = min(4, len(workloads))
    lines = -(-len(workloads) // columns)
    fig, axes = plt.subplots(lines, columns, figsize=(3.6 * columns, 2.5 * lines), squeeze=False, layout="constrained")
    for ax in axes.flat[len(workloads) :]:
        ax.set_visible(False)
    for ax, w in zip(axes.flat, workloads, strict=False):
        here = ratios(found, w)
        names = [n for n in reversed(NAMES) if n in here and n != UNIT]
        middles = [here[n].middle for n in names]
        errors = [[here[n].middle - here[n].low for n in names], [here[n].high - here[n].middle for n in names]]
        ax.barh(names, middles, xerr=errors, color=[COLORS.get(n, "#b8b8b8") for n in names], height=0.7, ecolor="#555")
        for y, value in enumerate(middles):
            ax.annotate(f" {value:.2f}", (here[names[y]].high, y), va="center", fontsize=7, bbox=PAPER)
        ax.axvline(here[UNIT].middle, color="black", linewidth=1)
        ax.axvline(WORKLOADS[w].goal, color="#c02020", linewidth=1, linestyle="--")
        ax.set_xlim(0, 1.25 * max(1, *(here[n].high for n in names)))
        ax.set_title(f"{w}: {WORKLOADS[w].title}{', in ms' * WORKLOADS[w].milliseconds}", fontsize=8)
        ax.tick_params(labelsize=7)
    head = found["header"]
    fig.suptitle(
        "Time relative to textbook NumPy (black line; red: goal), float32, one thread, medians and ranges over "
        f"{head['processes']} processes\n{head['processor']}, {head['date']}",
        fontsize=9,
    )
    fig.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(fig)
