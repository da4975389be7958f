"""Solve a differential equation with a network: the loss is the equation itself, with u'' inside.

Bratu's equation u'' + exp(u) = 0, u(0) = u(1) = 0, describes a slab that heats itself. The solution is written as
u(x) = x (1 - x) network(x), which meets both ends whatever the weights are (Lagaris, Likas and Fotiadis, Artificial
neural networks for solving ordinary and partial differential equations, 1998), and the weights minimise

    mean of (u''(x) + exp(u(x)))**2    over points x

(Raissi, Perdikaris and Karniadakis, Physics-informed neural networks, 2019). Each value depends on its own point alone,
so u'' of all points at once is `elementwise_grad` twice; the optimizer then differentiates a third time. The result is
compared with u = -2 log(cosh((x - 1/2) t / 2) / cosh(t / 4)), where t = sqrt(2) cosh(t / 4).

    python examples/pinn.py
"""

from typing import Any

import numpy as np
from _options import options, write_json

import tensorgrad as tg

STEPS = 1500


def exact(x: np.ndarray) -> np.ndarray:
    """Return the solution that stays near 0; the equation has another one."""
    t = 0.0
    for _ in range(50):  # converges: the slope of the right side is 0.14
        t = np.sqrt(2) * np.cosh(t / 4)
    return -2 * np.log(np.cosh((x - 0.5) * t / 2) / np.cosh(t / 4))


class Solution(tg.nn.Module):
    """u(x) = x (1 - x) network(x).   x: (n, 1)."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.network = tg.nn.MLP([1, 16, 16, 1], activation="tanh", rng=rng)

    def forward(self, x: Any) -> Any:
        """Return u at each x: (n, 1)."""
        return x * (1 - x) * self.network(x)


def train(u: Solution, steps: int) -> list[float]:
    """Minimise the residual of the equation at 32 points; return the loss before each step."""
    points = tg.tensor(np.linspace(0, 1, 32)[:, None], requires_grad=True)  # so that u'' stays a tensor
    curvature = tg.elementwise_grad(tg.elementwise_grad(u))  # u''
    optimizer = tg.optim.Adam(u.parameters(), lr=0.01)
    history = []
    for step in range(steps):
        optimizer.lr = 0.01 * (1 - step / steps)
        residual = curvature(points) + np.exp(u(points))
        loss = np.mean(residual**2)
        history.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return history


def main(seed: int = 0, quick: bool = False) -> dict[str, Any]:
    """Train, and print the network's solution and its derivatives beside the exact ones."""
    u = Solution(np.random.default_rng(seed))
    between = np.linspace(0, 1, 200)[:, None]  # mostly points that it was not trained on

    def error() -> float:
        return float(np.abs(tg.train.predict(u, between) - exact(between)).max())

    untrained, history = error(), train(u, STEPS // 10 if quick else STEPS)
    x = np.linspace(0, 1, 6)[:, None]
    values, curvatures = tg.train.predict(u, x), tg.elementwise_grad(tg.elementwise_grad(u))(x)
    print("   x           u       exact         u''  -exp(exact)")
    for row in zip(x[:, 0], values[:, 0], exact(x)[:, 0], curvatures[:, 0], -np.exp(exact(x)[:, 0]), strict=True):
        print("{:>4.1f}{:>12.6f}{:>12.6f}{:>12.5f}{:>13.5f}".format(*row))
    print(f"\nresidual: {history[0]:.1e} before, {history[-1]:.1e} after {len(history)} steps (mean square)")
    print(f"largest error of u: {untrained:.1e} before, {error():.1e} after")
    return {"untrained": untrained, "error": error(), "loss": history}


if __name__ == "__main__":
    args = options(__doc__, pictures=False)
    write_json(args.json, main(args.seed, args.quick))
