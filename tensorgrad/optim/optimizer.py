"""The thin stateful driver of the update rules: it holds the parameters, their states and the learning rate."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from tensorgrad.errors import trim, trims
from tensorgrad.optim import inplace
from tensorgrad.optim.flat import Flat
from tensorgrad.optim.updates import Moments, Squares, Velocity, adam, momentum, rmsprop, sgd

Parameter = Any  # a leaf tensor: .data, .grad, .requires_grad, .name


class Optimizer:
    """Changes parameters by their gradients, each by the same update rule with a state of its own.

    Parameters that are NumPy arrays are updated in place, as views of flat arrays; others by the pure rule.
    """

    update: ClassVar[Callable[..., tuple[Any, Any]]]
    in_place: ClassVar[Callable[..., inplace.Kernel]]
    state_type: ClassVar[type[Any]]

    @trims
    def __init__(self, params: Iterable[Parameter], lr: float, **options: Any) -> None:
        if callable(getattr(params, "parameters", None)):
            raise TypeError(f"pass the parameters of {type(params).__name__}, not itself: model.parameters()")
        unique = {id(p): p for p in params}  # a shared parameter is updated once
        self.params: list[Parameter] = list(unique.values())
        if not self.params:
            raise ValueError("an optimizer needs at least one parameter, got none")
        for i, p in enumerate(self.params):
            if getattr(p, "leaf", None) is None:
                raise TypeError(f"parameter {i} is not a tensor that requires a gradient, but {p!r:.60}")
        self.lr = lr
        self.options = options
        self.hold()

    def hold(self) -> None:
        """Start with no states: the next step sorts the parameters, as they are then, into arrays."""
        self.leaves = [p.leaf for p in self.params]  # a tensor keeps its leaf, also while it is frozen
        self.nodes: list[Any] = []  # at the last step: the leaves of those that were not frozen, None for the others
        self.states: dict[int, Any] = {}  # of parameters that are no NumPy arrays, by place
        self.flats: list[Flat] = []  # the others, by dtype

    @property
    def lr(self) -> float:
        """The learning rate; it may be changed between steps."""
        return self._lr

    @lr.setter
    @trims
    def lr(self, lr: float) -> None:
        lr = float(lr)  # a NumPy scalar would lift float32 parameters
        if not (lr >= 0 and math.isfinite(lr)):
            raise ValueError(f"the learning rate must be a number from 0 upwards, got {lr}")
        self._lr = lr

    def step(self) -> None:
        """Update every parameter that requires a gradient. Raises RuntimeError, naming it, if one has none."""
        try:
            nodes = [p.node for p in self.params]  # a node where a gradient is required
            if missing := [node for node in nodes if node is not None and node.grad is None]:
                i = nodes.index(missing[0])
                raise RuntimeError(
                    f"{self.params[i].name or f'parameter {i}'} requires a gradient and has none at step(): "
                    "call backward() on a loss that depends on it first, or freeze it with requires_grad = False"
                )
            if nodes != self.nodes:
                self.choose(nodes)
            for flat in self.flats:
                if not flat.adopt():
                    self.load_state_dict(self.state_dict())  # sorts them anew by dtype
                    self.step()
                    return
            for flat in self.flats:
                flat.update(self._lr)
            for i, state in self.states.items():
                if (p := self.params[i]).node is not None:
                    p.data, self.states[i] = type(self).update(p.data, p.grad, state, lr=self._lr, **self.options)
        except Exception as error:
            trim(error)
            raise

    def choose(self, nodes: list[Any]) -> None:
        """Take the parameters that have nodes to be those that require a gradient."""
        if not self.flats and not self.states:
            self.arrange()
        for flat in self.flats:
            flat.choose([k for k, i in enumerate(flat.places) if nodes[i] is not None])
        self.nodes = nodes

    def arrange(self) -> None:
        """Sort the parameters by dtype into flat arrays; those of other array types get a state each."""
        self.hold()
        places: dict[Any, list[int]] = {}
        for i, p in enumerate(self.params):
            if isinstance(p.data, np.ndarray):
                places.setdefault(p.dtype, []).append(i)
            else:
                self.states[i] = None
        kernel = type(self).in_place(**self.options)
        self.flats = [Flat(found, [self.params[i] for i in found], kernel) for found in places.values()]

    def refuse_complex(self) -> None:
        """Raise TypeError if a parameter is complex: the square of its gradient is no size."""
        for i, p in enumerate(self.params):
            if p.dtype.kind == "c":
                raise TypeError(
                    f"{type(self).__name__} takes real parameters, {p.name or f'parameter {i}'} is complex: "
                    "make its real and its imaginary part parameters"
                )

    def moments(self) -> tuple[str, ...]:
        """Return the names of the averages that the rule keeps per element."""
        return tuple(name for name in self.state_type._fields if name != "t")

    def zero_grad(self) -> None:
        """Forget all gradients: sets them to None."""
        for leaf in self.leaves:
            leaf.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the learning rate and the state of every parameter as a flat dict of arrays, which np.savez keeps."""
        state = {"lr": np.asarray(self.lr)}
        for i, kept in sorted({**self.states, **self.flat_states()}.items()):
            for name, value in {} if kept is None else kept._asdict().items():
                state[f"{i}.{name}"] = np.array(value)
        return state

    def flat_states(self) -> dict[int, Any]:
        """Return the states of the parameters in flat arrays, of those that have taken a step, by place."""
        found = {}
        for flat in self.flats:
            for i, span, view, t in zip(flat.places, flat.spans, flat.views, flat.taken(), strict=True):
                if t and flat.moments:
                    pairs = zip(flat.moments, flat.kernel.scales, strict=True)
                    kept = iter([(m[span] * scale).reshape(view.shape) for m, scale in pairs])
                    found[i] = self.state_type(*(t if name == "t" else next(kept) for name in self.state_type._fields))
        return found

    @trims
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned. Raises KeyError or ValueError if it is not of these parameters."""
        if "lr" not in state:
            raise KeyError(f"the state lacks lr: is it one that {type(self).__name__}.state_dict() returned?")
        fields = self.state_type._fields if self.moments() else ()
        known = {"lr", *(f"{i}.{name}" for i in range(len(self.params)) for name in fields)}
        if extra := sorted(set(state.keys()) - known):
            raise KeyError(
                f"the state has {', '.join(extra)}, which {type(self).__name__} of {len(self.params)} has not"
            )
        states: dict[int, Any] = {}
        for i, p in enumerate(self.params):
            found: list[Any] = [np.array(state[f"{i}.{name}"]) for name in fields if f"{i}.{name}" in state]
            if found and len(found) != len(fields):
                raise KeyError(f"the state of parameter {i} is incomplete: it needs {', '.join(fields)}")
            for name, value in zip(fields, found, strict=False):
                if name != "t" and value.shape != p.shape:
                    raise ValueError(f"{i}.{name} has shape {value.shape}, {p.name or f'parameter {i}'} has {p.shape}")
            found = [int(value) if name == "t" else value for name, value in zip(fields, found, strict=False)]
            if found:
                states[i] = self.state_type(*found)
        self.lr = float(state["lr"])
        self.arrange()
        self.states = {i: states.get(i) for i in self.states}
        for flat in self.flats:
            for k, i in enumerate(flat.places):
                if i in states:
                    flat.steps[k] = getattr(states[i], "t", 1)
                    for m, scale, name in zip(flat.moments, flat.kernel.scales, self.moments(), strict=True):
                        np.divide(getattr(states[i], name).reshape(-1), scale, out=m[flat.spans[k]])

    def __getstate__(self) -> dict[str, Any]:  # views do not survive pickling or copying: the next step makes new ones
        return {"params": self.params, "options": self.options, "state": self.state_dict()}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.params, self.options = kept["params"], kept["options"]
        self.load_state_dict(kept["state"])

    def __repr__(self) -> str:
        options = "".join(f", {name}={value}" for name, value in self.options.items())
        return f"{type(self).__name__}({len(self.params)} parameters, lr={self.lr}{options})"


class SGD(Optimizer):
    """Gradient descent, with classical momentum v = momentum * v + g, or Nesterov's; see `sgd`."""

    update, in_place, state_type = sgd, inplace.sgd, Velocity

    @trims
    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        require_fraction("momentum", momentum)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        if weight_decay < 0:
            raise ValueError(f"weight_decay must not be negative, got {weight_decay}")
        super().__init__(params, lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    def moments(self) -> tuple[str, ...]:
        """Return the velocity, if there is momentum."""
        return ("v",) if self.options["momentum"] else ()


class Momentum(Optimizer):
    """Gradient descent along the moving average v = beta * v + (1 - beta) * g; see `momentum`.

    It averages: for the sum of torch.optim.SGD(momentum=0.9), which steps ten times as far at the same lr, use
    SGD(momentum=0.9).
    """

    update, in_place, state_type = momentum, inplace.momentum, Velocity

    @trims
    def __init__(self, params: Iterable[Parameter], lr: float = 0.01, *, beta: float = 0.9) -> None:
        super().__init__(params, lr, beta=require_fraction("beta", beta))


class RMSProp(Optimizer):
    """Gradient descent with each step divided by the root of the mean square of past gradients; see `rmsprop`."""

    update, in_place, state_type = rmsprop, inplace.rmsprop, Squares

    @trims
    def __init__(self, params: Iterable[Parameter], lr: float = 0.01, *, beta: float = 0.9, eps: float = 1e-8) -> None:
        super().__init__(params, lr, beta=require_fraction("beta", beta), eps=eps)
        self.refuse_complex()


class Adam(Optimizer):
    """Momentum and RMSProp in one, both corrected for their start; see `adam`."""

    update, in_place, state_type = adam, inplace.adam, Moments

    @trims
    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        b1, b2 = betas
        super().__init__(params, lr, betas=(require_fraction("beta1", b1), require_fraction("beta2", b2)), eps=eps)
        self.refuse_complex()


def require_fraction(name: str, value: float) -> float:
    """Return a decay factor as a Python float; raise ValueError unless 0 <= value < 1."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value}")
    return float(value)


@trims
def clip_grad_norm(params: Iterable[Parameter], max_norm: float) -> float:
    """Scale all gradients together so that their joint 2-norm is at most `max_norm`; return the norm before.

    Parameters without a gradient do not count. A norm that is not finite is returned, and nothing is scaled.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive, got {max_norm}")
    params = [p for p in params if p.grad is not None]
    wide = (
        np.asarray(p.grad, dtype=np.result_type(p.grad, np.float64)) for p in params
    )  # squares may overflow float32
    norm = math.hypot(*(float(np.linalg.norm(g)) for g in wide))
    if max_norm < norm < math.inf:
        for p in params:
            p.grad = p.grad * (max_norm / norm)
    return norm
