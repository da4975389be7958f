"""Networks: modules, layers, activations, initialisation, losses."""

from tensorgrad.nn.functional import (
    elu,
    gelu,
    leaky_relu,
    linear,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from tensorgrad.nn.layers import MLP, Linear, Sequential
from tensorgrad.nn.losses import binary_cross_entropy, cross_entropy, mse_loss
from tensorgrad.nn.module import Module

__all__ = [
    # Modules
    "MLP",
    "Linear",
    "Module",
    "Sequential",
    # Losses
    "binary_cross_entropy",
    "cross_entropy",
    "mse_loss",
    # Activations and their relatives
    "elu",
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
