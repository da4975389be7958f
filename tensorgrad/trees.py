"""Nested arguments: dicts, lists, tuples, dataclasses and modules, taken apart into arrays and put together again."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tensorgrad.backends import Recorder, foreign

Tree = Any
Path = tuple[Any, ...]


def is_array(x: Any) -> bool:
    """Whether x is an array, a tensor or a number: what gradients can belong to."""
    if isinstance(x, bool):
        return False
    return isinstance(x, Recorder | np.ndarray | np.generic | int | float | complex) or foreign(x)


def parts(tree: Tree) -> dict[Any, Any] | None:
    """Return what is directly in a container, by key or place or name; None if it is none."""
    if isinstance(tree, dict):
        return tree
    if isinstance(tree, list | tuple):
        return dict(enumerate(tree))
    if hasattr(type(tree), "__dataclass_fields__"):
        return {name: getattr(tree, name) for name in type(tree).__dataclass_fields__}
    if is_module(tree):
        return dict(vars(tree))
    return None


def is_module(x: Any) -> bool:
    """Whether x is a module; there can be none before `nn` is imported."""
    nn = sys.modules.get("tensorgrad.nn.module")
    return nn is not None and isinstance(x, nn.Module)


def holds_module(tree: Tree) -> bool:
    """Whether a tree is a module, or has one in it."""
    return is_module(tree) or any(map(holds_module, (parts(tree) or {}).values()))


def leaves(tree: Tree, path: Path = (), within: bool = False) -> Iterator[tuple[Path, Any]]:
    """Yield the path and the value of every array in a tree; of a module, of every tensor that requires a gradient.

    Numbers count as arrays, but not in a module, where they are settings. Anything else is left as it is.
    """
    inside = parts(tree)
    if inside is None:
        if is_array(tree) and (not within or getattr(tree, "requires_grad", False)):
            yield path, tree
        return
    for key, value in inside.items():
        yield from leaves(value, (*path, key), within or is_module(tree))


def at(tree: Tree, path: Path) -> Any:
    """Return what is at a path of a tree; None if it has no such place."""
    for key in path:
        tree = (parts(tree) or {}).get(key)
    return tree


def replaced(tree: Tree, values: dict[Path, Any], path: Path = ()) -> Tree:
    """Return a tree with other values at some paths; what does not change is not copied."""
    if path in values:
        return values[path]
    inside = parts(tree)
    if inside is None or not any(place[: len(path)] == path for place in values):
        return tree
    new = {key: replaced(value, values, (*path, key)) for key, value in inside.items()}
    if isinstance(tree, dict):
        return type(tree)(new) if type(tree) is dict else _filled(tree, new)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*new.values())
    if isinstance(tree, list | tuple):
        return type(tree)(new.values())
    twin = object.__new__(type(tree))  # a dataclass or a module: without running what its constructor does
    for name, value in new.items():
        object.__setattr__(twin, name, value)
    return twin


def _filled(tree: Any, new: dict[Any, Any]) -> Any:
    """Return a copy of a dict of another type, with new values."""
    twin = tree.copy()
    twin.update(new)
    return twin


def mapped(f: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Return a tree of f of the arrays at the same place of one tree or several."""
    found = [dict(leaves(other)) for other in others]
    return replaced(tree, {path: f(x, *(other[path] for other in found)) for path, x in leaves(tree)})
