"""The picture that the networks' examples write of a training step."""

from pathlib import Path

import numpy as np

import tensorgrad as tg


def write_graph(stem: Path, model: tg.nn.Module, x: np.ndarray, y: np.ndarray) -> None:
    """Write the graph of one step on a batch: a picture, `stem`.svg, and a page to explore it, `stem`.html."""

    def step(x, y):
        return tg.nn.binary_cross_entropy(model(x), y)

    graph = tg.draw(step, x, y, detail="full")
    for ending in (".svg", ".html"):
        print(f"graph: {graph.save(stem.with_suffix(ending))}")
