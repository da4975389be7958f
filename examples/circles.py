"""Tell an inner circle from an outer one with a 2-10-5-1 network, and compare every published figure.

A network written by hand in NumPy was published with its cost and accuracy after every 1,000 of 25,000 iterations of
gradient descent, and with its final parameters. This one starts from the same weights on the same points: it prints
every row beside the published one, compares the parameters digit by digit, and draws the decision boundary.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from _graph import write_graph
from _options import options, write_json
from sklearn.datasets import make_circles

import tensorgrad as tg

matplotlib.use("Agg")  # pictures go to files, also on a machine without a screen
from matplotlib import pyplot as plt

Row = tuple[int, float, float]  # iteration, cost, accuracy
SEED, TEST_SEED, STEPS = 4, 2, 25_000
PUBLISHED = [  # cost and accuracy before the update, every 1,000 iterations
    (1.7162788190920542, 0.5), (0.6935455829889666, 0.499), (0.6905406067392547, 0.514), (0.6891434906598779, 0.507),
    (0.6872602776622828, 0.508), (0.6843228956957375, 0.529), (0.6785453392737052, 0.54), (0.6681373938207664, 0.564),
    (0.6520194184819957, 0.637), (0.6269290706018096, 0.697), (0.5837699313056273, 0.789), (0.5227492398023532, 0.869),
    (0.4453596672561303, 0.899), (0.3471519362950478, 0.922), (0.2524945791460992, 0.943), (0.1756322160294124, 0.973),
    (0.133940394970139, 0.98), (0.1108204618355506, 0.981), (0.09593921456847519, 0.982), (0.08573565591788658, 0.983),
    (0.07799445785668417, 0.983), (0.07210646851378232, 0.983), (0.06745702537404373, 0.983),
    (0.06398162234062926, 0.983), (0.0612092147947077, 0.982),
]  # fmt: skip
PUBLISHED_PARAMETERS = {  # after 25,000 iterations, as NumPy printed them
    "W1": """ 0.0064171   2.61669562 -1.66190016  0.34552322 -1.11333013 -1.25830041 -0.13408849  0.89424884  0.09592997
             -2.26282354  0.25209662 -0.65508892  0.24824303  0.1306075  -2.78852762 -0.12950708 -0.50368833  2.64772949
              0.39656779  1.22252441""",
    "b1": """-0.2785923  -0.81178253 -1.15994787 -0.39776044 -0.55797976 -0.47783316  1.73482684 -1.26068583 -0.43198688
             -0.83382491""",
    "W2": """-1.04120183e+00  5.42512413e-02  6.88349887e-02 -1.16117080e+00  2.17144910e+00
             -3.24139538e-02  2.45801540e+00 -1.14964342e+00  2.67441829e+00 -1.39485637e+00
             -1.00631627e+00  1.50827362e+00 -1.84506166e-01 -2.25234761e+00 -1.45089243e+00
              7.52615551e-01  2.07900624e+00  8.71345704e-01 -2.62472411e-01  7.70634904e-01
             -1.32361652e+00  2.31239512e+00 -1.35535527e+00  1.49792720e+00 -1.86551611e-01
              5.79439030e-01  6.86770357e-01  1.02321740e+00  7.76529321e-02  5.01693215e-01
              1.87518287e+00 -1.50948850e+00 -2.62315366e-03 -4.37655044e-01 -1.06000325e+00
             -9.12387807e-01 -7.73269029e-01  2.10301922e-01  2.82559978e+00  2.31303566e-02
              2.42542866e+00  3.49544764e-01  1.60230939e-03 -7.28887107e-01  2.60885947e-01
             -1.46685027e+00  2.57642622e+00 -7.77905750e-01  1.04922797e+00  1.56306995e+00""",
    "b2": "0.91278506 -0.13870041 -0.32782946 -1.29677689 -0.50110747",
    "W3": "2.72290666 -3.61309509 1.25095767 -4.09263512 0.22542896",
    "b3": "1.40917078",
}


def circles(points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, 2) of two noisy circles, and labels (n, 1): 1 on the inner one, 0 on the outer one."""
    X, y = make_circles(n_samples=points, noise=0.05, random_state=np.random.RandomState(seed))
    return X, y.reshape(-1, 1).astype(float)


def network(seed: int) -> tg.nn.MLP:
    """Return the network with standard normal weights, drawn layer by layer as (fan_in, fan_out)."""

    def normal(rng: np.random.RandomState, fan_in: int, fan_out: int) -> np.ndarray:
        return rng.standard_normal((fan_in, fan_out))

    return tg.nn.MLP([2, 10, 5, 1], activation="relu", init=normal, rng=np.random.RandomState(seed))


def train(model: tg.nn.MLP, X: np.ndarray, y: np.ndarray, steps: int) -> Iterator[Row]:
    """Train on all points at once; yield iteration, cost and accuracy before every thousandth update."""
    optimizer = tg.optim.SGD(model.parameters(), lr=0.01)
    for step in range(steps):
        logits = model(X)
        cost = tg.nn.binary_cross_entropy(logits, y)
        if step % 1000 == 0:
            right = np.round(tg.nn.sigmoid(logits.data)) == y
            yield step, cost.item(), float(np.mean(right))
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()


def parameters_of(model: tg.nn.MLP) -> dict[str, np.ndarray]:
    """Return the parameters under the names and in the shapes of the hand-written network, W1 to b3."""
    found = {}
    for i, layer in enumerate(model.layers, start=1):
        found |= {f"W{i}": layer.weight.numpy(), f"b{i}": layer.bias.numpy().reshape(1, -1)}
    return found


def print_row(row: Row, published: bool) -> None:
    """Print a row of the table, beside the published one if there is one."""
    step, cost, accuracy = row
    if step == 0:
        print(f"{'iteration':>9}  {'cost':<20}{'published':<21}{'difference':<12}{'accuracy':<10}published")
    cost_there, accuracy_there = PUBLISHED[step // 1000] if published else ("–", "–")
    difference = f"{abs(cost - cost_there):.1e}" if published else "–"
    print(f"{step:>9}  {cost!r:<20}{cost_there!s:<21}{difference:<12}{accuracy:<10}{accuracy_there}", flush=True)


def compare_rows(rows: list[Row]) -> None:
    """Print how far all rows together are from the published ones."""
    pairs = list(zip(rows, PUBLISHED, strict=False))
    largest = max(abs(cost - there) for (_, cost, _), (there, _) in pairs)
    equal = sum(accuracy == there for (_, _, accuracy), (_, there) in pairs)
    print(f"\nlargest difference of a cost: {largest:.1e}; equal accuracies: {equal} of {len(rows)}")


def digits(array: np.ndarray) -> list[str]:
    """Return the elements as NumPy prints them, to 8 digits."""
    return np.array2string(array, precision=8, threshold=1000).replace("[", " ").replace("]", " ").split()


def compare_parameters(parameters: dict[str, np.ndarray]) -> None:
    """Print, for each parameter, how many elements print as the published ones do, to the last digit."""
    print(f"\n{'parameter':<11}{'shape':<10}printed as published")
    for name, array in parameters.items():
        theirs = PUBLISHED_PARAMETERS[name].split()
        same = sum(a == b for a, b in zip(digits(array), theirs, strict=True))
        print(f"{name:<11}{array.shape!s:<10}{same} of {len(theirs)}")


def draw(model: tg.nn.MLP, X: np.ndarray, y: np.ndarray, rows: list[Row], published: bool, file: Path) -> None:
    """Draw the network's probability over the plane, with the points on it; and the cost."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5.2), width_ratios=(1.15, 1), layout="constrained")
    ticks = np.linspace(-1.3, 1.3, 301)
    plane = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    p = tg.nn.sigmoid(tg.train.predict(model, plane)).reshape(301, 301)
    shades = left.imshow(p, extent=(-1.3, 1.3) * 2, origin="lower", cmap="RdBu", vmin=0, vmax=1, alpha=0.6)
    left.contour(ticks, ticks, p, levels=[0.5], colors="black", linewidths=1.5)
    for label, colour, name in ((0, "darkred", "outer circle"), (1, "darkblue", "inner circle")):
        left.scatter(*X[y[:, 0] == label].T, s=11, color=colour, edgecolors="white", linewidths=0.3, label=name)
    left.set_title(f"2-10-5-1: {tg.train.accuracy(model, X, y):.1%} of {len(X):,} points are right")
    left.legend(loc="upper right", framealpha=0.9)
    fig.colorbar(shades, ax=left, label="probability of the inner circle")
    steps, costs, _ = zip(*rows, strict=True)
    right.plot(steps, costs, marker=".", label="tensorgrad")
    if published:
        there = [cost for cost, _ in PUBLISHED[: len(rows)]]
        right.plot(steps, there, "o", markersize=9, markerfacecolor="none", color="black", label="published")
    right.set(xlabel="iteration", ylabel="cross entropy (nats)", title="cost before the update, full batch, lr 0.01")
    right.grid(alpha=0.3)
    right.legend()
    fig.savefig(file, dpi=120)
    plt.close(fig)


def main() -> None:
    """Train, compare with what was published, draw."""
    args = options(__doc__, seed=SEED)
    X, y = circles(1000, args.seed)
    X_test, y_test = circles(100, TEST_SEED)
    steps, published = 2001 if args.quick else STEPS, args.seed == SEED

    started = time.perf_counter()
    model, rows = network(args.seed), []
    for row in train(model, X, y, steps):
        print_row(row, published)
        rows.append(row)
    print(f"{steps:,} iterations in {time.perf_counter() - started:.1f} s")

    parameters = parameters_of(model)
    if published:
        compare_rows(rows)
    else:
        print(f"\nthe published network has seed {SEED}, this one {args.seed}: there is nothing to compare")
    print("\nparameters:", *(f"{name} = {array}" for name, array in parameters.items()), sep="\n")
    if published and steps == STEPS:
        compare_parameters(parameters)
    print(f"\naccuracy on {len(X_test)} test points: {tg.train.accuracy(model, X_test, y_test)}")

    draw(model, X, y, rows, published, args.out / "circles.png")
    print(f"picture: {args.out / 'circles.png'}")
    write_graph(args.out / "circles_graph", model, X, y)
    columns = dict(zip(("iteration", "cost", "accuracy"), map(list, zip(*rows, strict=True)), strict=True))
    write_json(args.json, {**columns, "parameters": {name: array.tolist() for name, array in parameters.items()}})


if __name__ == "__main__":
    main()
