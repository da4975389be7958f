"""What a single operation costs: chains of scalar operations (G), one operation on 4×4 arrays (H); ours beside PyTorch.

Times are nanoseconds per operation, minima over repetitions in turn.
"""

import gc
import importlib.util
import itertools
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import tensorgrad as tg

SHAPE = (4, 4)


def torch_or_none() -> Any:
    """Return PyTorch on one thread, if it is installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    torch.set_num_threads(1)
    return torch


def one(library: str) -> Any:
    """Return the scalar 1 that requires a gradient."""
    if library == "ours":
        return tg.tensor(1.0, requires_grad=True, dtype=np.float32)
    return torch_or_none().tensor(1.0, requires_grad=True)


def grow(x: Any, n: int) -> Any:
    """Return x times itself, n times: every step needs a gradient on both sides."""
    y = x
    for _ in range(n):
        y = y * x
    return y


def libraries() -> list[str]:
    """Return who takes part."""
    return ["ours"] + ["torch"] * (torch_or_none() is not None)


def chains(n: int, repeat: int) -> dict[str, dict[str, float]]:
    """Return the time to build a chain of `n` operations, and of the backward pass, in ns a node."""
    best: dict[str, dict[str, float]] = {name: {"build": np.inf, "backward": np.inf} for name in libraries()}
    for _, name in itertools.product(range(repeat), best):
        x = one(name)
        gc.collect()
        started = time.perf_counter()
        y = grow(x, n)
        built = time.perf_counter()
        y.backward()
        done = time.perf_counter()
        assert float(x.grad) == n + 1, f"{name}: the derivative of x**{n + 1} at 1 is {x.grad}"
        del y
        for phase, seconds in (("build", built - started), ("backward", done - built)):
            best[name][phase] = min(best[name][phase], 1e9 * seconds / n)
    return best


def bytes_per_node(library: str, n: int) -> dict[str, float]:
    """Return what a chain holds, in bytes a node: growth of the process, and of Python's own memory if it is ours."""
    grow(one(library), 100).backward()
    x = one(library)
    gc.collect()
    before = resident()
    y = grow(x, n)
    found = {"resident": (resident() - before) / n}
    del y
    if library == "ours":
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        y = grow(x, n)
        found["traced"] = (tracemalloc.get_traced_memory()[0] - before) / n
        tracemalloc.stop()
        del y
    return found


def resident() -> int:
    """Return the memory that the process holds, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmRSS"))


FORWARD: dict[str, Callable[..., Any]] = {
    "multiply": lambda _, x, y: x * y,
    "matmul": lambda _, x, y: x @ y,
    "tanh": lambda lib, x, _y: lib.tanh(x),
}
BY_HAND: dict[str, Callable[..., Any]] = {
    "multiply": lambda x, y, g: (x * y, g * y, g * x),
    "matmul": lambda x, y, g: (x @ y, g @ y.T, x.T @ g),
    "tanh": lambda x, _y, g: (t := np.tanh(x), g * (1 - t * t)),
}


def operations(repeat: int, number: int = 300) -> dict[str, dict[str, float]]:
    """Return, for each operation, ns of forward, and of forward and backward: raw NumPy, ours, PyTorch."""
    rng = np.random.default_rng(0)
    x, y, g = (rng.standard_normal(SHAPE).astype(np.float32) for _ in range(3))
    torch = torch_or_none()
    found = {}
    for op, f in FORWARD.items():
        by_hand = BY_HAND[op]
        calls: dict[str, Callable[[], Any]] = {
            "raw forward": lambda f=f: f(np, x, y),
            "raw both": lambda by_hand=by_hand: by_hand(x, y, g),
        }
        calls |= recorded("ours", f, np, *(tg.tensor(a, requires_grad=True) for a in (x, y)), g)
        if torch is not None:
            calls |= recorded(
                "torch", f, torch, *(torch.tensor(a, requires_grad=True) for a in (x, y)), torch.tensor(g)
            )
        best = dict.fromkeys(calls, np.inf)
        for _, (name, call) in itertools.product(range(repeat), calls.items()):
            started = time.perf_counter()
            for _ in range(number):
                call()
            best[name] = min(best[name], 1e9 * (time.perf_counter() - started) / number)
        found[op] = {name: float(value) for name, value in best.items()}
    return found


def recorded(name: str, f: Callable[..., Any], lib: Any, x: Any, y: Any, g: Any) -> dict[str, Callable[[], Any]]:
    """Return the call that records an operation, and the one that also goes back through it."""

    def both() -> None:
        x.grad = y.grad = None
        f(lib, x, y).backward(g)

    return {f"{name} forward": lambda: f(lib, x, y), f"{name} both": both}
