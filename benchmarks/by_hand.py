"""NumPy at its best: every array made beforehand, `out=` everywhere, one flat update, the fastest layout.

A step is a straight list of calls into these arrays. It is built in four layouts, with samples as rows and as columns
and weights either way round, and the fastest takes part. Adam's constants are folded into its averages, which leaves
ten passes, in blocks that stay in the cache.
"""

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.choice import fastest
from benchmarks.workloads import BETA1, BETA2, EPS, Array, Chain, Net, Step, Update, network, updated, vector

Program = list[tuple[Callable[..., Any], tuple[Any, ...]]]

BLOCK = 1 << 16  # elements: a few such arrays fit the second-level cache


def scalar(value: float) -> Array:
    """Return an array without axes: NumPy takes it faster than a Python number."""
    return np.array(value, np.float32)


def run(program: Program) -> None:
    """Make the calls."""
    for call, args in program:
        call(*args)


def views(flat: Array, shapes: list[tuple[int, ...]]) -> list[Array]:
    """Return arrays of these shapes, one after the other in `flat`."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    return [flat[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)]


def sgd(p: Array, g: Array, lr: float) -> Callable[[], None]:
    """Return gradient descent on flat arrays; it overwrites the gradient."""
    rate = scalar(lr)

    def step() -> None:
        np.multiply(g, rate, g)
        np.subtract(p, g, p)

    return step


def adam(p: Array, g: Array, lr: float) -> Callable[[], None]:
    """Return Adam on flat arrays; it overwrites the gradient. v and s lack their factors 1 - beta."""
    v, s, work = np.zeros_like(p), np.zeros_like(p), np.empty(min(BLOCK, p.size), p.dtype)
    b1, b2, eps, rate = scalar(BETA1), scalar(BETA2), scalar(0), scalar(0)
    program: Program = []
    for start in range(0, p.size, BLOCK):
        P, G, V, S = (a[start : start + BLOCK] for a in (p, g, v, s))
        w = work[: P.size]
        program += [
            (np.multiply, (V, b1, V)), (np.add, (V, G, V)),
            (np.multiply, (S, b2, S)), (np.multiply, (G, G, G)), (np.add, (S, G, S)),
            (np.sqrt, (S, w)), (np.add, (w, eps, w)), (np.divide, (V, w, w)),
            (np.multiply, (w, rate, w)), (np.subtract, (P, w, P)),
        ]  # fmt: skip
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        root = math.sqrt((1 - BETA2) / (1 - BETA2**t))
        eps[()], rate[()] = EPS / root, lr * (1 - BETA1) / ((1 - BETA1**t) * root)
        run(program)

    return step


def loss(kind: str, z: Array, y: Array, columns: bool) -> tuple[Program, Callable[[], float], Array]:
    """Return the calls, what then reads the loss, and where they leave its derivative for the last output `z`."""
    n, d = y.shape[-1] if columns or y.ndim == 1 else len(y), np.empty_like(z)
    flat, one = d.reshape(-1), scalar(1)
    if kind == "square":
        work = np.empty_like(flat)
        program: Program = [(np.subtract, (z, y, d)), (np.multiply, (flat, flat, work))]
        return [*program, (np.multiply, (d, scalar(2 / d.size), d))], lambda: float(work.sum()) / d.size, d
    if kind == "bce":
        hits, rest = np.empty_like(z), 1 - y  # |a - (1 - y)| is the probability given to what is true
        program = [
            (np.negative, (z, d)), (np.exp, (d, d)), (np.add, (d, one, d)), (np.divide, (one, d, d)),
            (np.subtract, (d, rest, hits)), (np.absolute, (hits, hits)), (np.log, (hits, hits)),
            (np.subtract, (d, y, d)), (np.multiply, (d, scalar(1 / d.size), d)),
        ]  # fmt: skip
        return program, lambda: -float(hits.sum()) / d.size, d
    axis, rows = (0 if columns else 1), np.arange(n)
    where = y * n + rows if columns else rows * z.shape[1] + y
    reduced = np.empty((1, n) if columns else (n, 1), np.float32)
    hits = np.empty(n, np.float32)

    def lower() -> None:
        flat[where] -= scalar(1 / n)

    program = [
        (np.maximum.reduce, (z, axis, None, reduced, True)), (np.subtract, (z, reduced, d)), (np.exp, (d, d)),
        (np.add.reduce, (d, axis, None, reduced, True)), (np.multiply, (reduced, scalar(n), reduced)),
        (np.divide, (d, reduced, d)), (flat.take, (where, None, hits, "clip")), (lower, ()),
        (np.log, (hits, hits)),
    ]  # fmt: skip
    return program, lambda: math.log(1 / n) - float(hits.sum()) / n, d


def net_in(spec: Net, columns: bool, turned: bool) -> Step:
    """Return the training step with samples as rows or columns, and weights as (fan_in, fan_out), or turned."""
    start, X, y = network(spec)
    layers, n, one, ones = len(spec.sizes) - 1, spec.batch, scalar(1), np.ones(spec.batch, np.float32)
    turn, turn_weight = (np.transpose if it else np.asarray for it in (columns, turned))
    shapes = [turn_weight(p).shape for p in start]
    flat, slope = (np.empty(sum(p.size for p in start), np.float32) for _ in range(2))
    params, grads = views(flat, shapes), views(slope, shapes)
    for p, value in zip(params, start, strict=True):
        p[...] = turn_weight(value)
    kinds = [spec.hidden] * (layers - 1) + [spec.last]
    outputs = [np.ascontiguousarray(turn(X))]
    forward: Program = []
    for i, kind in enumerate(kinds):
        a, w, b = outputs[-1], turn_weight(params[2 * i]), params[2 * i + 1]
        z = np.empty((len(b), n) if columns else (n, len(b)), np.float32)
        forward.append((w.T.dot, (a, z)) if columns else (a.dot, (w, z)))
        forward.append((np.add, (z, b[:, None] if columns else b, z)))
        if kind == "relu":
            forward.append((partial(np.maximum, out=z), (z, np.zeros_like(z))))
        elif kind == "tanh":
            forward.append((np.tanh, (z, z)))
        outputs.append(z)
    costs, cost, d = loss(spec.loss, outputs[-1], np.ascontiguousarray(turn(y)), columns)
    backward: Program = []
    for i in reversed(range(layers)):
        a, z, w, gw, gb = outputs[i], outputs[i + 1], turn_weight(params[2 * i]), grads[2 * i], grads[2 * i + 1]
        if kinds[i] == "relu":
            mask = np.empty(z.shape, bool)
            backward += [(np.greater, (z, np.zeros_like(z), mask)), (np.multiply, (d, mask, d))]
        elif kinds[i] == "tanh":  # z is the activation, which nothing reads after this
            backward += [(np.multiply, (z, z, z)), (np.subtract, (one, z, z)), (np.multiply, (d, z, d))]
        first, second = (a, d.T) if columns else (a.T, d)  # whose product is the gradient of (fan_in, fan_out)
        backward.append((second.T.dot, (first.T, gw)) if turned else (first.dot, (second, gw)))
        backward.append((d.dot, (ones, gb)) if columns else (ones.dot, (d, gb)))
        if i:
            below = np.empty_like(a)
            backward.append((w.dot, (d, below)) if columns else (d.dot, (w.T, below)))
            d = below
    program = forward + costs + backward
    update = UPDATES[spec.optimizer](flat, slope, spec.lr)

    def step() -> float:
        run(program)
        value = cost()
        update()
        return value

    note = f"samples as {'columns' if columns else 'rows'}, weights {'(out, in)' if turned else '(in, out)'}"
    return Step(step, lambda: [turn_weight(p) for p in params], note=note)


LAYOUTS = tuple(itertools.product((False, True), repeat=2))


def net(spec: Net) -> Step:
    """Return the step in the layout that is fastest here."""
    ways = [partial(net_in, spec, *layout) for layout in LAYOUTS]
    return fastest(ways, repeat=4 if max(spec.sizes) > 1000 else 50)


def chain(spec: Chain) -> Step:
    """Return value and derivative, block by block: what a block needs stays in the cache."""
    x, gradient, one, scale = vector(spec), np.empty(spec.size, np.float32), scalar(1), scalar(spec.scale)
    parts: list[tuple[Program, Array]] = []
    for start in range(0, spec.size, BLOCK):
        X, G = x[start : start + BLOCK], gradient[start : start + BLOCK]
        zs, ts = [X], []
        forward: Program = []
        for _ in range(spec.rounds):
            z, t = np.empty_like(X), np.empty_like(X)
            forward += [
                (np.multiply, (zs[-1], X, t)), (np.add, (t, X, t)), (np.tanh, (t, t)), (np.multiply, (t, scale, z)),
            ]  # fmt: skip
            zs.append(z)
            ts.append(t)
        g, w = np.empty_like(X), np.empty_like(X)
        backward: Program = [(g.fill, (spec.scale,)), (G.fill, (0,))]
        for i, (z, t) in enumerate(zip(reversed(zs[:-1]), reversed(ts), strict=True)):
            if i:
                backward.append((np.multiply, (g, scale, g)))
            backward += [
                (np.multiply, (t, t, t)), (np.subtract, (one, t, t)), (np.multiply, (g, t, g)), (np.add, (G, g, G)),
                (np.multiply, (g, z, w)), (np.add, (G, w, G)), (np.multiply, (g, X, g)),
            ]  # fmt: skip
        backward.append((np.add, (G, g, G)))
        parts.append((forward + backward, zs[-1]))

    def step() -> float:
        total = 0.0
        for program, z in parts:
            run(program)
            total += float(z.sum())
        return total

    return Step(step, lambda: [gradient])


def update(spec: Update) -> Step:
    """Return Adam on one flat array; gradients come to it flat as well, as a backward pass by hand writes them."""
    params, grads = updated(spec)
    shapes = [p.shape for p in params]
    flat, slope, given = np.concatenate(params), np.empty(spec.parameters, np.float32), np.concatenate(grads)
    return Step(adam(flat, slope, spec.lr), lambda: views(flat, shapes), before=lambda: np.copyto(slope, given))


UPDATES = {"sgd": sgd, "adam": adam}
CANDIDATES = {"NumPy by hand": {Net: net, Chain: chain, Update: update}}
