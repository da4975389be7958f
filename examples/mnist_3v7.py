"""Train a 784-7-1 network to tell 3 from 7 on real MNIST, with four optimizers.

It prints a table of accuracies beside the published ones, and writes the loss curves, a page of right and wrong
digits, and the graph of one training step: a picture, and a page to explore it.
"""

import time
from pathlib import Path

import matplotlib
import numpy as np
from _graph import write_graph
from _options import options, write_json

import tensorgrad as tg

matplotlib.use("Agg")  # pictures go to files, also on a machine without a screen
from matplotlib import pyplot as plt

DATA = Path(__file__).with_name("data") / "mnist_3v7.npz"
RUNS = {  # name: (optimizer, epochs, the accuracy that the hand-written network reports)
    "gd": (tg.optim.SGD, 17, 0.964671),
    "momentum": (tg.optim.Momentum, 17, None),
    "rmsprop": (tg.optim.RMSProp, 5, None),
    "adam": (tg.optim.Adam, 5, 0.969578),
}


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training and test images (n, 784) in [0, 1], and labels (n, 1): 1 for a 3, 0 for a 7."""
    with np.load(DATA) as data:
        X, X_test = (data[name].reshape(-1, 784) / 255 for name in ("train_images", "test_images"))
        y, y_test = (data[name].reshape(-1, 1).astype(float) for name in ("train_labels", "test_labels"))
    return X, y, X_test, y_test


def train(name: str, X: np.ndarray, y: np.ndarray, *, seed: int, epochs: int, progress: bool = True):
    """Return a trained network and its history; the same seed gives the same weights and batches."""
    rng = np.random.default_rng(seed)
    model = tg.nn.MLP([784, 7, 1], activation="relu", init="he", rng=rng)
    optimizer = RUNS[name][0](model.parameters(), lr=0.0005)
    history = tg.train.fit(
        model, tg.nn.binary_cross_entropy, optimizer, X, y,
        epochs=epochs, batch_size=128, rng=rng, progress=progress,
    )  # fmt: skip
    return model, history


def draw_losses(histories: dict, file: Path) -> None:
    """Plot the loss of each optimizer over the epochs."""
    _, ax = plt.subplots(figsize=(8, 5))
    for name, history in histories.items():
        style = "--" if name == "momentum" else "-"  # it runs along gradient descent
        ax.plot(range(1, len(history.loss) + 1), history.loss, style, marker="o", markersize=3, label=name)
    ax.set(xlabel="epoch", ylabel="cross entropy (nats)", title="784-7-1 on MNIST 3 against 7, lr 0.0005", yscale="log")
    ax.legend()
    plt.savefig(file, dpi=120)
    plt.close()


def draw_digits(X: np.ndarray, y: np.ndarray, correct: np.ndarray, rng: np.random.Generator, file: Path) -> None:
    """Show digits that were told right in the upper rows, and wrong in the lower ones."""
    fig, axes = plt.subplots(4, 6, figsize=(9, 6.6))
    for half, (title, mask) in enumerate((("right", correct), ("wrong", ~correct))):
        places = rng.permutation(np.flatnonzero(mask))[:12]
        for ax, place in zip(axes[2 * half : 2 * half + 2].flat, [*places, *[None] * 12], strict=False):
            ax.axis("off")
            if place is not None:
                digit, other = (3, 7) if y[place] else (7, 3)
                ax.imshow(X[place].reshape(28, 28), cmap="gray_r")
                ax.set_title(f"{digit}" if title == "right" else f"{digit}, taken for {other}", fontsize=9)
    fig.suptitle(f"Adam: {correct.sum()} right (two rows above), {(~correct).sum()} wrong (two rows below)")
    fig.tight_layout()
    plt.savefig(file, dpi=120)
    plt.close()


def main() -> None:
    """Train with each optimizer, print the table, write the pictures."""
    args = options(__doc__)
    X, y, X_test, y_test = load()
    if args.quick:
        X, y = X[:2048], y[:2048]
    print(f"{len(X):,} training and {len(X_test):,} test images")

    histories, table, figures = {}, [], {}
    for name, (_, epochs, published) in RUNS.items():
        epochs = 1 if args.quick else epochs
        started = time.perf_counter()
        model, histories[name] = train(name, X, y, seed=args.seed, epochs=epochs)
        seconds = time.perf_counter() - started
        accuracy, correct, _ = tg.train.evaluate(model, X_test, y_test)
        table.append(f"{name:<10}{epochs:>7}{accuracy:>15.6f}{published or '–':>12}{seconds:>9.1f}")
        figures[name] = {"accuracy": accuracy, "epochs": epochs, "loss": histories[name].loss}
    print(f"\n{'optimizer':<10}{'epochs':>7}{'test accuracy':>15}{'published':>12}{'seconds':>9}", *table, sep="\n")

    draw_losses(histories, args.out / "mnist_3v7_loss.png")
    draw_digits(X_test, y_test, correct, np.random.default_rng(args.seed), args.out / "mnist_3v7_digits.png")
    write_graph(args.out / "mnist_3v7_graph", model, X[:128], y[:128])
    print(f"\npictures: {', '.join(sorted(str(file) for file in args.out.glob('mnist_3v7_*')))}")
    write_json(args.json, figures)


if __name__ == "__main__":
    main()
