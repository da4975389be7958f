"""Build the two-layer and the L-layer network, [linear, relu] times L - 1, then linear and sigmoid; train them.

First the initial weights that two hand-written networks print for seeds 1 and 3, compared to every digit. Then four
networks learn by gradient descent which tumours of the Wisconsin breast cancer data are benign, and are tested on
tumours that they have not seen. The hand-written networks start from weights of about 0.01: every further layer
multiplies the signal by such numbers again, so the deepest one does not leave its plateau in time, unless it starts
from He's weights.
"""

import time
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from _graph import write_graph
from _options import options, write_json
from sklearn.datasets import load_breast_cancer

import tensorgrad as tg

matplotlib.use("Agg")  # pictures go to files, also on a machine without a screen
from matplotlib import pyplot as plt


def small(rng: np.random.Generator | np.random.RandomState, fan_in: int, fan_out: int) -> np.ndarray:
    """Draw 0.01 N(0, 1) as (fan_out, fan_in), as the hand-written networks keep their weights, and transpose it."""
    return rng.standard_normal((fan_out, fan_in)).T * 0.01


PRINTED = {  # (seed, sizes): the weights W1, W2 as NumPy printed them, (fan_out, fan_in); all biases are 0
    (1, (3, 2, 1)): (
        "0.01624345 -0.00611756 -0.00528172 -0.01072969  0.00865408 -0.02301539",
        "0.01744812 -0.00761207",
    ),
    (1, (4, 3, 2)): (
        """0.01624345 -0.00611756 -0.00528172 -0.01072969  0.00865408 -0.02301539
           0.01744812 -0.00761207  0.00319039 -0.0024937   0.01462108 -0.02060141""",
        "-0.00322417 -0.00384054  0.01133769 -0.01099891 -0.00172428 -0.00877858",
    ),
    (3, (5, 4, 3)): (
        """0.01788628  0.0043651   0.00096497 -0.01863493 -0.00277388 -0.00354759 -0.00082741 -0.00627001 -0.00043818
          -0.00477218 -0.01313865  0.00884622  0.00881318  0.01709573  0.00050034 -0.00404677 -0.0054536  -0.01546477
           0.00982367 -0.01101068""",
        """-0.01185047 -0.0020565   0.01486148  0.00236716 -0.01023785 -0.00712993
            0.00625245 -0.00160513 -0.00768836 -0.00230031  0.00745056  0.01976111""",
    ),
    (3, (4, 3, 2)): (
        """0.01788628  0.0043651   0.00096497 -0.01863493 -0.00277388 -0.00354759
          -0.00082741 -0.00627001 -0.00043818 -0.00477218 -0.01313865  0.00884622""",
        "0.00881318  0.01709573  0.00050034 -0.00404677 -0.0054536  -0.01546477",
    ),
}
NETWORKS: dict[str, tuple[list[int], str | Callable]] = {  # name: (sizes, initial weights)
    "2 layers": ([30, 7, 1], small),
    "3 layers": ([30, 20, 7, 1], small),
    "4 layers": ([30, 20, 7, 5, 1], small),
    "4 layers, He": ([30, 20, 7, 5, 1], "he"),
}
LR, STEPS, EVERY = 0.3, 1000, 10  # full batches; the loss is kept every so many steps


def digits(array: np.ndarray) -> list[str]:
    """Return the elements as NumPy prints them, to 8 digits."""
    return np.array2string(array, precision=8).replace("[", " ").replace("]", " ").split()


def compare_weights() -> dict[str, bool]:
    """Print whether each printed network has the same initial weights as ours, to the last digit."""
    print(f"{'initial weights of':<20}{'seed':<6}{'W1':<10}{'W2':<10}{'biases':<8}verdict")
    same = {}
    for (seed, sizes), printed in PRINTED.items():
        layers = tg.nn.MLP(sizes, init=small, rng=np.random.RandomState(seed)).layers
        pairs = [(digits(layer.weight.numpy().T), text.split()) for layer, text in zip(layers, printed, strict=True)]
        equal = [sum(a == b for a, b in zip(ours, theirs, strict=True)) for ours, theirs in pairs]
        zeros = not any(np.any(layer.bias.numpy()) for layer in layers)
        name = "-".join(map(str, sizes))
        same[f"{name}, seed {seed}"] = zeros and equal == [len(theirs) for _, theirs in pairs]
        counts = [f"{n} of {len(theirs)}" for n, (_, theirs) in zip(equal, pairs, strict=True)]
        verdict = "matches" if same[f"{name}, seed {seed}"] else "differs"
        print(f"{name:<20}{seed:<6}{counts[0]:<10}{counts[1]:<10}{'zero' if zeros else 'not 0':<8}{verdict}")
    return same


def load(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training and test data (n, 30), standardised by the training part, and labels (n, 1): 1 for benign."""
    X, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = order[: len(X) * 4 // 5], order[len(X) * 4 // 5 :]
    mean, deviation = X[train].mean(axis=0), X[train].std(axis=0)
    X, y = (X - mean) / deviation, y.reshape(-1, 1).astype(float)
    return X[train], y[train], X[test], y[test]


def train(model: tg.nn.MLP, X: np.ndarray, y: np.ndarray, steps: int) -> list[float]:
    """Train by gradient descent on all rows at once; return the loss before every tenth step."""
    optimizer = tg.optim.SGD(model.parameters(), lr=LR)
    losses = []
    for step in range(steps):
        loss = tg.nn.binary_cross_entropy(model(X), y)
        if step % EVERY == 0:
            losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def draw(losses: dict[str, list[float]], plateau: float, file: Path) -> None:
    """Plot the loss of each network over the steps, and the loss of knowing only how often tumours are benign."""
    fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, values in losses.items():
        ax.plot(np.arange(len(values)) * EVERY, values, label=f"{name}: {'-'.join(map(str, NETWORKS[name][0]))}")
    ax.axhline(plateau, color="black", linestyle=":", zorder=3, label="always the same answer")
    ax.set(xlabel="step", ylabel="cross entropy (nats)", yscale="log")
    ax.set_title(f"breast cancer data, gradient descent on full batches, lr {LR}")
    ax.grid(alpha=0.3)
    ax.legend()
    fig.savefig(file, dpi=120)
    plt.close(fig)


def main() -> None:
    """Compare the printed weights, train the networks, print the table, draw the losses."""
    args = options(__doc__)
    same = compare_weights()
    X, y, X_test, y_test = load(args.seed)
    share = float(np.mean(y))
    steps = 100 if args.quick else STEPS
    print(f"\n{len(X)} training and {len(X_test)} test tumours, {share:.1%} of the former benign; {steps} steps")

    print(f"{'network':<14}{'sizes':<14}{'loss':>9}{'train accuracy':>17}{'test accuracy':>16}{'seconds':>10}")
    figures: dict[str, dict] = {}
    for name, (sizes, init) in NETWORKS.items():
        started = time.perf_counter()
        model = tg.nn.MLP(sizes, activation="relu", init=init, rng=np.random.default_rng(args.seed))
        losses = train(model, X, y, steps)
        right, right_test = tg.train.accuracy(model, X, y), tg.train.accuracy(model, X_test, y_test)
        figures[name] = {"sizes": sizes, "train_accuracy": right, "test_accuracy": right_test, "loss": losses}
        seconds = time.perf_counter() - started
        shape = "-".join(map(str, sizes))
        print(f"{name:<14}{shape:<14}{losses[-1]:>9.4f}{right:>17.4f}{right_test:>16.4f}{seconds:>10.1f}")

    plateau = -share * np.log(share) - (1 - share) * np.log(1 - share)
    stuck = [name for name, figure in figures.items() if figure["loss"][-1] > 0.95 * plateau]
    print(f"still on the plateau of {plateau:.4f}, where the answer is always the same: {', '.join(stuck) or 'none'}")
    draw({name: figure["loss"] for name, figure in figures.items()}, plateau, args.out / "l_layer_loss.png")
    print(f"\npicture: {args.out / 'l_layer_loss.png'}")
    write_graph(args.out / "l_layer_graph", model, X, y)
    write_json(args.json, {"initial_weights": same, "networks": figures})


if __name__ == "__main__":
    main()
