"""Measure how long pictures take, beside Graphviz's program `dot`, if it is installed.

Run it from the repository's root: python -m benchmarks.pictures
Each figure is the median of several runs in this process, the garbage of the one before collected.
"""

import gc
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg
from benchmarks.machine import header
from benchmarks.process import ROOT
from tensorgrad.viz.ir import GraphIR
from tensorgrad.viz.layout import arrange
from tensorgrad.viz.scene.stage import arranged


def median(run: Callable[[], Any], times: int) -> float:
    """Return the median time of a run, in milliseconds."""
    seconds = []
    for _ in range(times):
        gc.collect()
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return 1e3 * statistics.median(seconds)


def svg(*args: Any, **options: Any) -> int:
    """Draw something, and return the number of characters of its SVG."""
    return len(tg.draw(*args, **options)._repr_svg_() or "")


def mlp() -> tuple[Callable[..., Any], Any, Any]:
    """Return a step of a 64-32-10 network, and its inputs."""
    rng = np.random.default_rng(0)
    model = tg.nn.MLP([64, 32, 10], dtype=np.float32, rng=rng)
    data = rng.standard_normal((128, 64)).astype(np.float32), rng.integers(0, 10, 128)
    return (lambda x, y: tg.nn.cross_entropy(model(x), y)), *data


def chain(steps: int) -> tg.Tensor:
    """Return the result of so many steps, each different from the last."""
    x = tg.tensor(np.ones(8), requires_grad=True, name="x")
    y = x
    for i in range(steps):
        y = (np.tanh, np.sin, np.exp)[i * i % 3](y) if i % 7 else y * x
    return y.sum()


def repeated(steps: int) -> tg.Tensor:
    """Return the result of so many steps, the same two again and again."""
    y = tg.tensor(np.ones(8), requires_grad=True, name="x")
    for _ in range(steps // 2):
        y = np.tanh(y * 1.01)
    return y.sum()


def laid_out(ir: GraphIR) -> None:
    """Arrange cards of one size, and nothing else."""
    arranged(ir, {card.id: (180.0, 60.0) for card in ir.cards}, {scope.id: 80.0 for scope in ir.scopes})


def main() -> None:
    """Print a line for each figure."""
    assert arrange([], []).width == 0  # what is imported is not to be measured
    sys.path.insert(0, str(ROOT / "examples"))
    import gallery

    step, inputs = gallery.mlp(np.random.default_rng(0))
    f, x, y = mlp()
    small, loss = tg.draw(f, x, y), f(x, y)
    thousand = tg.draw(chain(1_000), depth=99)
    rows: list[tuple[str, float]] = [
        ("MLP of the gallery, 17 cards, run, with statistics", median(lambda: svg(step, *inputs), 21)),
        ("MLP of fused layers, 9 cards, run, with statistics", median(lambda: svg(f, x, y), 21)),
        ("MLP, the loss alone, shapes, to SVG", median(lambda: svg(loss, detail="shapes"), 21)),
        ("MLP, from what was read to SVG", median(small._repr_svg_, 21)),
        (f"{len(thousand.ir.cards):,} cards unfolded, from what was read", median(thousand._repr_svg_, 5)),
        ("  of that the layout", median(lambda: laid_out(thousand.ir), 5)),
    ]
    for steps in (10_000, 100_000):
        for name, made in (("different", chain(steps)), ("repeated", repeated(steps))):
            rows.append((f"{steps:,} {name} steps, shapes, folded, to SVG", median(lambda made=made: svg(made), 3)))
            if steps == 10_000:
                told = median(lambda made=made: svg(made, detail="stats"), 3)
                rows.append(("  with statistics and gradients", told))
            rows.append((f"  of {svg(made) / 1e6:.2f} MB", float("nan")))
    if shutil.which("dot"):
        rows.append(("MLP by dot, to SVG", median(lambda: svg(f, x, y, engine="dot"), 5)))
        hundred, by_dot = (tg.draw(chain(100), engine=engine) for engine in ("auto", "dot"))
        rows.append((f"{len(hundred.ir.cards)} cards by dot, to SVG", median(by_dot._repr_svg_, 3)))
        rows.append((f"{len(hundred.ir.cards)} cards by ours, to SVG", median(hundred._repr_svg_, 5)))
    print(*(f"{name}: {value}" for name, value in header().items()), "", sep="\n")
    for words, milliseconds in rows:
        print(f"{words:<52}" + ("" if milliseconds != milliseconds else f"{milliseconds:10.1f} ms"))


if __name__ == "__main__":
    main()
