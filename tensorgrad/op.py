"""What an operation is: a NumPy function and its derivative rules. Knows NumPy, not tensors.

A rule is a plain NumPy expression, `vjp(g, out, *arrays, **params)`, from the gradient `g` of the result to the
gradient of one array. It never mentions broadcasting: the engine un-broadcasts. It underscores what it needs only
the shape of, and the graph does not keep that. It never conjugates: the engine does so once, at the leaves.
"""

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from tensorgrad.shapes import mismatch

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)
Interval = tuple[float, float]
Case = tuple[tuple[tuple[int, ...], ...], dict[str, Any]]

POSITIVE: Interval = (0.5, 2.0)
UNIT: Interval = (-0.9, 0.9)


class Each:
    """The rules of a function of any number of arrays, `rule(i, g, out, *arrays, **params)`: one for every i."""

    def __init__(self, rule: Function) -> None:
        self.rule = rule

    def __iter__(self) -> Iterator[Function]:
        return (partial(self.rule, i) for i in itertools.count())


class Keeps(dict[int, tuple[bool, ...]]):
    """Whether each array, and last the result, is read by the rules of the live arrays: bit j of the key is array j's.

    It fills itself; a lookup is what a recorded call has time for.
    """

    everything: ClassVar[Callable[[], bool] | None] = None  # while somewhere all is kept: whether here

    def __init__(self, reads: tuple[frozenset[int], ...] | frozenset[int]) -> None:
        super().__init__()
        self.reads = () if isinstance(reads, frozenset) else reads

    def __missing__(self, live: int) -> tuple[bool, ...]:
        everything = Keeps.everything
        if everything is not None and everything():
            return (True,) * (len(self.reads) + 1)
        read = frozenset[int]().union(*(r for j, r in enumerate(self.reads) if live >> j & 1))
        found = (*(j + 1 in read for j in range(len(self.reads))), 0 in read)
        if everything is None:
            self[live] = found
        return found


@dataclass(frozen=True, eq=False)
class Op:
    """A NumPy function and its derivative; what a graph keeps, errors, pictures and tests follow from the fields."""

    fn: Function  # as users call it: its key in the table
    forward: Function  # the same on raw arrays: forward(*arrays, **params)
    # "rules": has derivatives.  "composite": forward is written in other NumPy calls, and takes tensors.
    # "step": piecewise constant, gives a tensor without gradient.  "plain": gives a mask, an index, a fact: no tensor.
    # "write": changes an argument.  "refused": raises, for a reason.
    kind: Literal["rules", "composite", "step", "plain", "write", "refused"]
    vjps: tuple[Function | None, ...] | Each = ()  # None where the function is constant in that array
    reads: tuple[frozenset[int], ...] | frozenset[int] = ()  # what each rule reads: 0 the result, j + 1 array j
    accepts: frozenset[str] = frozenset()  # keyword parameters that every rule knows
    unpack: Function | None = None  # (args, params) -> (arrays, params), where the arrays do not simply come first
    signature: str = ""  # in gufunc notation, where the function has a fixed one: "(m,k),(k,n)->(m,n)"
    domain: Interval | tuple[Interval, ...] = (-2.0, 2.0)  # away from poles and kinks: one for all arrays, or each
    view: bool = False  # the result may show the memory of the first array
    elementwise: bool = False  # each element of the result comes from one element of each array, after broadcasting
    cases: tuple[Case, ...] = ()  # calls that show the parameters, for tests and documentation: (shapes, params)
    of: "Op | None" = None  # what the step does first, where it does two things: a product
    then: "Op | None" = None  # what it goes on to do to the result, elementwise: an activation
    prepare: Function | None = None  # makes arguments of arbitrary arrays, for tests: a symmetric matrix, say
    reason: str = ""  # why it is refused, and what to do
    work: Function | None = None  # an array that rules read in place of the result: forward returns it as well
    keeps: "Keeps" = field(init=False, repr=False)  # by which arrays are live: what the graph has to keep

    def __post_init__(self) -> None:
        object.__setattr__(self, "keeps", Keeps(self.reads))

    @cached_property
    def name(self) -> str:
        """The function's name, as errors and pictures show it."""
        return str(self.fn.__name__)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in the order of NumPy's call, arrays first; a ufunc's are positional only."""
        called = self.fn if self.kind == "composite" else self.forward
        return () if isinstance(called, np.ufunc) else tuple(inspect.signature(called).parameters)

    def bind(self, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split a call into its arrays and its other arguments by name, however these were passed."""
        if self.unpack is not None:
            args, params = self.unpack(args, params)
        elif self.kind == "composite":
            n = self.forward.__code__.co_argcount
            params = {**dict(zip(self.parameters[n:] if len(args) > n else (), args[n:], strict=False)), **params}
            args = args[:n]
        elif len(args) != (n := len(self.reads)):
            if len(args) > n and len(self.parameters) >= len(args):
                params = {**dict(zip(self.parameters[n:], args[n:], strict=False)), **params}
                args = args[:n]
            else:
                missing = self.parameters[len(args) : n]
                args = (*args, *(params[name] for name in missing if name in params))
                params = {name: value for name, value in params.items() if name not in missing}
            if len(args) != n:
                raise TypeError(f"{self.name} takes {n} array{'s' * (n != 1)}, got {len(args)}")
        if params and not params.keys() <= self.accepts:
            params = {name: value for name, value in params.items() if name in self.accepts or not idle(name, value)}
            if unknown := sorted(params.keys() - self.accepts):
                raise TypeError(
                    f"{self.name} has no derivative for {', '.join(name + '=' for name in unknown)}. "
                    "Leave it out, write it with other functions, or compute on .data"
                )
        return args, params

    def given(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what rules are given of the arrays: none, if one rule for any number of them reads none.

        A call of n arguments for each of n arrays would take the square of the time.
        """
        return () if isinstance(self.reads, frozenset) and 1 not in self.reads else args

    def kept(self, live: tuple[bool, ...]) -> tuple[bool, ...]:
        """Say whether each array, and last the result, is read by the rules of the arrays that are `live`."""
        if isinstance(self.reads, frozenset):  # one rule for any number of arrays
            everything = Keeps.everything
            if everything is not None and everything():
                return (True,) * (len(live) + 1)
            return (*(1 in self.reads for _ in live), 0 in self.reads)
        return self.keeps[sum(on << j for j, on in enumerate(live))]

    def explain(self, error: Exception, shapes: Iterable[tuple[int, ...]], params: dict[str, Any]) -> Exception:
        """Return the error to raise when `forward` failed: about the shapes if these do not fit, else the same."""
        shapes = tuple(shapes)
        if isinstance(error, ValueError) and (message := mismatch(self.signature, shapes, self.elementwise)):
            return ValueError(f"{self.name}: {message}")
        how = "".join(f", {name}={value!r:.60}" for name, value in params.items())
        error.add_note(f"in {self.name} of arrays of shape {', '.join(map(str, shapes))}{how}")
        return error


def idle(name: str, value: object) -> bool:
    """Whether to pass this parameter says no more than to leave it out."""
    return value is None or value is np._NoValue or (name == "where" and value is True)


class Table(dict[Function, Op]):
    """The ops by function. What was made from an entry is forgotten when it changes."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[dict[Any, Any]] = []

    def __setitem__(self, fn: Function, op: Op) -> None:
        super().__setitem__(fn, op)
        for kept in self.made:
            kept.clear()


OPS = Table()


def register(
    fn: Function,
    *vjps: Function | None,
    signature: str = "",
    domain: Interval | tuple[Interval, ...] = (-2.0, 2.0),
    cases: Iterable[Case] = (),
    forward: Function | None = None,
    unpack: Function | None = None,
    view: bool = False,
    elementwise: bool = False,
    prepare: Function | None = None,
    of: Function | None = None,
    then: Function | None = None,
    work: Function | None = None,
) -> None:
    """Give `fn` its derivative: one rule for each array that it takes, or None where it is constant in that array.

    A rule is `vjp(g, out, *arrays, **params)`, in NumPy expressions; see this module's docstring for what it may
    leave out. Without rules, `fn` is constant almost everywhere, and its result has no gradient.

    domain, cases, prepare: which calls the generated tests make: elements from an interval away from poles and kinks,
    the shapes and parameters, and a function of the arrays that makes the arguments.
    elementwise: each element of the result comes from one element of each array, as a ufunc's does anyway.
    of, then: registered functions, of which `forward` does one after the other, such as a product and an activation.
    The rules given are those of the first; that of the second is applied before, and must read the result only.
    work: a function of the arrays that rules want instead of the result. `forward` returns the result and its value,
    so that it is computed once; for higher derivatives it is called, with arrays that no rule may underscore.

    >>> register(np.tanh, lambda g, y, _x: g * (1 - y * y))
    """
    accepts, reads = [], []
    for rule in vjps:
        if rule is None:
            reads.append(frozenset[int]())
            continue
        if not hasattr(rule, "__code__"):
            raise TypeError(f"a rule is a Python function of (g, out, arrays), got {rule!r}")
        code = rule.__code__
        arrays = code.co_varnames[1 : len(vjps) + 2]
        if len(arrays) < len(vjps) + 1 or code.co_argcount < len(vjps) + 2:
            raise TypeError(
                f"a rule for {fn.__name__} takes (g, out, {', '.join('xyzuvw'[: len(vjps)])}), "
                f"got ({', '.join(code.co_varnames[: code.co_argcount])})"
            )
        read = frozenset(j for j, name in enumerate(arrays) if not name.startswith("_"))
        reads.append(read if then is None else read | {0})
        accepts.append(frozenset(code.co_varnames[len(vjps) + 2 : code.co_argcount + code.co_kwonlyargcount]))
    OPS[fn] = Op(
        fn,
        forward or fn,
        "rules" if vjps else "step",
        vjps,
        tuple(reads),
        frozenset.intersection(*accepts) if accepts else frozenset(),
        unpack,
        signature,
        domain,
        view,
        elementwise or (isinstance(fn, np.ufunc) and fn.signature is None),
        tuple(cases),
        None if of is None else OPS[of],
        None if then is None else OPS[then],
        prepare,
        work=work,
    )


def register_each(
    fn: Function,
    rule: Function,
    *,
    reads: Iterable[Literal["out", "arrays"]],
    forward: Function,
    unpack: Function,
    domain: Interval | tuple[Interval, ...] = (-2.0, 2.0),
    cases: Iterable[Case] = (),
    prepare: Function | None = None,
    view: bool = False,
) -> None:
    """Give a function of any number of arrays its derivative: `rule(i, g, out, *arrays, **params)` for the i-th.

    A rule that does not read "arrays" is called without.
    """
    read = frozenset({"out": 0, "arrays": 1}[name] for name in reads)
    code = rule.__code__
    accepts = frozenset(code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount])
    OPS[fn] = Op(
        fn, forward, "rules", Each(rule), read, accepts, unpack, "", domain, view, cases=tuple(cases), prepare=prepare
    )


def composite(
    fn: Function,
    *,
    domain: Interval | tuple[Interval, ...] = (-2.0, 2.0),
    cases: Iterable[Case] = (),
    prepare: Function | None = None,
    view: bool = False,
) -> Callable[[F], F]:
    """Express `fn` through other NumPy functions: it then needs no rule.

    view: NumPy's result may show the memory of the first array, and so must ours, also of tensors without gradient.

    >>> @composite(np.ptp)
    ... def ptp(a, axis=None):
    ...     return np.max(a, axis=axis) - np.min(a, axis=axis)
    """

    def decorate(body: F) -> F:
        code = body.__code__
        accepts = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        OPS[fn] = Op(
            fn, body, "composite", accepts=accepts, domain=domain, view=view, cases=tuple(cases), prepare=prepare
        )
        return body

    return decorate


def register_plain(*functions: Function) -> None:
    """Let functions whose result is a mask, an index or a fact about shapes run on the arrays, and give arrays."""
    for fn in functions:
        OPS[fn] = Op(fn, fn, "plain")


def register_write(fn: Function) -> Callable[[F], F]:
    """Give a function that changes its first argument a body that does so to tensors."""

    def decorate(body: F) -> F:
        OPS[fn] = Op(fn, body, "write")
        return body

    return decorate


def refuse(reason: str, *functions: Function) -> None:
    """Let functions raise TypeError on tensors, with the reason and the way out."""
    for fn in functions:
        OPS[fn] = Op(fn, fn, "refused", reason=reason)


def unsupported(fn: Function) -> TypeError:
    """Return the error for a function that is not in the table, or is there to be refused."""
    module = getattr(fn, "__module__", None) or "numpy"
    name = f"{module}.{fn.__name__}".replace("numpy", "np", 1)
    if fn in OPS:
        return TypeError(f"{name} does not take tensors: {OPS[fn].reason}")
    return TypeError(
        f"{name} has no derivative here: no rule is registered for it. "
        f"Give it one with tg.register({name}, rule), write it with other functions, or compute on .data"
    )
