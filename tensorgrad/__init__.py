"""Write models as NumPy expressions, get every gradient, see the graph, prove the gradients right."""

from tensorgrad.autograd import gradients
from tensorgrad.creation import empty, full, ones, tensor, zeros
from tensorgrad.graph import Tensor
from tensorgrad.node import enable_grad, no_grad
from tensorgrad.op import composite, primitive, register

__version__ = "0.1.0"

__all__ = [
    # Tensors and gradients
    "Tensor",
    "empty",
    "enable_grad",
    "full",
    "gradients",
    "no_grad",
    "ones",
    "tensor",
    "zeros",
    # New operations
    "composite",
    "primitive",
    "register",
]
