"""Writes the two hot loops out for a fixed number of arrays: recording a call, and taking its step backwards.

`graph.record` and `autograd.each_step` do the same for any number of arrays, and for what is unusual: other array
types, parameters, errors that explain themselves. What is written here leaves all of that to them. It is text, because
a loop in Python over one or two arrays costs as much as NumPy's work on them.
"""

import itertools
import linecache
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

Function = Callable[..., Any]

MOST = 3  # arrays; functions of more go through the loops

LOCALS = {  # which no argument of a recorded function may be called
    *("x0", "x1", "x2", "n0", "n1", "n2", "keep0", "keep1", "keep2", "keep_out"),
    *("out", "work", "shape", "dtype", "op", "node", "result", "more", "params", "error"),
}
LIVE = (  # which arrays are, as the bits of a number
    "1",
    "3 if n0 and n1 else 1 if n0 else 2",
    "(n0 is not None) + 2 * (n1 is not None) + 4 * (n2 is not None)",
)
READ = """
    if type({name}) is Tensor:
        x{i} = {name}._data
        n{i} = {name}.node
    elif type({name}) in PLAIN:
        x{i} = {name}
        n{i} = None
    elif type({name}) in VIEWS:
        x{i} = {name}._data
        n{i} = {name}.node
    else:
        return slow({names})
"""
MORE = """
    if more or params:
        return slow({names}, *more, **params)
"""
RUN = """
    try:
        {outs} = {out}
        shape = out.shape
        dtype = out.dtype
    except Exception:
        return slow({names})  # fails again, and says why; or the array type has no attributes
    if {constant} or not is_recording():
        {leave}
        result = Tensor()
        result._data = out
        result.node = None
        return result
    op = OPS[{fn}]
    {keep}, keep_out = op.keeps[{live}]
    node = Node()
    node.op = op
    node.args = ({args},)
    node.inputs = ({n},)
    node.params = NOTHING
    node.out = {work} if keep_out else None
    node.shape = shape
    node.dtype = dtype
    node.seq = tick()
    result = Tensor()
    result._data = out
    result.node = node
    return result
"""
CATCH = """
    except Exception as error:
        trim(error)
        raise
"""
STEP = """
    if n{i} is not None and vjp{i} is not None and (needed is None or n{i} in needed):
        term = vjp{i}(g, out, {x}, **params) if params else vjp{i}(g, out, {x})
        try:
            fits = term.dtype is n{i}.dtype and term.shape == n{i}.shape
        except AttributeError:  # a Python number, or an array type without attributes
            fits = False
        if not fits:
            term = match(term, n{i}.shape, n{i}.dtype)
        if n{i} in totals:
            add(totals, n{i}, term, sums)
        else:
            totals[n{i}] = term
            if n{i}.op is not None:
                push(waiting, (n{i}.seq, n{i}))
"""


def recorder(
    names: Sequence[str],
    space: dict[str, Any],
    *,
    infix: str = "",
    reverse: bool = False,
    alike: bool = False,
    free: bool = False,
    more: bool = False,
    work: bool = False,
) -> Function:
    """Return `make(fn, forward, slow)`, which returns a function that runs `forward` on arrays and records `fn`.

    names: of the arguments.   space: where the text above finds what it refers to.   infix: how Python writes
    `forward` of x0 and x1; these are tensors and what an operator meets.   reverse: the last argument is the
    first array.   alike: let NumPy have operands of one kind.   free: `fn` is what is made, and gives no tensor where
    it gets none.   more: it has further parameters, with defaults; a call that sets one goes to `slow`.
    work: `forward` returns what rules read, behind the result.
    """
    n = len(names)
    words = {
        "names": ", ".join(names),
        "x": ", ".join(f"x{i}" for i in range(n)),
        "n": ", ".join(f"n{i}" for i in range(n)),
        "fn": "call" if free else "fn",
        "constant": " and ".join(f"n{i} is None" for i in range(n)),
        "leave": f"if {' and '.join(f'type({name}) in PLAIN' for name in names)}: return out" if free else "",
        "outs": "out, work" if work else "out",
        "work": "work" if work else "out",
        "keep": ", ".join(f"keep{i}" for i in range(n)),
        "live": LIVE[n - 1],
        "out": infix or f"forward({', '.join(f'x{i}' for i in range(n))})",
        "args": ", ".join(f"x{i} if keep{i} else n{i} or stand_in(x{i})" for i in range(n)),
    }
    text = MORE.format(**words) if more else ""
    for i, name in enumerate(reversed(names) if reverse else names):
        if name == "self":
            text += f"\n    x{i} = self._data\n    n{i} = self.node\n"
            continue
        text += READ.format(name=name, i=i, **words)
    if alike:
        text += "\n    if type(x0) is not type(x1):\n        x0, x1 = alike(x0, x1)\n"
    text = "".join(f"    {line}\n" for line in (text + RUN.format(**words)).splitlines())
    text = f"def call({words['names']}{', *more, **params' * more}):\n    try:\n{text}{CATCH}"
    return made("fn, forward, slow", text, "call", space)


def stepper(n: int, space: dict[str, Any], then: bool) -> Function:
    """Return `make(first, vjp0, vjp1, ...)`, which returns a function that takes a step of `n` arrays backwards.

    It adds to `totals` the gradient of each array whose node is live, and `needed`; nodes that are new there, and no
    leaves, join the heap `waiting`.   then: apply the rule `first` to the gradient before the others.
    """
    x = ", ".join(f"x{i}" for i in range(n))
    text = f"def step(node, g, out, args, params, needed, totals, waiting, sums):\n    {x}, = args\n"
    text += f"    {x.replace('x', 'n')}, = node.inputs\n"
    if then:
        text += "    g = first(g, out, None)\n"
    for i in range(n):
        text += STEP.format(i=i, x=x)
    return made("first, " + x.replace("x", "vjp"), text, "step", space)


def made(free: str, text: str, name: str, space: dict[str, Any]) -> Function:
    """Return the function `make` of the variables `free`, which returns the function `name` that the text defines."""
    text = f"def make({free}):\n" + "".join(f"    {line}\n" for line in text.splitlines()) + f"    return {name}\n"
    found: dict[str, Any] = {}
    exec(compiled(text), space, found)
    return found["make"]  # type: ignore[no-any-return]


@lru_cache
def compiled(text: str) -> Any:
    """Return the code of a text; it counts as ours when an error looks for the user's line."""
    name = f"{__file__}:{next(serial)}"
    linecache.cache[name] = len(text), None, text.splitlines(keepends=True), name  # where tracebacks look for lines
    return compile(text, name, "exec")


serial = itertools.count()
