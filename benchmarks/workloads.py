"""What is measured: sizes, learning rates and goals of the workloads, and their data, drawn from a fixed seed.

A training step is forward, loss, backward, update. Learning rates are small, so that thousands of steps on one batch
stay in the ordinary range of floating-point numbers. Everything is float32, except for the Hessian, which is float64.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

SEED = 0
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Net(NamedTuple):
    """A training step of a multi-layer perceptron."""

    sizes: tuple[int, ...]
    batch: int
    optimizer: str  # "sgd" or "adam"
    lr: float
    loss: str = "bce"  # "bce": sigmoid and binary cross entropy; "softmax" with cross entropy; "square": its mean
    hidden: str = "relu"  # or "tanh"
    last: str = "linear"  # or "tanh": before the loss


class Chain(NamedTuple):
    """Twenty elementwise operations, the sum, and the gradient: five times z = 0.9 * tanh(z * x + x), from z = x."""

    size: int
    rounds: int = 5
    scale: float = 0.9


class Update(NamedTuple):
    """One step of Adam, gradients given."""

    parameters: int
    arrays: int
    lr: float = 1e-3


class Product(NamedTuple):
    """The Hessian of a training step's loss times one direction, for all parameters: of relu units, and softmax."""

    net: Net


class Rosenbrock(NamedTuple):
    """The Hessian of the sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2."""

    size: int


Spec = Net | Chain | Update | Product | Rosenbrock


@dataclass
class Step:
    """A candidate, ready to run: what a workload asks for, written with one library."""

    run: Callable[[], Any]  # one step; returns its loss as a Python number, if there is one
    read: Callable[[], list[Array]]  # the parameters as the textbook lays them out, or the gradient
    before: Callable[[], None] | None = None  # what has to precede each step, and is not timed
    note: str = ""  # what was chosen for this workload


@dataclass(frozen=True)
class Workload:
    """What is run, what the goal is, and what a smaller copy for tests is.

    The goal and the times shown are ratios to textbook NumPy; or milliseconds, where the textbook has a formula for
    what everybody else has to derive.
    """

    title: str
    spec: Spec
    goal: float
    tiny: Spec
    burst: int = 10  # steps of one candidate before the next one's turn, so that caches are warm as in training
    skip: dict[str, str] = field(default_factory=dict)  # candidate: why it does not take part
    milliseconds: bool = False


COMPILES_TOO_LONG = "compiles every array's update into one program, which takes minutes"
FIRST_ORDER = "has no second derivatives"

CLASSIFIER = Net((784, 256, 128, 10), 128, "adam", 1e-5, "softmax")
TINY_CLASSIFIER = Net((9, 6, 5, 4), 8, "adam", 1e-3, "softmax")

WORKLOADS: dict[str, Workload] = {
    "A sgd": Workload(
        "784-7-1, batch 128, SGD", Net((784, 7, 1), 128, "sgd", 1e-3), 0.95, Net((9, 4, 1), 8, "sgd", 1e-3)
    ),
    "A adam": Workload(
        "784-7-1, batch 128, Adam", Net((784, 7, 1), 128, "adam", 1e-5), 0.75, Net((9, 4, 1), 8, "adam", 1e-3)
    ),
    "B": Workload(
        "2-10-5-1, batch 1000, SGD", Net((2, 10, 5, 1), 1000, "sgd", 1e-2), 0.70, Net((2, 4, 3, 1), 8, "sgd", 1e-2)
    ),
    "C": Workload("784-256-128-10, batch 128, Adam", CLASSIFIER, 0.88, TINY_CLASSIFIER),
    "D": Workload(
        "1024-2048-2048-1000, batch 256, Adam",
        Net((1024, 2048, 2048, 1000), 256, "adam", 1e-5, "softmax"),
        0.90,
        Net((7, 8, 8, 5), 6, "adam", 1e-3, "softmax"),
        burst=1,
    ),
    "E": Workload(
        "50 layers of 32 tanh, batch 32, SGD",
        Net((32,) * 51, 32, "sgd", 1e-2, "square", "tanh", "tanh"),
        0.85,
        Net((6,) * 6, 4, "sgd", 1e-2, "square", "tanh", "tanh"),
    ),
    "F 1e2": Workload("20 elementwise ops on 1e2", Chain(100), 1.40, Chain(7), burst=50),
    "F 1e4": Workload("20 elementwise ops on 1e4", Chain(10_000), 1.10, Chain(7)),
    "F 1e6": Workload("20 elementwise ops on 1e6", Chain(1_000_000), 1.00, Chain(7), burst=2),
    "I 1e6/10": Workload("Adam, 1e6 in 10 arrays", Update(1_000_000, 10), 0.63, Update(40, 2), burst=3),
    "I 1e6/1000": Workload("Adam, 1e6 in 1,000 arrays", Update(1_000_000, 1000), 0.16, Update(40, 8), burst=2),
    "I 1e7/10": Workload("Adam, 1e7 in 10 arrays", Update(10_000_000, 10), 0.63, Update(40, 4), burst=1),
    "I 1e7/10000": Workload(
        "Adam, 1e7 in 10,000 arrays",
        Update(10_000_000, 10_000),
        0.16,
        Update(40, 20),
        burst=1,
        skip={"JAX jit": COMPILES_TOO_LONG},
    ),
    "J hvp": Workload(
        "Hessian of C's loss times a vector",
        Product(CLASSIFIER),
        1.25,
        Product(TINY_CLASSIFIER),
        skip={"MyGrad": FIRST_ORDER},
    ),
    "J hessian": Workload(
        "50-d Rosenbrock, float64",
        Rosenbrock(50),
        3.0,  # the aim is a tenth of that
        Rosenbrock(5),
        skip={"MyGrad": FIRST_ORDER},
        milliseconds=True,
    ),
}


def network(spec: Net) -> tuple[list[Array], Array, Array]:
    """Return parameters (weight, bias, weight, ...), inputs (batch, fan_in), and targets.

    targets: (batch,) integers for softmax, else (batch, units): 0 or 1 for bce, between -1 and 1 for square.
    """
    rng = np.random.default_rng(SEED)
    params: list[Array] = []
    gain = 2 if spec.hidden == "relu" else 1
    for m, n in zip(spec.sizes, spec.sizes[1:], strict=False):
        params.append((rng.standard_normal((m, n)) * np.sqrt(gain / m)).astype(np.float32))
        params.append((0.01 * rng.standard_normal(n)).astype(np.float32))  # not 0: no unit sits on relu's kink
    X = rng.standard_normal((spec.batch, spec.sizes[0])).astype(np.float32)
    if spec.loss == "softmax":
        return params, X, rng.integers(0, spec.sizes[-1], spec.batch)
    shape = spec.batch, spec.sizes[-1]
    y = rng.integers(0, 2, shape) if spec.loss == "bce" else rng.uniform(-1, 1, shape)
    return params, X, y.astype(np.float32)


def vector(spec: Chain) -> Array:
    """Return the input of the elementwise operations."""
    return np.random.default_rng(SEED).uniform(-1, 1, spec.size).astype(np.float32)


def updated(spec: Update) -> tuple[list[Array], list[Array]]:
    """Return parameters and their gradients: equal arrays, together of `spec.parameters` elements."""
    rng = np.random.default_rng(SEED)
    shape = spec.arrays, spec.parameters // spec.arrays
    params, grads = (rng.standard_normal(shape, np.float32) for _ in range(2))
    return [p.copy() for p in params], [g.copy() for g in grads]


def directed(spec: Product) -> tuple[list[Array], list[Array], Array, Array]:
    """Return parameters, a direction in their shapes, inputs and labels, as `network` does."""
    params, X, y = network(spec.net)
    rng = np.random.default_rng(SEED + 1)
    return params, [rng.standard_normal(p.shape, np.float32) for p in params], X, y


def point(spec: Rosenbrock) -> Array:
    """Return where the Hessian is wanted."""
    return np.random.default_rng(SEED).uniform(-2, 2, spec.size)
