"""A function run on variables in place of some of its arguments, for a transform to derive the record of."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tensorgrad.autograd import gradients
from tensorgrad.backends import astype, dtype_of, foreign, owned
from tensorgrad.errors import name_of
from tensorgrad.forward import pushforward
from tensorgrad.graph import Tensor, raw, wrap
from tensorgrad.node import Leaf, enable_grad
from tensorgrad.trees import Path, at, holds_module, is_array, leaves, mapped, replaced

Function = Callable[..., Any]
Argnums = int | Sequence[int]

NUMBERS = (int, float, complex)

_depth: ContextVar[int] = ContextVar("_depth", default=0)


@contextmanager
def inside() -> Iterator[bool]:
    """Run a function for a transform; the value says whether that happens within another."""
    depth = _depth.get()
    token = _depth.set(depth + 1)
    try:
        with enable_grad():
            yield depth > 0
    finally:
        _depth.reset(token)


def variable(x: Any) -> Tensor:
    """Return a tensor for one argument of a function: a new one, so that each transform has its own."""
    if isinstance(x, Tensor) and x.requires_grad:
        connected: Any = np.positive(x)  # to what x came from
        return connected  # type: ignore[no-any-return]
    data = x._data if isinstance(x, Tensor) else np.asarray(x) if not hasattr(x, "__array_function__") else x
    if dtype_of(data).kind not in "fc":
        if dtype_of(data).kind not in "iu" or np.ndim(data) or isinstance(x, np.ndarray | np.generic):
            raise TypeError(f"an argument of {dtype_of(data)} has no derivative: pass floating-point numbers")
        data = np.asarray(data, np.float64)  # a Python int
    return wrap(data, Leaf(data))


class Lifted:
    """A function run on variables in place of some of its arguments: these, its result, and what was given for them."""

    def __init__(self, f: Function, args: tuple[Any, ...], params: dict[str, Any], argnums: tuple[int, ...]) -> None:
        self.f, self.args, self.argnums = f, args, argnums
        self.paths: list[tuple[int, Path]] = []
        self.given: list[Any] = []
        self.variables: list[Tensor] = []
        self.tangents: list[Any] = []
        new = list(args)
        with inside() as nested:
            for n in argnums:
                found = dict(leaves(args[n]))
                if not found:
                    raise TypeError(f"argument {n} of {name_of(f)} holds no array to derive for: {args[n]!r:.60}")
                if not nested and holds_module(args[n]):  # its parameters are the user's: they stay apart
                    found = {
                        path: raw(x) if isinstance(x, Tensor) and x.leaf is not None else x for path, x in found.items()
                    }
                made = {path: variable(x) for path, x in found.items()}
                self.paths += [(n, path) for path in found]
                self.given += found.values()
                self.variables += made.values()
                new[n] = replaced(args[n], made)
            self.out = f(*new, **params)
        self.nested = nested or any(isinstance(x, Tensor) and x.requires_grad for x in self.given)

    def results(self) -> dict[Path, Any]:
        """Return the arrays of the result by their paths; raise TypeError if there are none."""
        found = dict(leaves(self.out))
        if not found or any(dtype_of(raw(y)).kind not in "biufc" for y in found.values()):
            raise TypeError(f"{name_of(self.f)} must return arrays of numbers to derive, got {type(self.out).__name__}")
        return found

    def gradients(self, y: Tensor, seed: Any = None, create_graph: bool | None = None) -> list[Any]:
        """Return the gradient of y for each variable."""
        return gradients(y, self.variables, seed, create_graph=self.nested if create_graph is None else create_graph)

    def pushed(self, ys: Sequence[Any], tangents: Sequence[Any], create_graph: bool = False) -> list[Any]:
        """Return the derivative of each of `ys` along `tangents`, one for each variable."""
        known = {x.node: t for x, t in zip(self.variables, tangents, strict=True)}
        found = pushforward(ys, known, create_graph=create_graph or self.nested)
        return [np.zeros_like(raw(y)) if t is None else t for y, t in zip(ys, found, strict=True)]

    def directions(self, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangent of each variable in its dtype; raise unless they fit the arguments one by one."""
        if len(tangents) != len(self.args):
            raise TypeError(f"{len(self.args)} primals need as many tangents, got {len(tangents)}")
        given = {(n, path) for n, tangent in enumerate(tangents) for path, _ in leaves(tangent)}
        if not given.issubset(self.paths):
            theirs, ours = (", ".join(sorted(place(*p) for p in places)) for places in (given, self.paths))
            raise TypeError(f"the tangents have arrays at {theirs}, the primals at {ours}: give each its own")
        found = [self.direction(tangents, n, path, x) for (n, path), x in zip(self.paths, self.variables, strict=True)]
        self.tangents = found
        return found

    def direction(self, tangents: Sequence[Any], n: int, path: Path, x: Tensor) -> Any:
        """Return the tangent of one variable."""
        t = at(tangents[n], path)
        if isinstance(t, Tensor) and t.leaf is not None and holds_module(tangents[n]):
            t = raw(t)  # a parameter stands for its values
        if not is_array(t):
            raise TypeError(f"the primal {place(n, path)} has shape {x.shape}, its tangent is {type(t).__name__}")
        refuse_misfit(f"primal {place(n, path)}", x._data, "tangent", raw(t), exact=True)
        self.nested |= isinstance(t, Tensor) and t.requires_grad
        return as_dtype(t, x.dtype)

    def like_inputs(self, values: Sequence[Any]) -> list[Any]:
        """Return one value for each variable in the structure of the arguments."""
        trees = []
        for n in self.argnums:
            found = {path: v for (m, path), v in zip(self.paths, values, strict=True) if m == n}
            trees.append(replaced(self.args[n], found))
        return trees

    def like_result(self, values: Iterable[Any]) -> Any:
        """Return one value for each array of the result in its structure."""
        return replaced(self.out, dict(zip(self.results(), self.finished(values), strict=True)))

    def as_given(self, aux: Any) -> Any:
        """Return an auxiliary result as it leaves the transform."""
        return mapped(lambda x: x if self.nested and isinstance(x, Tensor) else wrap(x) if self.nested else raw(x), aux)

    def finished(self, values: Iterable[Any], given: Sequence[Any] = (), *, nested: bool = False) -> list[Any]:
        """Return results as they leave the transform: tensors within another, else arrays of their own.

        What belongs to a Python number is one: to each of `given`, or else to all variables.
        """
        values = list(values)
        if nested or self.nested:
            return [v if isinstance(v, Tensor) else wrap(v) for v in values]
        numbers = [isinstance(x, NUMBERS) for x in given] or [all(isinstance(x, NUMBERS) for x in self.given)] * len(
            values
        )
        seen = {id(raw(x)) for x in (*self.given, *self.tangents)}
        found = []
        for value, number in zip(map(raw, values), numbers, strict=True):
            if number and np.ndim(value) == 0:
                value = np.asarray(value).item()
            elif (isinstance(value, np.ndarray) and value.base is not None) or (id(value) in seen and not number):
                value = owned(value)
            seen.add(id(value))
            found.append(value)
        return found


def place(name: object, path: Path) -> str:
    """Return where an array is, as in 0['weight']."""
    return str(name) + "".join(f"[{key!r}]" for key in path)


def as_dtype(x: Any, dtype: np.dtype[Any]) -> Any:
    """Return a tensor, an array or a number in that dtype."""
    have = x.dtype if isinstance(x, Tensor) else dtype_of(x)
    return x if have == dtype and not isinstance(x, NUMBERS) else astype(x, dtype)


def refuse_misfit(what: str, x: Any, name: str, t: Any, exact: bool = False) -> None:
    """Raise unless t has the shape of x and, of a real x, no imaginary part; if `exact`, no integers either."""
    if np.shape(t) != np.shape(x):
        raise ValueError(f"the {what} has shape {np.shape(x)}, its {name} {np.shape(t)}")
    have, kind = dtype_of(t), "real and complex" if dtype_of(x).kind == "c" else "real"
    misfit = exact and have.kind not in "fc" and not isinstance(t, int)
    if misfit or (have.kind == "c" != dtype_of(x).kind):
        raise TypeError(f"the {what} is {dtype_of(x)}, its {name} {have}: pass {kind} floating-point numbers")


def numbers(argnums: Argnums, args: tuple[Any, ...], f: Function) -> tuple[int, ...]:
    """Return the places of the arguments to derive for, counted from the left."""
    chosen = tuple(argnums) if isinstance(argnums, tuple | list) else (argnums,)
    if not chosen:
        raise TypeError(f"argnums={argnums!r} names no argument of {name_of(f)} to derive for")
    places = []
    for n in chosen:
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise TypeError(f"argnums={argnums!r}: {n!r} is not the place of an argument, a whole number")
        if not -len(args) <= n < len(args):
            raise TypeError(
                f"argnums={n}, but {name_of(f)} was called with {len(args)} positional argument{'s' * (len(args) != 1)}"
            )
        if int(n) % len(args) in places:
            raise TypeError(f"argnums={argnums!r} names argument {int(n) % len(args)} twice")
        places.append(int(n) % len(args))
    return tuple(places)


def one(trees: Sequence[Any], argnums: Argnums) -> Any:
    """Return results as `argnums` asks for: one for a number, a tuple for several."""
    return tuple(trees) if isinstance(argnums, tuple | list) else trees[0]


def scalar(y: Any, f: Function) -> Tensor:
    """Return the value of a function to derive; raise unless it is one real number."""
    if not isinstance(y, Tensor):
        if isinstance(y, bool) or not (isinstance(y, np.ndarray | np.generic | int | float) or foreign(y)):
            raise TypeError(f"{name_of(f)} must return one number, got {type(y).__name__}")
        y = wrap(y if dtype_of(y).kind in "bfc" else np.asarray(y, np.float64))
    if y.size != 1:
        raise TypeError(
            f"{name_of(f)} must return one number, got shape {y.shape}: reduce it, or use tg.jacobian, "
            "or tg.elementwise_grad"
        )
    if y.dtype.kind == "b":
        raise TypeError(
            f"{name_of(f)} must return one number, got {y.dtype}: a comparison is constant almost everywhere"
        )
    if y.dtype.kind == "c":
        raise TypeError(f"{name_of(f)} must return a real number, got {y.dtype}: take np.real or np.abs")
    found: Tensor = y
    return found


def pair(out: Any, f: Function) -> tuple[Any, Any]:
    """Return the two results of a function with has_aux=True."""
    if not isinstance(out, tuple) or len(out) != 2:
        got = f"a tuple of {len(out)}" if isinstance(out, tuple) else type(out).__name__
        raise TypeError(f"with has_aux=True, {name_of(f)} must return a pair, of a number and anything else, got {got}")
    return out
