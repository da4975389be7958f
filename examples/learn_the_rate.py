"""Learn Adam's learning rate by gradient descent through ten of its steps.

Training is a function like any other: from the learning rate to the loss that it ends with. `tg.optim.adam` is a pure
expression, so tensorgrad differentiates that function through every step, the gradients inside them included:

    w, state <- adam(w, tg.grad(loss)(w, training digits), state, lr),    ten times
    d loss(w, other digits) / d log lr = tg.grad(of all this)

This is the hypergradient of Maclaurin, Duvenaud and Adams (Gradient-based hyperparameter optimization through
reversible learning, ICML 2015). The program compares it with differences of whole runs, and then follows it, with Adam
once more, from a rate that is far too small.

    python examples/learn_the_rate.py
"""

from typing import Any

import numpy as np
from _digits import Digits, digits
from _options import options, write_json

import tensorgrad as tg

STEPS, OUTER = 10, 20  # of Adam on the weights, and on the learning rate
DECAY = 0.01  # keeps the gradient of every weight off 0, where the square root in Adam's step has no slope


def loss(w: Any, digits: Digits) -> Any:
    """Return the cross entropy of logistic regression, in nats.   w: (50,)."""
    return tg.nn.binary_cross_entropy(digits.X @ w, digits.y)


def trained(log_rate: Any, w: Any, train: Digits) -> Any:
    """Return the weights after ten steps of Adam that start from `w`."""

    def objective(w: Any) -> Any:
        return loss(w, train) + DECAY / 2 * (w @ w)

    state = None
    for _ in range(STEPS):
        w, state = tg.optim.adam(w, tg.grad(objective)(w), state, lr=np.exp(log_rate))
    return w


def difference(f: Any, x: float, step: float = 1e-3) -> float:
    """Return f'(x) from four values of f, with an error of step**4 (Richardson 1911)."""
    coarse, fine = ((f(x + h) - f(x - h)) / (2 * h) for h in (step, step / 2))
    return float((4 * fine - coarse) / 3)


def main(seed: int = 0) -> dict[str, Any]:
    """Check the hypergradient, then improve the rate with it; print each step."""
    train, other = digits("train", 256), digits("test")
    start = 0.1 * np.random.default_rng(seed).standard_normal(50)

    def outcome(log_rate: Any) -> Any:
        return loss(trained(log_rate, start, train), other)

    log_rate, state = np.log(1e-3), None
    derivative, measured = tg.grad(outcome)(log_rate), difference(outcome, log_rate)
    print(f"derivative of the outcome for log lr, at lr 0.001\n  tensorgrad   {derivative:.12f}")
    print(f"  differences  {measured:.12f}\n\n{'outer step':>10}{'lr':>10}{'loss':>10}{'slope':>10}")

    path = []
    for i in range(OUTER):
        value, slope = tg.value_and_grad(outcome)(log_rate)
        path.append((float(np.exp(log_rate)), float(value)))
        print(f"{i:>10}{path[-1][0]:>10.4f}{value:>10.4f}{slope:>10.4f}")
        log_rate, state = tg.optim.adam(log_rate, slope, state, lr=0.5, betas=(0.5, 0.9))  # the same rule, one level up

    rate, best = min(path, key=lambda row: row[1])
    right = np.mean((other.X @ trained(np.log(rate), start, train) > 0) == other.y)
    print(f"\nthe best rate is {rate:.2f}: it leads to {best:.4f} nats, and gets {right:.1%} of the other digits right")
    return {"derivative": float(derivative), "measured": measured, "path": path, "accuracy": float(right)}


if __name__ == "__main__":
    args = options(__doc__, pictures=False)
    write_json(args.json, main(args.seed))
