"""What has parameters: they are found by walking attributes, and named by their path."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from reprlib import recursive_repr
from typing import Any, Self

import numpy as np

from tensorgrad.errors import trim
from tensorgrad.graph import Tensor
from tensorgrad.hooks import Handle


class Text(str):
    """A text that a Python prompt shows as it is."""

    __slots__ = ()
    __repr__ = str.__str__


class Module:
    """A function with parameters: a subclass sets tensors and modules as attributes, and defines `forward`.

    Parameters are the tensors that require a gradient, or did before they were frozen, in attributes, and in modules,
    lists, tuples and dicts in attributes.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = tg.tensor(2.0, requires_grad=True)
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> import tensorgrad as tg
    >>> Scale()(np.array([1.0, 2.0]))
    tensor([2., 4.], op=multiply)
    """

    training = True
    _forward_hooks: Sequence[Handle] = ()

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run `forward`, and the hooks."""
        try:
            if len(args) == 1 and not options and not self._forward_hooks:  # a plain call takes half the time
                return self.forward(args[0])
            out = self.forward(*args, **options)
            for handle in tuple(self._forward_hooks):  # a hook may remove itself
                found = handle.fn(self, (*args, *options.values()), out)
                out = out if found is None else found
            return out
        except Exception as error:
            trim(error)
            raise

    def forward(self, *_args: Any, **_options: Any) -> Any:
        """Compute the output; a subclass defines it."""
        raise TypeError(f"{type(self).__name__} defines no forward(self, x)")

    def register_forward_hook(self, fn: Callable[["Module", tuple[Any, ...], Any], Any]) -> Handle:
        """Let `fn(module, inputs, output)` see every output, and replace it by what it returns, if that is not None.

        In there, `output.register_hook` reaches the gradient. Returns a handle, whose `remove()` takes the hook away.

        >>> from tensorgrad import nn
        >>> model = nn.MLP([2, 3, 1])
        >>> handle = model.register_forward_hook(lambda module, args, out: print(out.shape))
        >>> _ = model(np.ones((5, 2)))
        (5, 1)
        """
        if not isinstance(self._forward_hooks, list):
            self._forward_hooks = []
        return Handle(self._forward_hooks, fn)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        for path, found in walk(value, name, set()):
            if isinstance(found, Tensor):
                found.name = path

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the path and the tensor of every parameter, each tensor once."""
        return ((path, found) for path, found in walk(self, "", set()) if isinstance(found, Tensor))

    def parameters(self) -> list[Tensor]:
        """Return every parameter, in the order of attributes, each named by its path from here."""
        found = dict(self.named_parameters())
        for path, p in found.items():
            p.name = path
        return list(found.values())

    def modules(self) -> list["Module"]:
        """Return this module and every module in it."""
        return [found for _, found in walk(self, "", set()) if isinstance(found, Module)]

    def train(self, on: bool = True) -> Self:
        """Set `training` here and in every module below."""
        for module in self.modules():
            module.training = on
        return self

    def eval(self) -> Self:
        """Leave training mode."""
        return self.train(False)

    def astype(self, dtype: Any) -> Self:
        """Convert every parameter, in place."""
        for p in self.parameters():
            p.data = p.data.astype(dtype)
        return self

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return copies of all parameters by path; `np.savez(file, **state)` keeps them."""
        return {path: np.array(p.data) for path, p in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter from what `state_dict` returned, or `np.load` read. Keeps this module's dtypes.

        Raises KeyError if a parameter is missing or one too many, ValueError if a shape differs; then nothing is set.
        """
        own = dict(self.named_parameters())
        if missing := sorted(own.keys() - set(state.keys())):
            raise KeyError(f"the state lacks {', '.join(missing)}")
        if extra := sorted(set(state.keys()) - own.keys()):
            raise KeyError(f"the state has {', '.join(extra)}, which {type(self).__name__} has not")
        arrays = {path: np.array(state[path], dtype=p.dtype) for path, p in own.items()}
        for path, p in own.items():
            if arrays[path].shape != p.shape:
                raise ValueError(f"{path} has shape {p.shape}, the state has {arrays[path].shape}")
        for path, p in own.items():
            p.data = arrays[path]

    def summary(self) -> Text:
        """Return a table of all parameters: path, shape, dtype, number of elements."""
        rows = [(path, str(p.shape), str(p.dtype), f"{p.size:,}") for path, p in self.named_parameters()]
        frozen = sum(p.size for p in self.parameters() if not p.requires_grad)
        total = f"{sum(p.size for p in self.parameters()):,}"
        rows = [("parameter", "shape", "dtype", "count"), *rows, ("total", "", "", total)]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}" for a, b, c, d in rows]
        rule = "-" * len(lines[0])
        note = [f"{frozen:,} of them frozen"] if frozen else []
        return Text("\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], *note]))

    def describe(self) -> str:
        """Return what stands between the parentheses of the repr; a subclass may say more."""
        return ""

    @recursive_repr()
    def __repr__(self) -> str:
        children = [(name, value) for name, value in parts(self) if holds_module(value)]
        if not children:
            return f"{type(self).__name__}({self.describe()})"
        lines = [
            f"{path}: {child!r}".replace("\n", "\n  ")
            for name, value in children
            for path, child in ([(name, value)] if isinstance(value, Module) else parts(value, name))
            if isinstance(child, Module)
        ]
        extra = [self.describe()] if self.describe() else []
        return f"{type(self).__name__}(\n  " + "\n  ".join([*extra, *lines]) + "\n)"


def parts(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return what is in a module, list, tuple or dict, with its path."""
    items: Any = ()
    if isinstance(value, Module):
        items = vars(value).items()
    elif isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    return [(f"{path}.{name}" if path else str(name), item) for name, item in items]


def holds_module(value: Any) -> bool:
    """Whether a value is a module, or a list, tuple or dict of some."""
    return isinstance(value, Module) or any(isinstance(item, Module) for _, item in parts(value))


def walk(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Tensor | Module]]:
    """Yield every parameter and module in `value`, each once, with its path."""
    if isinstance(value, Tensor):
        if value.leaf is not None and id(value) not in seen:
            seen.add(id(value))
            yield path, value
    elif isinstance(value, Module | Mapping | list | tuple) and id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, Module):
            yield path, value
        for below, item in parts(value, path):
            yield from walk(item, below, seen)
