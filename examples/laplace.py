"""Put error bars on a network: its posterior is a Gaussian around the trained weights, with the curvature there.

A 1-16-1 network learns a sine from noisy points that leave a gap. Trained to the minimum of its loss, with a Gaussian
prior on the weights v, it gets Laplace's approximation (MacKay, A practical Bayesian framework for backpropagation
networks, 1992): covariance C, and error bars that follow from it by the network's linearisation (Immer, Korzepa and
Bauer, Improving predictions of Bayesian neural nets via local linearization, 2021),

    C = (J' J / noise**2 + I / prior**2)^-1,    deviation(x)**2 = J(x) C J(x)',    J = tg.jacobian(network)(v, x).

J' J is the Hessian of the squared errors, but for a term that vanishes with them: Gauss and Newton's matrix. The same J
trains the network (Levenberg 1944, Marquardt 1963).

    python examples/laplace.py
"""

from typing import Any

import numpy as np
from _options import options, write_json

import tensorgrad as tg

HIDDEN, NOISE, PRIOR = 16, 0.1, 2.0  # units; standard deviations of the points, and of the weights before


def network(v: Any, x: np.ndarray) -> Any:
    """Return the output at each x: (n,).   v: (49,), of each hidden unit three weights, and the last bias."""
    slopes, offsets, weights = v[:-1].reshape(3, HIDDEN)
    return np.tanh(np.outer(x, slopes) + offsets) @ weights + v[-1]


def loss(v: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """Return minus the log posterior of the weights, up to a constant."""
    return np.sum((network(v, x) - y) ** 2) / (2 * NOISE**2) + v @ v / (2 * PRIOR**2)


def precision(jacobian: np.ndarray) -> np.ndarray:
    """Return Gauss and Newton's approximation to the Hessian of the loss, the inverse of the covariance."""
    return jacobian.T @ jacobian / NOISE**2 + np.eye(jacobian.shape[1]) / PRIOR**2


def train(v: np.ndarray, x: np.ndarray, y: np.ndarray, steps: int = 200) -> np.ndarray:
    """Return the weights after steps of Gauss and Newton, damped the more the less the last one helped."""
    damping = 1.0
    for _ in range(steps):
        matrix, slope = precision(tg.jacobian(network)(v, x)), tg.grad(loss)(v, x, y)
        new = v - np.linalg.solve(matrix + damping * np.eye(v.size), slope)
        better = loss(new, x, y) < loss(v, x, y)
        v, damping = (new, damping / 3) if better else (v, damping * 3)
    return v


def deviations(v: np.ndarray, seen: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the output at each x, after training on points at `seen`."""
    covariance = np.linalg.inv(precision(tg.jacobian(network)(v, seen)))
    jacobian = tg.jacobian(network)(v, x)  # (n, 49)
    return np.sqrt(np.sum(jacobian @ covariance * jacobian, axis=1))


def main(seed: int = 0, quick: bool = False) -> dict[str, Any]:
    """Train, and print the bands: narrow among the points, wide in the gap and beyond."""
    rng = np.random.default_rng(seed)
    seen = rng.uniform(1, 3, 60) * np.repeat([-1, 1], 30)
    y = np.sin(2 * seen) + NOISE * rng.standard_normal(60)
    v = train(rng.standard_normal(3 * HIDDEN + 1), seen, y, steps=60 if quick else 200)

    x = np.linspace(-5, 5, 21)
    print(f"{'x':>5}{'points':>8}{'sine':>8}{'network':>9}   deviation")
    for point, output, deviation in zip(x, network(v, x), deviations(v, seen, x), strict=True):
        near = int(np.sum(np.abs(seen - point) <= 0.25))
        bar = "#" * round(10 * deviation)
        print(f"{point:>5.1f}{near:>8}{np.sin(2 * point):>8.3f}{output:>9.3f}   {deviation:<7.3f}{bar}")

    fresh = rng.uniform(1, 3, 1000) * rng.choice([-1, 1], 1000)
    places = {"inside": fresh, "gap": np.zeros(1), "beyond": np.full(1, 5)}
    bands = {name: float(np.median(deviations(v, seen, place))) for name, place in places.items()}
    errors = np.sin(2 * fresh) + NOISE * rng.standard_normal(1000) - network(v, fresh)
    coverage = float(np.mean(np.abs(errors) <= 1.96 * np.hypot(deviations(v, seen, fresh), NOISE)))
    print(f"\nof 1,000 fresh points among the others, {coverage:.1%} lie in the band that should hold 95 %")
    return {"bands": bands, "coverage": coverage}


if __name__ == "__main__":
    args = options(__doc__, pictures=False)
    write_json(args.json, main(args.seed, args.quick))
