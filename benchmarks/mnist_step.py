"""Time one training step of 784-7-1, batch 128, with Adam: ours beside the textbook's NumPy, in one process.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 python benchmarks/mnist_step.py

Both sides start from the same weights, see the same batch, and must agree before they are timed. They are timed in
turn; what counts is the ratio of the minima.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

import tensorgrad as tg

LR, BETA1, BETA2, EPS = 0.0005, 0.9, 0.999, 1e-8


def textbook(weights: list[np.ndarray], X: np.ndarray, y: np.ndarray) -> tuple[list[np.ndarray], Callable[[], float]]:
    """Return the parameters and a step written by hand, as a textbook writes it: sigmoid, log, an update per array."""
    p = [w.copy() for w in weights]
    v, s, t = [np.zeros_like(w) for w in p], [np.zeros_like(w) for w in p], 0

    def step() -> float:
        nonlocal t
        W1, b1, W2, b2 = p
        z1 = np.dot(X, W1) + b1
        a1 = np.maximum(0, z1)
        a2 = 1 / (1 + np.exp(-(np.dot(a1, W2) + b2)))
        cost = -np.mean(y * np.log(a2) + (1 - y) * np.log(1 - a2))
        dz2 = (a2 - y) / len(X)
        dz1 = np.dot(dz2, W2.T) * (z1 > 0)
        t += 1
        for i, g in enumerate((np.dot(X.T, dz1), dz1.sum(axis=0), np.dot(a1.T, dz2), dz2.sum(axis=0))):
            v[i] = BETA1 * v[i] + (1 - BETA1) * g
            s[i] = BETA2 * s[i] + (1 - BETA2) * g**2
            p[i] = p[i] - LR * (v[i] / (1 - BETA1**t)) / (np.sqrt(s[i] / (1 - BETA2**t)) + EPS)
        return float(cost)

    return p, step


def ours(weights: list[np.ndarray], X: np.ndarray, y: np.ndarray) -> tuple[tg.nn.MLP, Callable[[], float]]:
    """Return a network with the same weights, and its step."""
    model = tg.nn.MLP([784, 7, 1], dtype=X.dtype)
    for p, w in zip(model.parameters(), weights, strict=True):
        p.data = w.copy()
    optimizer = tg.optim.Adam(model.parameters(), lr=LR)

    def step() -> float:
        loss = tg.nn.binary_cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return model, step


def main() -> None:
    """Check that both agree, time them in turn, print microseconds and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000, help="timed steps of each (default: %(default)s)")
    steps = parser.parse_args().steps
    for dtype in (np.float64, np.float32):
        rng = np.random.default_rng(0)
        X, y = rng.random((128, 784)).astype(dtype), (rng.random((128, 1)) > 0.5).astype(dtype)
        weights = [p.data for p in tg.nn.MLP([784, 7, 1], dtype=dtype, rng=0).parameters()]
        by_hand, textbook_step = textbook(weights, X, y)
        model, our_step = ours(weights, X, y)
        for _ in range(20):
            assert np.isclose(textbook_step(), our_step(), rtol=1e-4)
        for a, p in zip(by_hand, model.parameters(), strict=True):
            np.testing.assert_allclose(p.data, a, rtol=1e-3, atol=1e-9 if dtype is np.float64 else 1e-5)
        times: dict[str, list[float]] = {"textbook": [], "ours": []}
        for _ in range(steps):
            for name, step in (("textbook", textbook_step), ("ours", our_step)):
                started = time.perf_counter()
                step()
                times[name].append(1e6 * (time.perf_counter() - started))
        low = {name: min(values) for name, values in times.items()}
        middle = {name: float(np.median(values)) for name, values in times.items()}
        print(
            f"{np.dtype(dtype).name}: textbook {low['textbook']:.0f} µs (median {middle['textbook']:.0f}), "
            f"ours {low['ours']:.0f} µs (median {middle['ours']:.0f}), "
            f"ratio of minima {low['ours'] / low['textbook']:.2f}, of medians {middle['ours'] / middle['textbook']:.2f}"
        )


if __name__ == "__main__":
    main()
