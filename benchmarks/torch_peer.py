"""PyTorch: with its default optimizers, with fused ones, and with the forward pass compiled besides."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from benchmarks.workloads import BETA1, BETA2, EPS, Chain, Net, Step, Update, network, updated, vector

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


CANDIDATES = {
    "torch": {Net: net, Chain: chain, Update: update},
    "torch fused": {Net: partial(net, fused=True), Update: partial(update, fused=True)},
    "torch.compile": {Net: partial(net, fused=True, compiled=True), Chain: partial(chain, compiled=True)},
}
