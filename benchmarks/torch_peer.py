"""PyTorch: with its default optimizers, with fused ones, and with the forward pass compiled besides."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.choice import fastest
from benchmarks.workloads import (
    BETA1,
    BETA2,
    EPS,
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

torch.set_num_threads(1)

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "bce": functional.binary_cross_entropy_with_logits,
    "softmax": functional.cross_entropy,
    "square": functional.mse_loss,
}
ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "linear": torch.nn.Identity}


def optimizer(spec: Net | Update, params: list[Any], fused: bool) -> Any:
    """Return PyTorch's optimizer."""
    how = {"fused": True} if fused else {}
    if isinstance(spec, Net) and spec.optimizer == "sgd":
        return torch.optim.SGD(params, lr=spec.lr, **how)
    return torch.optim.Adam(params, lr=spec.lr, betas=(BETA1, BETA2), eps=EPS, **how)


def net(spec: Net, *, fused: bool = False, compiled: bool = False) -> Step:
    """Return the training step of a Sequential of Linear layers."""
    start, X, y = network(spec)
    last = len(spec.sizes) - 2
    modules: list[Any] = []
    for i, (m, n) in enumerate(zip(spec.sizes, spec.sizes[1:], strict=False)):
        linear = torch.nn.Linear(m, n)
        linear.weight.data = torch.tensor(start[2 * i].T.copy())
        linear.bias.data = torch.tensor(start[2 * i + 1])
        kind = spec.hidden if i < last else spec.last
        modules += [linear] if kind == "linear" else [linear, ACTIVATIONS[kind]()]
    model = torch.nn.Sequential(*modules)
    params = list(model.parameters())
    inputs, targets = torch.tensor(X), torch.tensor(y)
    opt, criterion = optimizer(spec, params, fused), LOSSES[spec.loss]

    def forward(inputs: Any, targets: Any) -> Any:
        return criterion(model(inputs), targets)

    objective = torch.compile(forward) if compiled else forward

    def step() -> float:
        opt.zero_grad()
        loss = objective(inputs, targets)
        loss.backward()
        opt.step()
        return float(loss.item())

    return Step(step, lambda: [p.detach().numpy().T for p in params])


def chain(spec: Chain, *, compiled: bool = False) -> Step:
    """Return value and gradient."""
    x = torch.tensor(vector(spec), requires_grad=True)

    def forward(x: Any) -> Any:
        z = x
        for _ in range(spec.rounds):
            z = spec.scale * torch.tanh(z * x + x)
        return z.sum()

    f = torch.compile(forward) if compiled else forward

    def step() -> float:
        x.grad = None
        total = f(x)
        total.backward()
        return float(total.item())

    return Step(step, lambda: [x.grad.numpy()])


def update(spec: Update, *, fused: bool = False) -> Step:
    """Return the optimizer's step."""
    start, grads = updated(spec)
    params = [torch.tensor(p, requires_grad=True) for p in start]
    for p, g in zip(params, grads, strict=True):
        p.grad = torch.tensor(g)
    return Step(optimizer(spec, params, fused).step, lambda: [p.detach().numpy() for p in params])


def double_backward(loss: Any, params: Any, direction: Any) -> Any:
    """Return the gradient of the gradient's product with the direction."""
    params = [p.detach().requires_grad_() for p in params]
    slopes = torch.autograd.grad(loss(*params), params, create_graph=True)
    return torch.autograd.grad(slopes, params, direction)


def jvp_of_grad(loss: Any, params: Any, direction: Any) -> Any:
    """Return the derivative of the gradient along the direction, forward over reverse."""
    gradient = torch.func.grad(loss, argnums=tuple(range(len(params))))
    return torch.func.jvp(gradient, params, direction)[1]


def grad_of_jvp(loss: Any, params: Any, direction: Any) -> Any:
    """Return the gradient of the loss's derivative along the direction, reverse over forward."""

    def slope(*params: Any) -> Any:
        return torch.func.jvp(loss, params, direction)[1]

    return torch.func.grad(slope, argnums=tuple(range(len(params))))(*params)


PRODUCTS: dict[str, Callable[..., Any]] = {
    "double backward": double_backward,
    "func.jvp of grad": jvp_of_grad,
    "func.grad of jvp": grad_of_jvp,
    "autograd.functional.hvp": lambda *given: torch.autograd.functional.hvp(*given)[1],
}


def product_by(spec: Product, way: str) -> Step:
    """Return the product, made in one of these ways. Weights are (fan_out, fan_in), as PyTorch's layers have them."""
    params, direction, X, y = directed(spec)
    given, along = (tuple(torch.tensor(np.ascontiguousarray(p.T)) for p in those) for those in (params, direction))
    inputs, targets, found = torch.tensor(X), torch.tensor(y), given

    def loss(*params: Any) -> Any:
        a = inputs
        for w, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            a = functional.relu(functional.linear(a, w, b))
        return functional.cross_entropy(functional.linear(a, *params[-2:]), targets)

    def step() -> None:
        nonlocal found
        found = PRODUCTS[way](loss, given, along)

    return Step(step, lambda: [p.detach().numpy().T for p in found], note=way)


def product(spec: Product) -> Step:
    """Return the product in the way that is fastest here."""
    return fastest([partial(product_by, spec, way) for way in PRODUCTS])


HESSIANS: dict[str, Callable[..., Any]] = {
    "func.hessian": lambda f, x: torch.func.hessian(f)(x),
    "autograd.functional.hessian": torch.autograd.functional.hessian,
    "autograd.functional.hessian, vectorized": partial(torch.autograd.functional.hessian, vectorize=True),
}


def rosenbrock(x: Any) -> Any:
    """Return the value of Rosenbrock's function."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def hessian_by(spec: Rosenbrock, way: str) -> Step:
    """Return the second derivatives, made in one of these ways."""
    x = found = torch.tensor(point(spec))

    def step() -> None:
        nonlocal found
        found = HESSIANS[way](rosenbrock, x)

    return Step(step, lambda: [found.numpy()], note=way)


def hessian(spec: Rosenbrock) -> Step:
    """Return the second derivatives in the way that is fastest here."""
    return fastest([partial(hessian_by, spec, way) for way in HESSIANS])


CANDIDATES = {
    "torch": {Net: net, Chain: chain, Update: update, Product: product, Rosenbrock: hessian},
    "torch fused": {Net: partial(net, fused=True), Update: partial(update, fused=True)},
    "torch.compile": {Net: partial(net, fused=True, compiled=True), Chain: partial(chain, compiled=True)},
}
