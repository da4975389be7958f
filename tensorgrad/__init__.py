"""Write models as NumPy expressions, get every gradient, see the graph, prove the gradients right."""

import importlib
from typing import TYPE_CHECKING, Any

from tensorgrad import into  # noqa: F401  # installs writes on Tensor
from tensorgrad.autograd import gradients
from tensorgrad.checkpoint import checkpoint
from tensorgrad.creation import empty, full, ones, tensor, zeros
from tensorgrad.explain import explain
from tensorgrad.graph import Tensor
from tensorgrad.node import enable_grad, no_grad
from tensorgrad.op import composite, register
from tensorgrad.primitive import primitive
from tensorgrad.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from tensorgrad import data, nn, optim, testing, train, viz
    from tensorgrad.coverage import support
    from tensorgrad.debugging import debug
    from tensorgrad.viz import draw

__version__ = "0.1.0"

__all__ = [
    # Tensors and gradients
    "Tensor",
    "empty",
    "enable_grad",
    "explain",
    "full",
    "gradients",
    "no_grad",
    "ones",
    "tensor",
    "zeros",
    # Functions of functions
    "checkpoint",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "value_and_grad",
    "vjp",
    # New operations
    "composite",
    "primitive",
    "register",
    "support",
    # Networks, optimizers, data, training
    "data",
    "nn",
    "optim",
    "train",
    # Pictures and checks
    "debug",
    "draw",
    "testing",
    "viz",
]


def __getattr__(name: str) -> Any:
    """Import on first use what a program that only computes gradients does not need."""
    if name in ("data", "nn", "optim", "testing", "train", "viz"):
        return importlib.import_module(f"tensorgrad.{name}")
    if name == "support":
        return importlib.import_module("tensorgrad.coverage").support
    if name == "debug":
        return importlib.import_module("tensorgrad.debugging").debug
    if name == "draw":
        return importlib.import_module("tensorgrad.viz").draw
    raise AttributeError(f"module 'tensorgrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, whether imported yet or not."""
    return [*__all__, "__version__"]
