"""Fit a survival model by Newton's method: the number of right digits doubles with every step.

Freireich et al. (Blood 21, 1963) followed 42 children with leukaemia, 21 given a placebo and 21 given 6-MP: after how
many weeks did they relapse? The model is Weibull regression: in log t = (a + b c + z) / k, with c = 1 for the placebo,
exp(z) has an exponential distribution. A child that relapsed counts with its density, one that was still well when last
seen with the probability of that. Where minus the log likelihood L is least, its slope is zero, and Newton's method
(Nocedal and Wright, Numerical Optimization, 2006, theorem 3.5) finds that place by

    x <- x - H^-1 g,    g = tg.grad(L)(x),    H = tg.hessian(L)(x),    |error| <- constant * |error|**2.

H^-1 is also the covariance of the estimate. In the usual parameters, a / k, b / k and log(1 / k), it is J H^-1 J',
with J = tg.jacobian(usual)(x): the delta method. R's survreg gives the same figures (Venables and Ripley, Modern
Applied Statistics with S, 2002, chapter 13).

    python examples/newton.py
"""

from typing import Any

import numpy as np
from _options import options, write_json

import tensorgrad as tg

PLACEBO = [1, 22, 3, 12, 8, 17, 2, 11, 8, 12, 2, 5, 4, 15, 8, 23, 5, 11, 4, 1, 8]  # weeks until they relapsed
TREATED = [10, 7, 23, 22, 6, 16, 6, 13, 6]
STILL_WELL = [32, 34, 32, 25, 11, 20, 19, 17, 35, 9, 6, 10]  # treated, when last seen
WEEKS = np.array(PLACEBO + TREATED + STILL_WELL, float)
RELAPSED = np.repeat([1.0, 0.0], [30, 12])
CONTROL = np.repeat([1.0, 0.0], [21, 21])
NAMES = ("intercept", "placebo", "log scale")
SURVREG = ((3.516, 0.252), (-1.267, 0.311), (-0.312, 0.147))  # estimate and standard error, as R prints them


def loss(x: Any) -> Any:
    """Return minus the log likelihood of a, b and k, the elements of x. It is convex in them."""
    a, b, k = x
    z = k * np.log(WEEKS) - a - b * CONTROL
    return np.sum(np.exp(z) - RELAPSED * (z + np.log(k / WEEKS)))


def usual(x: Any) -> Any:
    """Return the intercept, the effect of the placebo and the log of the scale, in log weeks."""
    a, b, k = x
    return np.stack([a / k, b / k, -np.log(k)])


def newton(f: Any, x: np.ndarray, steps: int = 20) -> list[np.ndarray]:
    """Return x and what it became in each step, until a step changes it no more than rounding does."""
    path = [x]
    for _ in range(steps):
        step = np.linalg.solve(tg.hessian(f)(x), tg.grad(f)(x))
        x = x - step
        path.append(x)
        if np.linalg.norm(step) <= 1e-14 * np.linalg.norm(x):
            break
    return path


def main() -> dict[str, Any]:
    """Fit from a crude start, print the digits that each step gets right, and the estimates beside R's."""
    path = newton(loss, np.array([np.log(np.mean(WEEKS)), 0.0, 1.0]))  # one rate for all of them
    best = path[-1]
    errors = [float(np.linalg.norm(x - best) / np.linalg.norm(best)) for x in path[:-1]]
    print(f"{'step':>4}  {'-log likelihood':<19}{'|gradient|':<13}right digits")
    for i, (x, error) in enumerate(zip(path, errors, strict=False)):
        digits = f"{-np.log10(error):.1f}" if error else "all"
        print(f"{i:>4}  {loss(x):<19.12f}{np.linalg.norm(tg.grad(loss)(x)):<13.1e}{digits}")

    jacobian = tg.jacobian(usual)(best)
    covariance = jacobian @ np.linalg.inv(tg.hessian(loss)(best)) @ jacobian.T
    estimates, deviations = usual(best), np.sqrt(np.diag(covariance))
    print(f"\n{'parameter':<12}{'estimate':>9}{'error':>8}{'R':>9}{'error':>8}")
    for name, estimate, error, published in zip(NAMES, estimates, deviations, SURVREG, strict=True):
        print(f"{name:<12}{estimate:>9.3f}{error:>8.3f}{published[0]:>9.3f}{published[1]:>8.3f}")
    print(f"\nwithout 6-MP the time to a relapse is multiplied by {np.exp(estimates[1]):.2f}")
    return {"errors": errors, "loss": float(loss(best)), "estimates": dict(zip(NAMES, estimates.tolist(), strict=True)),
            "standard_errors": dict(zip(NAMES, deviations.tolist(), strict=True))}  # fmt: skip


if __name__ == "__main__":
    args = options(__doc__, pictures=False)
    write_json(args.json, main())
