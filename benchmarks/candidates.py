"""Who takes part: the candidates of every library that is installed."""

import importlib
import importlib.util

from benchmarks.workloads import Spec, Step

UNIT = "textbook NumPy"
OURS = "ours"
EXPRESSIONS = "ours, expressions"
JAX = "JAX jit"
MODULES = {  # module: the candidates that it offers, and the library that has to be installed
    "textbook": ((UNIT,), "numpy"),
    "by_hand": (("NumPy by hand",), "numpy"),
    "ours": ((OURS, EXPRESSIONS), "tensorgrad"),
    "torch_peer": (("torch", "torch fused", "torch.compile"), "torch"),
    "jax_peer": ((JAX,), "jax"),
    "autograd_peer": (("autograd",), "autograd"),
    "mygrad_peer": (("MyGrad",), "mygrad"),
}
HOME = {name: module for module, (names, _) in MODULES.items() for name in names}
NAMES = tuple(HOME)
PEERS = frozenset(name for module, (names, _) in MODULES.items() for name in names if module.endswith("_peer"))


def build(name: str, spec: Spec) -> Step | None:
    """Return the candidate, ready to run; None if it does not offer this kind of workload."""
    make = importlib.import_module(f"benchmarks.{HOME[name]}").CANDIDATES[name].get(type(spec))
    return None if make is None else make(spec)


def installed() -> list[str]:
    """Return the candidates whose library is installed, without importing it."""
    return [name for name, module in HOME.items() if importlib.util.find_spec(MODULES[module][1])]
