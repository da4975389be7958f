"""MyGrad, with its memory guard off, which is its faster mode; updates as in the textbook."""

import mygrad as mg
from mygrad.nnet.activations import relu
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.textbook import OPTIMIZERS
from benchmarks.workloads import Chain, Net, Step, network, vector

mg.turn_memory_guarding_off()


def net(spec: Net) -> Step:
    """Return the training step."""
    start, X, y = network(spec)
    params = [mg.tensor(p) for p in start]
    last, optimizer = len(params) // 2 - 1, OPTIMIZERS[spec.optimizer](start, spec.lr)

    def step() -> float:
        a = X
        for i, (w, b) in enumerate(zip(params[::2], params[1::2], strict=True)):
            kind = spec.hidden if i < last else spec.last
            a = mg.matmul(a, w) + b
            a = relu(a) if kind == "relu" else mg.tanh(a) if kind == "tanh" else a
        if spec.loss == "bce":
            loss = mg.mean(mg.logaddexp(0, a) - y * a)  # on logits: half the time of the textbook's formula
        elif spec.loss == "softmax":
            loss = softmax_crossentropy(a, y)
        else:
            loss = mg.mean((a - y) ** 2)
        loss.backward()
        optimizer(start, [p.grad for p in params])
        params[:] = [mg.tensor(p, copy=False) for p in start]
        return float(loss.item())

    return Step(step, lambda: start)


def chain(spec: Chain) -> Step:
    """Return value and gradient."""
    x = mg.tensor(vector(spec))

    def step() -> float:
        x.null_grad()
        z = x
        for _ in range(spec.rounds):
            z = spec.scale * mg.tanh(z * x + x)
        total = mg.sum(z)
        total.backward()
        return float(total.item())

    return Step(step, lambda: [x.grad])


CANDIDATES = {"MyGrad": {Net: net, Chain: chain}}
