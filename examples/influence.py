"""Say which training digits a wrong answer is owed to, without training again; then train again, and compare.

Logistic regression takes one of MNIST's digits 3 and 7 for the other. How would its loss on that digit z change if the
training digit z_j were left out? To first order (Cook and Weisberg, Residuals and Influence in Regression, 1982; Koh
and Liang, Understanding black-box predictions via influence functions, ICML 2017) by

    dloss_j = 1/n grad loss(z_j) . s,    H s = grad loss(z),    H = the Hessian of the training loss.

H is never made: conjugate gradients (Hestenes and Stiefel 1952) solve for s with products H v = tg.hvp(f, (w,), (v,)),
and one tg.jvp along s gives the dot products with the gradients of all n training digits at once. What that predicts is
held against n honest refits, each without one of the digits.

    python examples/influence.py
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from _digits import Digits, digits
from _options import options, write_json

import tensorgrad as tg

N, DECAY = 200, 0.01


def losses(w: Any, digits: Digits) -> Any:
    """Return the cross entropy of each digit, in nats: (n,).   w: (50,)."""
    z = digits.X @ w
    return np.logaddexp(0, z) - digits.y * z


def objective(train: Digits, weights: np.ndarray) -> Callable[[Any], Any]:
    """Return the training loss as a function of w.   weights: (n,), 1 for each digit, 0 for one that is left out."""
    return lambda w: np.sum(weights * losses(w, train)) / len(weights) + DECAY / 2 * (w @ w)


def solve(f: Callable[[Any], Any], w: np.ndarray, b: np.ndarray, tolerance: float = 1e-8) -> np.ndarray:
    """Return the s with H s = b, where H is the Hessian of f at w, by conjugate gradients."""
    s, residual, direction = np.zeros_like(b), b, b
    while np.linalg.norm(residual) > tolerance * np.linalg.norm(b):
        product = tg.hvp(f, (w,), (direction,))
        length = residual @ residual / (direction @ product)
        s, before, residual = s + length * direction, residual, residual - length * product
        direction = residual + (residual @ residual) / (before @ before) * direction
    return s


def fit(f: Callable[[Any], Any], w: np.ndarray) -> np.ndarray:
    """Return the minimum of f, by Newton's method from w."""
    while np.abs(slope := tg.grad(f)(w)).max() > 1e-9:
        w = w - solve(f, w, slope)
    return w


def main(quick: bool = False) -> dict[str, Any]:
    """Predict the influence of each training digit on the worst answer, refit without each, print both."""
    train, test = digits("train", N), digits("test")
    f = objective(train, np.ones(N))
    w = fit(f, np.zeros(50))
    worst = int(np.argmax(losses(w, test)))
    z = Digits(test.X[worst : worst + 1], test.y[worst : worst + 1])
    before = losses(w, z).item()
    truth, answer = (3, 7) if z.y[0] else (7, 3)
    print(f"test digit {worst} is a {truth} and is taken for a {answer}: a loss of {before:.3f} nats")

    s = solve(f, w, tg.grad(lambda w: np.sum(losses(w, z)))(w))
    _, slopes = tg.jvp(lambda w: losses(w, train), (w,), (s,))
    predicted = slopes / N

    left_out = np.arange(0, N, 8 if quick else 1)
    refits = (fit(objective(train, np.arange(N) != j), w) for j in left_out)
    actual = np.array([losses(refit, z).item() - before for refit in refits])
    correlation = float(np.corrcoef(predicted[left_out], actual)[0, 1])

    print(f"\n{'left out':>8}{'is a':>6}{'predicted':>12}{'refitted':>11}   change of that loss, in nats")
    order = np.argsort(predicted[left_out])
    for row in [*order[:4], *order[-4:]]:
        j = left_out[row]
        print(f"{j:>8}{3 if train.y[j] else 7:>6}{predicted[j]:>12.4f}{actual[row]:>11.4f}")
    print(f"\ncorrelation over {len(left_out)} refits: {correlation:.5f}")
    return {"digit": worst, "loss": before, "correlation": correlation, "predicted": predicted[left_out].tolist(),
            "actual": actual.tolist()}  # fmt: skip


if __name__ == "__main__":
    args = options(__doc__, pictures=False)
    write_json(args.json, main(args.quick))
