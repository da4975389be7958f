"""Optimizers: update rules as pure functions, and a thin driver that keeps their state."""

from tensorgrad.optim.optimizer import SGD, Adam, Momentum, Optimizer, RMSProp, clip_grad_norm
from tensorgrad.optim.updates import adam, momentum, rmsprop, sgd

__all__ = ["SGD", "Adam", "Momentum", "Optimizer", "RMSProp", "adam", "clip_grad_norm", "momentum", "rmsprop", "sgd"]
