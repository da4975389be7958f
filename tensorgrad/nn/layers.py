"""Layers: Linear, and what is built of it."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgrad.creation import tensor
from tensorgrad.nn.functional import ACTIVATIONS, FUSED, Activation, affine, linear, named
from tensorgrad.nn.init import INITS, Init
from tensorgrad.nn.module import Module
from tensorgrad.rng import Rng, as_rng


class Linear(Module):
    """activation(x @ weight + bias).

    x: (..., fan_in).   weight: (fan_in, fan_out), drawn by `init`: a name, or a function `(rng, fan_in, fan_out)`.
    bias: (fan_out,), zeros, or None.   activation: a name or a function.   Raises ValueError for an unknown init or
    activation, or sizes that are not positive.

    >>> Linear(3, 2, rng=0)(np.ones((4, 3))).shape
    (4, 2)
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        bias: bool = True,
        activation: str | Activation = "linear",
        init: str | Init = "he",
        dtype: Any = np.float64,
        rng: int | Rng | None = None,
    ) -> None:
        for size in (fan_in, fan_out):
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"the sizes of a layer are positive integers, got {fan_in!r} and {fan_out!r}")
        values = np.asarray(named("init", init, INITS)(as_rng(rng), fan_in, fan_out))
        if values.shape != (fan_in, fan_out):
            raise ValueError(f"init returned shape {values.shape}, expected (fan_in, fan_out) = {fan_in, fan_out}")
        self.activation = named("activation", activation, ACTIVATIONS)
        self.weight = tensor(values, requires_grad=True, dtype=dtype)
        self.bias = tensor(np.zeros(fan_out), requires_grad=True, dtype=dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """Return activation(x @ weight + bias).   x: (..., fan_in) -> (..., fan_out)."""
        if self.bias is None:
            return self.activation(x @ self.weight)
        fused = FUSED.get(self.activation)
        return self.activation(affine(x, self.weight, self.bias)) if fused is None else fused(x, self.weight, self.bias)

    def describe(self) -> str:
        """Return the sizes, and what is not usual."""
        named = "" if self.activation is linear else f", {name_of(self.activation)}"
        fan_in, fan_out = self.weight.shape[-2:]  # behind those of a result, in a Jacobian
        return f"{fan_in}, {fan_out}{named}" + ("" if self.bias is not None else ", bias=False")


class MLP(Module):
    """A multi-layer perceptron: Linear layers with an activation after each.

    sizes: of the input, of each hidden layer, of the output.   activation: a name or function for all hidden layers, or
    a list with one for each.   output: that of the last layer; leave it "linear" for losses on logits.
    Raises ValueError for an unknown name or a list of the wrong length.

    >>> mlp = MLP([784, 7, 1], rng=0)
    >>> mlp
    MLP(
      784 -> 7 relu -> 1 linear
      layers.0: Linear(784, 7, relu)
      layers.1: Linear(7, 1)
    )
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *more: int,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        output: str | Activation = "linear",
        init: str | Init = "he",
        dtype: Any = np.float64,
        rng: int | Rng | None = None,
    ) -> None:
        if more or not isinstance(sizes, Sequence | np.ndarray):
            raise TypeError(f"the sizes of an MLP are one list: MLP([{', '.join(map(str, (sizes, *more)))}])")
        if len(sizes) < 2:
            raise ValueError(f"an MLP needs at least the sizes of its input and its output, got {list(sizes)}")
        hidden = len(sizes) - 2
        chosen = [activation] * hidden if isinstance(activation, str) or callable(activation) else list(activation)
        if len(chosen) != hidden:
            raise ValueError(f"{hidden} hidden layers need {hidden} activations, got {len(chosen)}: {chosen}")
        chosen = [named("activation", name, ACTIVATIONS) for name in [*chosen, output]]
        rng = as_rng(rng)
        self.layers = [
            Linear(m, n, activation=activation, init=init, dtype=dtype, rng=rng)
            for (m, n), activation in zip(itertools.pairwise(sizes), chosen, strict=True)
        ]

    def forward(self, x: Any) -> Any:
        """Return the output.   x: (batch, sizes[0]) -> (batch, sizes[-1])."""
        for layer in self.layers:
            x = layer(x)
        return x

    def describe(self) -> str:
        """Return sizes and activations."""
        steps = [f"{layer.weight.shape[-1]} {name_of(layer.activation)}" for layer in self.layers]
        return " -> ".join([str(self.layers[0].weight.shape[-2]), *steps])


def name_of(activation: Activation) -> str:
    """Return how a repr calls an activation."""
    return str(getattr(activation, "__name__", activation))


class Sequential(Module):
    """Modules or functions, one after the other.

    >>> Sequential(Linear(3, 2, rng=0), np.tanh, Linear(2, 1, rng=1))(np.ones((4, 3))).shape
    (4, 1)
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for layer in layers:
            if not callable(layer):
                raise TypeError(
                    f"Sequential takes modules and functions, got {layer!r}: pass them one by one, not in a list"
                )
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """Return the output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x
