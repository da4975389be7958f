"""Give SciPy's optimizers exact derivatives, and count how often they call the function with and without.

`scipy.optimize.minimize` takes the value and the gradient from one function, and for second-order methods the product
of the Hessian with a vector. Both are one line:

    minimize(tg.value_and_grad(f), x0, jac=True, hessp=lambda x, v: tg.hvp(f, (x,), (v,)), method="trust-krylov")

Without them, SciPy estimates the gradient of n parameters by differences: n more values of f for each, with half of
the digits. The product costs a few evaluations of f whatever n is (Pearlmutter, Fast exact multiplication by the
Hessian, 1994). The functions are Rosenbrock's in 20 dimensions, and the penalised likelihood of logistic regression on
MNIST's digits 3 and 7 in 50.

    python examples/scipy_minimize.py    (with SciPy, which pip install '.[examples]' brings)
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from _digits import digits
from _options import options, write_json
from scipy.optimize import OptimizeResult, minimize

import tensorgrad as tg

Function = Callable[[Any], Any]


def rosenbrock(x: Any) -> Any:
    """Return the sum of 100 (x[i+1] - x[i]**2)**2 + (1 - x[i])**2: a valley that bends, with its floor at ones."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def likelihood(n: int = 2000, decay: float = 1e-3) -> Function:
    """Return minus the mean log likelihood of `n` digits as a function of 50 weights, with a Gaussian prior."""
    X, y = digits("train", n)

    def loss(w: Any) -> Any:
        z = X @ w
        return np.mean(np.logaddexp(0, z) - y * z) + decay / 2 * (w @ w)

    return loss


def runs(f: Function, x0: np.ndarray) -> Iterator[tuple[str, OptimizeResult]]:
    """Yield what SciPy finds without derivatives, with first, and with second ones."""
    value_and_gradient = tg.value_and_grad(f)

    def product(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        return tg.hvp(f, (x,), (v,))

    yield "BFGS, values alone", minimize(f, x0, method="BFGS")
    yield "BFGS, gradients", minimize(value_and_gradient, x0, jac=True, method="BFGS")
    second = {"hessp": product, "method": "trust-krylov", "options": {"gtol": 1e-8}}
    with np.errstate(invalid="ignore"):  # the solver's own steps have warned of one, on the way to the right minimum
        found = minimize(value_and_gradient, x0, jac=True, **second)
    yield "trust-krylov, products", found


def main() -> dict[str, Any]:
    """Minimize both functions in three ways, and print what each took and how near it came."""
    problems = {"rosenbrock": (rosenbrock, np.tile([-1.2, 1.0], 10)), "likelihood": (likelihood(), np.zeros(50))}
    figures: dict[str, Any] = {}
    for name, (f, x0) in problems.items():
        print(f"{name}, {x0.size} parameters")
        print(f"  {'method':<24}{'minimum':<18}{'|gradient|':>10}  values  gradients  products      s")
        started = time.perf_counter()
        for method, found in runs(f, x0):
            seconds, started = time.perf_counter() - started, time.perf_counter()
            slope = float(np.abs(tg.grad(f)(found.x)).max())
            gradients = 0 if "values" in method else found.njev
            products = found.get("nhev", 0)
            figures[f"{name}, {method}"] = {"minimum": float(found.fun), "slope": slope, "x": found.x.tolist(),
                "values": found.nfev, "gradients": gradients, "products": products}  # fmt: skip
            counts = f"{found.nfev:>8}{gradients:>11}{products:>10}"
            print(f"  {method:<24}{found.fun:<18.10g}{slope:>10.0e}{counts}{seconds:>7.2f}")
        print()
    return figures


if __name__ == "__main__":
    args = options(__doc__, pictures=False)
    write_json(args.json, main())
