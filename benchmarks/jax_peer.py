"""JAX: the whole step, update included, compiled into one program that reuses its parameters' memory."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads import (
    BETA1,
    BETA2,
    EPS,
    Array,
    Chain,
    Net,
    Product,
    Rosenbrock,
    Step,
    Update,
    directed,
    network,
    point,
    updated,
    vector,
)


def objective(spec: Net, params: list[Any], X: Any, y: Any) -> Any:
    """Return the loss."""
    a = X
    last = len(params) // 2 - 1
    for i, (w, b) in enumerate(zip(params[::2], params[1::2], strict=True)):
        kind = spec.hidden if i < last else spec.last
        a = a @ w + b
        a = jax.nn.relu(a) if kind == "relu" else jnp.tanh(a) if kind == "tanh" else a
    if spec.loss == "bce":
        return jnp.mean(jnp.logaddexp(0.0, a) - y * a)
    if spec.loss == "softmax":
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(a), y[:, None], axis=1))
    return jnp.mean((a - y) ** 2)


def adam(params: list[Any], grads: list[Any], state: Any, lr: float) -> tuple[list[Any], Any]:
    """Return parameters and state after a step."""
    t, v, s = state
    t = t + 1
    v = [BETA1 * a + (1 - BETA1) * g for a, g in zip(v, grads, strict=True)]
    s = [BETA2 * a + (1 - BETA2) * g * g for a, g in zip(s, grads, strict=True)]
    first, second = 1 - BETA1**t, 1 - BETA2**t
    params = [
        p - lr * (a / first) / (jnp.sqrt(b / second) + EPS) for p, a, b in zip(params, v, s, strict=True)
    ]  # fmt: skip
    return params, (t, v, s)


def start_of(params: list[Array]) -> tuple[list[Any], Any]:
    """Return parameters and Adam's state as JAX's arrays, in memory of their own: a step gives it to the next."""
    zeros = [[jnp.zeros(p.shape, p.dtype) for p in params] for _ in range(2)]
    return [jnp.array(p, copy=True) for p in params], (jnp.zeros((), jnp.float32), *zeros)


def net(spec: Net) -> Step:
    """Return the compiled training step."""
    start, X, y = network(spec)
    params, state = start_of(start)
    state = state if spec.optimizer == "adam" else None
    inputs, targets = jnp.asarray(X), jnp.asarray(y.astype(np.int32) if spec.loss == "softmax" else y)

    def train(params: list[Any], state: Any, inputs: Any, targets: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda p: objective(spec, p, inputs, targets))(params)
        if state is None:
            return [p - spec.lr * g for p, g in zip(params, grads, strict=True)], None, loss
        return *adam(params, grads, state, spec.lr), loss

    compiled = jax.jit(train, donate_argnums=(0, 1))

    def step() -> float:
        nonlocal params, state
        params, state, loss = compiled(params, state, inputs, targets)
        jax.block_until_ready(params)
        return float(loss)

    return Step(step, lambda: [np.asarray(p) for p in params])


def chain(spec: Chain) -> Step:
    """Return value and gradient, compiled."""
    x = jnp.asarray(vector(spec))

    def forward(x: Any) -> Any:
        z = x
        for _ in range(spec.rounds):
            z = spec.scale * jnp.tanh(z * x + x)
        return z.sum()

    compiled = jax.jit(jax.value_and_grad(forward))
    gradient = x

    def step() -> float:
        nonlocal gradient
        total, gradient = compiled(x)
        gradient.block_until_ready()
        return float(total)

    return Step(step, lambda: [np.asarray(gradient)])


def update(spec: Update) -> Step:
    """Return Adam's step, compiled."""
    start, slopes = updated(spec)
    params, state = start_of(start)
    grads = [jnp.asarray(g) for g in slopes]
    compiled = jax.jit(lambda p, g, state: adam(p, g, state, spec.lr), donate_argnums=(0, 2))

    def step() -> None:
        nonlocal params, state
        params, state = compiled(params, grads, state)
        jax.block_until_ready(params)

    return Step(step, lambda: [np.asarray(p) for p in params])


def product(spec: Product) -> Step:
    """Return the derivative of the gradient along the direction, forward over reverse, compiled."""
    params, direction, X, y = directed(spec)
    given, along = ([jnp.asarray(p) for p in those] for those in (params, direction))
    found, inputs, targets = given, jnp.asarray(X), jnp.asarray(y.astype(np.int32))

    def times(params: list[Any], direction: list[Any], inputs: Any, targets: Any) -> Any:
        gradient = jax.grad(lambda p: objective(spec.net, p, inputs, targets))
        return jax.jvp(gradient, (params,), (direction,))[1]

    compiled = jax.jit(times)

    def step() -> None:
        nonlocal found
        found = jax.block_until_ready(compiled(given, along, inputs, targets))

    return Step(step, lambda: [np.asarray(p) for p in found])


def rosenbrock(x: Any) -> Any:
    """Return the value of Rosenbrock's function."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def hessian(spec: Rosenbrock) -> Step:
    """Return the second derivatives, compiled; in float64, which is on for this program alone."""
    with jax.enable_x64(True):
        x = found = jnp.asarray(point(spec))
        compiled = jax.jit(jax.hessian(rosenbrock)).lower(x).compile()

    def step() -> None:
        nonlocal found
        found = compiled(x).block_until_ready()

    return Step(step, lambda: [np.asarray(found)])


CANDIDATES = {"JAX jit": {Net: net, Chain: chain, Update: update, Product: product, Rosenbrock: hessian}}
