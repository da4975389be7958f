"""Show the gradient bugs that hand-written networks were published with, and find them with a gradient check.

Each is written again here as plain NumPy functions, a forward and a backward one. Beside what the backward one returns
stand the gradient that tensorgrad derives from the forward one, and the difference quotient, which knows neither.
`gradcheck` says who is right. The picture shows the gradients against the difference quotients.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from _options import options, write_json

import tensorgrad as tg
from tensorgrad.testing import GradientError, gradcheck

matplotlib.use("Agg")  # pictures go to files, also on a machine without a screen
from matplotlib import pyplot as plt

Array = np.ndarray


@dataclass(frozen=True)
class Case:
    """A forward function of named inputs, and its backward function `(gradient of out, out, *inputs)`, by hand."""

    name: str
    bug: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: dict[str, Array]
    forward_by_hand: Callable[..., Any] | None = None  # if it is not the same


@dataclass
class Result:
    """The gradients of a case, one array per input, and who is right."""

    case: Case
    hand: list[Array] | None  # None if the backward function raised
    tensorgrad: list[Array]
    quotient: list[Array]
    verdicts: dict[str, str]  # of "hand" and "tensorgrad"
    words: str  # what the check says of the hand-written gradient


# What is written by hand: NumPy only


def sigmoid(Z: Array) -> Array:
    """Return 1 / (1 + exp(-Z))."""
    return 1 / (1 + np.exp(-Z))


def relu_backward(dA: Array, Z: Array) -> Array:
    """Return the gradient for Z of relu."""
    return np.where(Z > 0, dA, 0)


def sigmoid_backward(dA: Array, Z: Array) -> Array:
    """Return the gradient for Z of the sigmoid."""
    A = sigmoid(Z)
    return dA * A * (1 - A)


ACTIVATIONS = ["relu", "relu", "sigmoid"]  # of the input, which has none, of layer 1, of layer 2
FORWARD = {"relu": lambda Z: np.maximum(Z, 0), "sigmoid": sigmoid}
BACKWARD = {"relu": relu_backward, "sigmoid": sigmoid_backward}


def network(X: Array, Y: Array) -> Callable[..., Any]:
    """Return the cost of a two-layer network, as a function of its parameters."""

    def cost(W1: Array, b1: Array, W2: Array, b2: Array) -> Any:
        A = X
        for layer, (W, b) in enumerate([(W1, b1), (W2, b2)], start=1):
            A = FORWARD[ACTIVATIONS[layer]](A @ W + b)
        return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))

    return cost


def network_backward(X: Array, Y: Array, shift: int) -> Callable[..., tuple[Array, ...]]:
    """Return the backward pass of `network`: with shift 1 the right one, with 0 the published one."""

    def backward(dcost: float, _cost: float, W1: Array, b1: Array, W2: Array, b2: Array) -> tuple[Array, ...]:
        A, caches = X, []
        for layer, (W, b) in enumerate([(W1, b1), (W2, b2)], start=1):
            caches.append((A, W, A @ W + b))
            A = FORWARD[ACTIVATIONS[layer]](caches[-1][2])
        dA = dcost * ((1 - Y) / (1 - A) - Y / A) / len(X)
        gradients: list[Array] = []
        for i in reversed(range(2)):  # the caches count from 0, the activations from 1
            A, W, Z = caches[i]
            dZ = BACKWARD[ACTIVATIONS[i + shift]](dA, Z)
            dA = dZ @ W.T
            gradients = [A.T @ dZ, dZ.sum(axis=0), *gradients]
        return tuple(gradients)

    return backward


def leaky_relu(Z: Array) -> Array:
    """Return Z where it is positive, else 0.01 Z."""
    return np.maximum(0.01 * Z, Z)


def leaky_relu_backward(dA: Array, _A: Array, Z: Array) -> Array:
    """Return the gradient for Z of `leaky_relu`, or so it was meant."""
    dZ = np.array(dA)
    dZ[Z <= 0] = 0.01  # meant: 0.01 * dA[Z <= 0]
    return dZ


def tanh_and_cache(Z: Array) -> tuple[Array, Array]:
    """Return tanh(Z), and Z for the backward pass."""
    return np.tanh(Z), Z


def tanh_backward(dA: Array, _A: Array, Z: Array) -> Array:
    """Return the gradient for Z of tanh, or so it was meant."""
    return dA * (1 - tanh_and_cache(Z) ** 2)  # meant: tanh_and_cache(Z)[0]


def cost_by_hand(Z: Array, Y: Array) -> float:
    """Return the cross entropy between Y and sigmoid(Z)."""
    A = sigmoid(Z)
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))


def cost_backward(dcost: float, Z: Array, Y: Array) -> Array:
    """Return the gradient for Z of `cost_by_hand`."""
    A = sigmoid(Z)
    dA = dcost * ((1 - Y) / (1 - A) - Y / A) / Y.size
    return sigmoid_backward(dA, Z)


def cases(rng: np.random.Generator) -> list[Case]:
    """Return the published bugs, and one backward pass without a bug, to see that the check can tell."""
    X, Y = rng.standard_normal((16, 4)), rng.integers(0, 2, (16, 1)).astype(float)
    sizes = {"W1": (4, 3), "b1": (3,), "W2": (3, 1), "b2": (1,)}
    parameters = {name: rng.standard_normal(shape) for name, shape in sizes.items()}
    Z = np.array([-1.5, -0.25, 0.5, 2.0])
    logits, targets = np.array([-3.0, 2.0, 40.0, -800.0]), np.array([1.0, 0.0, 0.0, 1.0])

    def cost(Z: Any) -> Any:
        return tg.nn.binary_cross_entropy(Z, targets)

    return [
        Case(
            "output sigmoid",
            "the activation of a layer is looked up one place too early, so the output's sigmoid is taken for a relu",
            network(X, Y), network_backward(X, Y, shift=0), parameters,
        ),
        Case(
            "right index",
            "none: the same backward pass with the right index",
            network(X, Y), network_backward(X, Y, shift=1), parameters,
        ),
        Case(
            "leaky relu",
            "where Z <= 0 the gradient is the constant 0.01, whatever comes from above",
            leaky_relu, leaky_relu_backward, {"Z": Z},
        ),
        Case(
            "tanh",
            "the forward function returns a pair, which the backward one squares",
            np.tanh, tanh_backward, {"Z": Z},
        ),
        Case(
            "saturated sigmoid",
            "the cost takes the logarithm of 1 - sigmoid(40), which is 0 in float64, and the gradient divides by it",
            cost, lambda dcost, _, Z: cost_backward(dcost, Z, targets), {"Z": logits},
            forward_by_hand=lambda Z: cost_by_hand(Z, targets),
        ),
    ]  # fmt: skip


# The comparison


def difference_quotients(f: Callable[..., Any], inputs: list[Array], weights: Array) -> list[Array]:
    """Return (F(x + h) - F(x - h)) / 2h for each element x of the inputs, where F = sum(weights * f)."""
    quotients = [np.zeros_like(x) for x in inputs]
    for i, x in enumerate(inputs):
        for place in np.ndindex(x.shape):
            h = 1e-5 * max(1.0, abs(x[place]))
            step = np.zeros_like(x)
            step[place] = h
            above, below = (np.sum(weights * f(*inputs[:i], x + s, *inputs[i + 1 :])) for s in (step, -step))
            quotients[i][place] = (above - below) / (2 * h)
    return quotients


def judge(case: Case, backward: Callable[..., Any] | None = None) -> tuple[str, str]:
    """Return "right" or "wrong", and what `gradcheck` says, of tensorgrad's gradient or of a hand-written one."""
    try:
        report = gradcheck(case.forward, *case.inputs.values(), order=1, vjp=backward)
    except GradientError as error:
        return "wrong", str(error)
    return report.verdict, str(report)


def compare(case: Case, rng: np.random.Generator) -> Result:
    """Return the three gradients of sum(weights * forward) for random weights, and who is right."""
    inputs = list(case.inputs.values())
    out = case.forward(*inputs)
    weights = rng.standard_normal(np.shape(out)) if np.ndim(out) else np.array(1.0)
    try:
        with np.errstate(all="ignore"):
            found = case.backward(weights, out, *inputs)
        hand = list(found) if isinstance(found, tuple) else [found]
    except TypeError:
        hand = None
    leaves = [tg.tensor(x, requires_grad=True) for x in inputs]
    ours = tg.gradients(case.forward(*leaves), leaves, weights)
    verdict, words = judge(case, case.backward)
    verdicts = {"hand": verdict, "tensorgrad": judge(case)[0]}
    return Result(case, hand, ours, difference_quotients(case.forward, inputs, weights), verdicts, words)


def numbers(result: Result) -> list[dict[str, Any]]:
    """Return a row for every element of every input: its name, and its three gradients."""
    rows = []
    for i, (name, x) in enumerate(result.case.inputs.items()):
        for place in np.ndindex(x.shape):
            row: dict[str, Any] = {"element": f"{name}{list(place)}"}
            for who in ("hand", "tensorgrad", "quotient"):
                gradients = getattr(result, who)
                row[who] = None if gradients is None else finite(gradients[i][place])
            rows.append(row)
    return rows


def finite(value: Any) -> float | str:
    """Return a number, or for NaN and infinity, which JSON lacks, their names."""
    return float(value) if np.isfinite(value) else str(float(value))


def values(case: Case) -> dict[str, float | str] | None:
    """Return what the forward function written by hand returns, if it is another one, and what tensorgrad's does."""
    if case.forward_by_hand is None:
        return None
    with np.errstate(all="ignore"):
        by_hand = case.forward_by_hand(*case.inputs.values())
    return {"hand": finite(by_hand), "tensorgrad": finite(case.forward(*case.inputs.values()))}


def show(result: Result) -> None:
    """Print the table of a case, with the first element of each array or all of the only one, and the verdicts."""
    print(f"\n{result.case.name}: {result.case.bug}")
    print(f"  {'':<10}{'by hand':>14}{'tensorgrad':>14}{'differences':>14}")
    if (costs := values(result.case)) is not None:
        print(f"  {'cost':<10}{cell(costs['hand'])}{cell(costs['tensorgrad'])}")
    for row in numbers(result):
        if len(result.case.inputs) == 1 or row["element"].endswith(("[0, 0]", "[0]")):
            print(f"  {row['element']:<10}{cell(row['hand'])}{cell(row['tensorgrad'])}{cell(row['quotient'])}")
    print(f"  {'verdict':<10}{result.verdicts['hand']:>14}{result.verdicts['tensorgrad']:>14}")
    print("  gradcheck of the one by hand: " + result.words.replace("\n", "\n  "))


def cell(value: float | str | None) -> str:
    """Return a number as it stands in a table."""
    return f"{value:>14.8f}" if isinstance(value, float) else f"{value or 'raises':>14}"


def rows_trained_twice(rows: int, size: int) -> dict[str, int]:
    """Return how many rows one epoch trains on twice: with the last batch written by hand, and with tensorgrad."""
    order = np.arange(rows)
    hand = [order[i : i + size] for i in range(0, rows // size * size, size)]
    hand.append(order[rows - size :])  # meant: order[rows // size * size :]
    ours = [batch for batch, _ in tg.data.batches(order, order, size, rng=0)]
    visits = {"hand": np.bincount(np.concatenate(hand)), "tensorgrad": np.bincount(np.concatenate(ours))}
    return {who: int(np.sum(counts > 1)) for who, counts in visits.items()}


def draw(results: list[Result], file: Path) -> None:
    """Plot the gradients' elements, as far as wrong ones reach, against difference quotients: right is the line."""
    fig, axes = plt.subplots(1, len(results), figsize=(3.3 * len(results), 3.8), layout="constrained")
    for ax, result in zip(axes, results, strict=True):
        truth, ours = (np.concatenate([np.ravel(g) for g in gs]) for gs in (result.quotient, result.tensorgrad))
        hand = np.concatenate([np.ravel(g) for g in result.hand or [np.full(truth.shape, np.nan)]])
        lost = int(np.sum(np.isnan(hand)))
        wrong = ~np.isclose(hand, truth, atol=1e-6)
        edge = 1.25 * np.nanmax(np.abs([truth, hand])[:, wrong if wrong.any() else ...])
        note = "" if not lost else f"by hand: {lost} of {hand.size} NaN" if result.hand else "by hand: raises"
        ax.axline((0, 0), slope=1, color="lightgrey", zorder=0)
        ax.plot(truth, hand, "x", color="crimson", markersize=8, label="by hand")
        ax.plot(truth, ours, "o", color="royalblue", markersize=9, markerfacecolor="none", label="tensorgrad")
        ax.text(0.97, 0.04, note, transform=ax.transAxes, ha="right", color="crimson")
        ax.set(title=f"{result.case.name}: {result.verdicts['hand']}", xlabel="difference quotient")
        ax.set(xlim=(-edge, edge), ylim=(-edge, edge))
    axes[0].set_ylabel("gradient")
    axes[0].legend()
    fig.savefig(file, dpi=110)
    plt.close(fig)


def main() -> None:
    """Compare each bug's gradient with tensorgrad's and the difference quotient."""
    args = options(__doc__)
    rng = np.random.default_rng(args.seed)
    results = [compare(case, rng) for case in cases(rng)]
    for result in results:
        show(result)
    twice = rows_trained_twice(12_396, 128)
    print("\nlast batch: not a gradient, but wrong too: by hand it is the last 128 rows, not the rest of 12,396 rows")
    print(f"  rows trained on twice in an epoch: by hand {twice['hand']}, tensorgrad {twice['tensorgrad']}")

    draw(results, args.out / "wrong_by_hand.png")
    print(f"\npicture: {args.out / 'wrong_by_hand.png'}")
    figures: dict[str, Any] = {"last batch": {"rows trained on twice": twice}}
    for result in results:
        case = result.case
        figures[case.name] = {"bug": case.bug, "verdicts": result.verdicts, "elements": numbers(result)}
        if case.forward_by_hand is not None:
            figures[case.name]["cost"] = values(case)
    write_json(args.json, figures)


if __name__ == "__main__":
    main()
