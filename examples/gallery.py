"""Draw seven networks, some of them ill, in every view: pictures to look at, and pages to explore.

The network of the README, a residual net, an attention block, a recurrent net over 20 steps, a chain of 50 layers and a
net of sigmoids whose gradients vanish, and a softmax that overflows. Each is ordinary NumPy; `tg.draw` runs it once.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _options import options, write_json

import tensorgrad as tg

Drawn = tuple[Callable[..., Any], tuple[Any, ...]]  # a function and what to run it with
VIEWS = ("forward", "backward", "both")


def normal(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    """Return numbers of a normal distribution, in float32."""
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def weight(rng: np.random.Generator, name: str, *shape: int, gain: float = 1.0) -> tg.Tensor:
    """Return a weight whose products keep the size of what they are given, times `gain`."""
    return tg.tensor(normal(rng, *shape, scale=gain / np.sqrt(shape[0])), requires_grad=True, name=name)


def cross_entropy(logits: Any, labels: np.ndarray) -> Any:
    """Return the mean negative log-likelihood of the labels."""
    shifted = logits - np.max(logits.data, axis=1, keepdims=True)
    likelihood = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(axis=1))
    return -likelihood.mean()


def mlp(rng: np.random.Generator) -> Drawn:
    """Return the 64-32-10 network of the README, on random digits."""
    model = tg.nn.MLP([64, 32, 10], activation="relu", dtype=np.float32, rng=rng)

    def step(x: Any, y: Any) -> Any:
        return cross_entropy(model(x), y)

    return step, (normal(rng, 128, 64), rng.integers(0, 10, 128))


def residual(rng: np.random.Generator) -> Drawn:
    """Return a net of three blocks, each of which adds to what it is given."""

    class Block(tg.nn.Module):
        def __init__(self) -> None:
            self.inner = tg.nn.Linear(32, 32, activation="relu", dtype=np.float32, rng=rng)
            self.outer = tg.nn.Linear(32, 32, dtype=np.float32, rng=rng, init="xavier")

        def forward(self, x: Any) -> Any:
            return np.maximum(x + self.outer(self.inner(x)), 0)

    class ResNet(tg.nn.Module):
        def __init__(self) -> None:
            self.blocks = [Block() for _ in range(3)]
            self.head = tg.nn.Linear(32, 4, dtype=np.float32, rng=rng)

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    model = ResNet()

    def step(x: Any, y: Any) -> Any:
        return tg.nn.cross_entropy(model(x), y)

    return step, (normal(rng, 64, 32), rng.integers(0, 4, 64))


def attention(rng: np.random.Generator) -> Drawn:
    """Return a block of self-attention and a feed-forward part, with normalisation and residual paths."""
    size, heads = 32, 4
    query, key, value, out = (weight(rng, name, size, size) for name in ("query", "key", "value", "out"))
    up, down = weight(rng, "up", size, 4 * size), weight(rng, "down", 4 * size, size)

    def normalised(x: Any) -> Any:
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)

    def split(x: Any) -> Any:
        return x.reshape(8, 10, heads, size // heads).transpose(0, 2, 1, 3)  # (batch, head, time, size)

    def attend(x: Any) -> Any:
        q, k, v = split(x @ query), split(x @ key), split(x @ value)
        share = tg.nn.softmax(q @ k.swapaxes(-1, -2) / math.sqrt(size // heads))  # (batch, head, time, time)
        return (share @ v).transpose(0, 2, 1, 3).reshape(8, 10, size) @ out

    def feed(x: Any) -> Any:
        return tg.nn.gelu(x @ up) @ down

    def block(x: Any) -> Any:
        x = x + attend(normalised(x))
        x = x + feed(normalised(x))
        return (x**2).mean()

    return block, (tg.tensor(normal(rng, 8, 10, size), requires_grad=True),)  # as of an embedding below it


def recurrent(rng: np.random.Generator) -> Drawn:
    """Return a recurrent net, unrolled over 20 steps."""
    into, back = weight(rng, "into", 8, 16), weight(rng, "back", 16, 16)

    def cell(x: Any, h: Any) -> Any:
        return np.tanh(x @ into + h @ back)

    def unrolled(xs: Any) -> Any:
        h = np.zeros((32, 16), np.float32)
        for x in xs:
            h = cell(x, h)
        return (h**2).mean()

    return unrolled, (normal(rng, 20, 32, 8),)


def chain(rng: np.random.Generator) -> Drawn:
    """Return 50 layers of sigmoids: each takes at least three quarters of the gradient away."""
    weights = [weight(rng, f"w{i}", 16, 16) for i in range(50)]

    def deep(x: Any) -> Any:
        for w in weights:
            x = tg.nn.sigmoid(x @ w)
        return (x**2).mean()

    return deep, (normal(rng, 32, 16),)


def sigmoids(rng: np.random.Generator) -> Drawn:
    """Return a net whose first layer is dead, and whose sigmoids let little of the gradient through."""

    class Net(tg.nn.Module):
        def __init__(self) -> None:
            self.stem = tg.nn.Linear(64, 64, activation="relu", rng=rng)
            self.stem.bias.data = self.stem.bias.data - 4.2
            self.body = [tg.nn.Linear(64, 64, activation="sigmoid", init="xavier", rng=rng) for _ in range(5)]
            self.head = tg.nn.Linear(64, 10, rng=rng)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            for layer in self.body:
                x = layer(x)
            return self.head(x)

    net = Net()

    def step(x: Any, y: Any) -> Any:
        return tg.nn.cross_entropy(net(x), y)

    return step, (rng.standard_normal((256, 64)), rng.integers(0, 10, 256))


def overflow(rng: np.random.Generator) -> Drawn:
    """Return a softmax written as in a textbook, which overflows."""
    w = weight(rng, "w", 32, 10)

    def softmax(z: Any) -> Any:
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True)

    def step(x: Any, y: Any) -> Any:
        shares = softmax(x @ w)
        return -np.log(shares[np.arange(64), y]).mean()

    return step, (normal(rng, 64, 32, scale=60.0), rng.integers(0, 10, 64))


NETWORKS = {f.__name__: f for f in (mlp, residual, attention, recurrent, chain, sigmoids, overflow)}


def draw(name: str, folder: Path, seed: int) -> dict[str, Any]:
    """Write all pictures of a network, and return how many cards and findings each has."""
    with np.errstate(all="ignore"):  # what is ill is drawn, too
        step, inputs = NETWORKS[name](np.random.default_rng(seed))
        figures = {}
        for view in VIEWS:
            graph = tg.draw(step, *inputs, view=view, detail="full" if view == "backward" else "stats")
            graph.save(folder / f"{name}_{view}.svg")
            figures[view] = {"cards": len(graph.ir.cards), "findings": len(graph.ir.findings)}
        graph = tg.draw(step, *inputs, depth=1)
        graph.save(folder / f"{name}_folded.svg")
        figures["folded"] = {"cards": len(graph.ir.cards), "findings": len(graph.ir.findings)}
        page = tg.draw(step, *inputs, detail="full")
        page.save(folder / f"{name}.html")
        page.save(folder / f"{name}.txt")
    return figures


def main() -> None:
    """Draw them all."""
    args = options(__doc__)
    names = ["mlp", "overflow"] if args.quick else list(NETWORKS)
    figures = {name: draw(name, args.out, args.seed) for name in names}
    print(f"{'network':<12}{'forward':>9}{'backward':>10}{'both':>6}{'folded':>8}   cards; findings")
    for name, found in figures.items():
        cards = [found[view]["cards"] for view in (*VIEWS, "folded")]
        print(f"{name:<12}{cards[0]:>9}{cards[1]:>10}{cards[2]:>6}{cards[3]:>8}   {found['forward']['findings']}")
    print(f"\npictures and pages: {args.out}")
    write_json(args.json, figures)


if __name__ == "__main__":
    main()
