"""Find the gradient bugs that hand-written networks were published with, in plain NumPy, and repair them.

Below are a forward and a backward pass as people write them by hand, with the mistakes that they were published with.
`gradcheck(f, inputs, vjp=backward)` is told nothing but these functions. Its report says what is wrong, and where; it
also holds a regression test, which this program writes to a file. The repaired backward pass is right, and so is the
one that needs no writing: the derivative that tensorgrad takes of the forward pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _options import options, write_json

from tensorgrad.testing import GradientError, Report, gradcheck

Array = np.ndarray
Parameters = dict[str, Array]  # W1 (sizes of layer 1 and of the input), b1, W2, b2 …

X = np.random.default_rng(1).standard_normal((4, 16))  # a column is an example
Y = np.random.default_rng(2).integers(0, 2, (1, 16)).astype(float)
LOGITS, TARGETS = np.array([-3.0, 2.0, 40.0, -800.0]), np.array([1.0, 0.0, 0.0, 1.0])


# A network of any depth: the forward pass keeps in caches what the backward pass needs


def sigmoid(Z: Array) -> Array:
    """Return 1 / (1 + exp(-Z))."""
    return 1 / (1 + np.exp(-Z))


LAYERS = ["relu", "relu", "sigmoid"]  # of the input, which has none, of layer 1, of layer 2
FORWARD = {"relu": lambda Z: np.maximum(Z, 0), "sigmoid": sigmoid}
BACKWARD = {
    "relu": lambda dA, Z: np.where(Z > 0, dA, 0),
    "sigmoid": lambda dA, Z: dA * sigmoid(Z) * (1 - sigmoid(Z)),
}


def forward_pass(params: Parameters) -> tuple[Array, list[tuple[Array, Array, Array]]]:
    """Return the output, and for each layer its input, its weights, and what its activation is taken of."""
    A, caches = X, []
    for layer in range(1, len(params) // 2 + 1):
        W, b = params[f"W{layer}"], params[f"b{layer}"]
        Z = W @ A + b
        caches.append((A, W, Z))
        A = FORWARD[LAYERS[layer]](Z)
    return A, caches


def backward_pass(dcost: Array, params: Parameters, activations: list[str]) -> Parameters:
    """Return the gradient of each parameter; the first of `activations` is the one that caches[0] goes through."""
    A, caches = forward_pass(params)
    grads, m = {}, X.shape[1]
    dA = dcost * ((1 - Y) / (1 - A) - Y / A)
    for i in reversed(range(len(caches))):
        A, W, Z = caches[i]
        dZ = BACKWARD[activations[i]](dA, Z)
        grads[f"W{i + 1}"] = dZ @ A.T / m
        grads[f"b{i + 1}"] = np.sum(dZ, axis=1, keepdims=True) / m
        dA = W.T @ dZ
    return grads


def cost(params: Parameters) -> Any:
    """Return the cross entropy between the labels and the network's output."""
    A, _ = forward_pass(params)
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))


def early_by_one(dcost: Array, _cost: float, params: Parameters) -> Parameters:
    """Count the activations as the caches, which start at layer 1: the output's sigmoid is taken for a relu."""
    return backward_pass(dcost, params, LAYERS)


def divided_twice(dcost: Array, _cost: float, params: Parameters) -> Parameters:
    """Divide by the batch twice, as the published mean of the cost is: where the gradient starts, and in each layer."""
    return backward_pass(dcost / X.shape[1], params, LAYERS[1:])


def cost_backward(dcost: Array, _cost: float, params: Parameters) -> Parameters:
    """Take each layer's own activation, and divide once."""
    return backward_pass(dcost, params, LAYERS[1:])


# Activations


def leaky_relu(Z: Array) -> Array:
    """Return Z where it is positive, else 0.01 Z."""
    return np.maximum(0.01 * Z, Z)


def leaky_relu_constant(dA: Array, _A: Array, Z: Array) -> Array:
    """Write the slope where the gradient belongs."""
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0.01
    return dZ


def leaky_relu_backward(dA: Array, _A: Array, Z: Array) -> Array:
    """Multiply by the slope."""
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] *= 0.01
    return dZ


def tanh(Z: Array) -> tuple[Array, Array]:
    """Return the hyperbolic tangent of Z, and Z for the backward pass."""
    return np.tanh(Z), Z


def tanh_of_pair(dA: Array, _A: Array, Z: Array) -> Array:
    """Forget that `tanh` returns two arrays."""
    return dA * (1 - tanh(Z) ** 2)


def tanh_backward(dA: Array, _A: Array, Z: Array) -> Array:
    """Take the first of the two."""
    return dA * (1 - tanh(Z)[0] ** 2)


# The cost of a sigmoid that saturates


def cost_through_sigmoid(Z: Array) -> Any:
    """Return the cross entropy as it is published: it takes the logarithm of 1 - sigmoid(40), which is 0 in float64."""
    A = sigmoid(Z)
    return -np.mean(TARGETS * np.log(A) + (1 - TARGETS) * np.log(1 - A))


def cost_of_logits(Z: Array) -> Any:
    """Return the same, finite for any logits: with log(sigmoid(Z)) = -log(1 + exp(-Z)) no sigmoid is left."""
    return np.mean(np.logaddexp(0, Z) - TARGETS * Z)


def through_sigmoid(dcost: Array, _cost: float, Z: Array) -> Array:
    """Divide by A and by 1 - A, one of which is 0 when the sigmoid saturates, and multiply by it again."""
    A = sigmoid(Z)
    dA = dcost * ((1 - TARGETS) / (1 - A) - TARGETS / A) / Z.size
    return dA * A * (1 - A)


def of_logits(dcost: Array, _cost: float, Z: Array) -> Array:
    """Return A - Y, which is what the product comes to."""
    return dcost * (0.5 + 0.5 * np.tanh(Z / 2) - TARGETS) / Z.size


# The check

FACTS = ("verdict", "diagnosis", "argument", "element", "line")  # of a report, for the JSON file


@dataclass(frozen=True)
class Bug:
    """A forward pass, and two backward passes `(gradient of out, out, inputs)`: the published and the repaired one."""

    name: str
    forward: Callable[..., Any]
    published: Callable[..., Any]
    repaired: Callable[..., Any]
    inputs: Any  # an array, or a dictionary of them

    def check(self, backward: Callable[..., Any] | None) -> Report:
        """Return the report on a backward pass; with None, on the derivative that tensorgrad takes."""
        try:
            return gradcheck(self.forward, self.inputs, order=1, vjp=backward)
        except GradientError as error:
            return error.report


def bugs(rng: np.random.Generator) -> list[Bug]:
    """Return the published bugs, with random parameters."""
    shapes = {"W1": (3, 4), "b1": (3, 1), "W2": (1, 3), "b2": (1, 1)}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    Z = np.array([-1.5, -0.25, 0.5, 2.0])
    return [
        Bug("output_sigmoid", cost, early_by_one, cost_backward, params),
        Bug("mean_of_mean", cost, divided_twice, cost_backward, params),
        Bug("leaky_relu", leaky_relu, leaky_relu_constant, leaky_relu_backward, Z),
        Bug("tanh", np.tanh, tanh_of_pair, tanh_backward, Z),
        Bug("saturated_sigmoid", cost_of_logits, through_sigmoid, of_logits, LOGITS),
    ]


def main() -> None:
    """Check each published backward pass, its repair, and tensorgrad's derivative."""
    args = options(__doc__)
    figures: dict[str, Any] = {}
    for bug in bugs(np.random.default_rng(args.seed)):
        published, repaired, derived = map(bug.check, (bug.published, bug.repaired, None))
        test = args.out / f"test_{bug.name}.py"
        test.write_text(published.reproducer + "\n", encoding="utf-8")
        print(f"{bug.name}: {bug.published.__doc__}\n  {published}\n  a test of this: {test}")
        print(f"repaired: {bug.repaired.__doc__}\n  {repaired}\nderived by tensorgrad:\n  {derived}\n")
        reports = {"published": published, "repaired": repaired, "derived": derived}
        figures[bug.name] = {who: {fact: getattr(r, fact) for fact in FACTS} for who, r in reports.items()}
    try:
        gradcheck(cost_through_sigmoid, LOGITS, vjp=through_sigmoid)
    except ValueError as error:
        figures["infinite_cost"] = str(error)
        print(f"The published cost of saturated_sigmoid has no derivative there:\n  {error}\n")
    print("What no gradient check sees: the published last mini-batch is not the rest but the last 128 examples; some")
    print("of them are trained on twice in an epoch, each time with the right gradient.\n")
    print(f"The tests fail until the backward passes are repaired: PYTHONPATH=examples pytest {args.out}")
    write_json(args.json, figures)


if __name__ == "__main__":
    import check_your_backprop  # not as __main__, so that the tests that are written can import its functions

    check_your_backprop.main()
