"""Writes down what the rules of an op compute, in the field's notation, by running them on arrays that only note it.

An op is one entry of a table, and all else follows from it: so do these texts. A rule runs on any array type that
speaks NumPy's protocols, hence also on one that has a shape and an expression in place of elements.
"""

import ast
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from tensorgrad.autograd import first
from tensorgrad.op import Each, Op
from tensorgrad.viz.facts.notation import written
from tensorgrad.viz.facts.noted import Noted, Shape, expression, summed
from tensorgrad.viz.words import elide, short_number

LONGEST = 60  # letters of the right side; what is longer is not read, and named instead
NAME = 16  # letters of an array's name
Argument = str | float | None


def formula(
    op: Op,
    names: Sequence[Argument],
    live: Sequence[bool],
    params: dict[str, Any],
    shapes: Sequence[Shape] | None = None,
    out_shape: Shape | None = None,
    out: str = "",
) -> tuple[str, ...]:
    """Return what the rules of an op compute: a line for each argument, and one more for an activation in the step.

    names: of the arguments; "" for the rule's own; a number or None for a constant that is one, which has no line.
    live: whether each argument needs a gradient.   shapes, out_shape: of arguments and result; without them, numbers.
    out: the name of the result.   A rule that is too long for a line, or cannot run on what has no elements, is named.

    >>> from tensorgrad.op import OPS
    >>> formula(OPS[np.matmul], ("x", "W1"), (True, True), {}, ((8, 3), (3, 4)), (8, 4))
    ('∂x = g @ W1ᵀ', '∂W1 = xᵀ @ g')
    >>> formula(OPS[np.add], ("z", "b"), (False, True), {}, ((8, 4), (4,)), (8, 4))
    ('∂z  not required', '∂b = g.sum(0)')
    """
    if shapes is None:
        shapes, out_shape = ((),) * len(names), ()
    names = tuple(map(constant, names, live, shapes))
    key = op, names, tuple(live), tuple(map(tuple, shapes)), out_shape, out, tuple(params.items())
    try:
        return once(*key)
    except TypeError:  # a parameter, such as an index, is a list or an array
        return lines(*key)


def lines(
    op: Op,
    names: tuple[Argument, ...],
    live: tuple[bool, ...],
    shapes: tuple[Shape, ...],
    out_shape: Shape | None,
    out: str,
    params: tuple[tuple[str, Any], ...],
) -> tuple[str, ...]:
    """Return the lines of `formula`."""
    shown = called(op, names)
    y = unused(short_name(out) if out else "y", shown)
    arrays = tuple(
        name if not isinstance(name, str) else Noted(ast.Name(label), known(shape))
        for name, label, shape in zip(names, shown, shapes, strict=True)
    )
    out_shape, given = known(out_shape), dict(params)
    results = [Noted(ast.Name(y), out_shape)] if op.work is None else worked(op, arrays, given)
    gradient = Noted(ast.Name(unused("g", [*shown, y])), out_shape)
    found = []
    if activation := first(op):
        inner = unused("z", [*shown, y])
        run = [lambda: activation(gradient, results[0], None)]
        found.append(line(inner, out_shape, run, rule_name(op.then or op, activation), ("g", y)))
        gradient = Noted(ast.Name("∂" + inner), out_shape)
    rules = tuple(rule for _, rule in zip(names, op.vjps))  # noqa: B905  # Each is endless
    for i, (rule, needed, name, label) in enumerate(zip(rules, live, names, shown, strict=True)):
        if not isinstance(name, str):  # a constant that is a number
            continue
        if not needed:
            found.append(f"∂{label}  not required")
        elif rule is None:
            found.append(f"∂{label} = 0")
        else:
            found.append(
                line(
                    label,
                    known(shapes[i]),
                    [partial(rule, gradient, result, *op.given(arrays), **given) for result in results],
                    rule_name(op, rule),
                    (written(gradient.node), *read_by(op, i, y, shown)),
                )
            )
    return tuple(found)


once = lru_cache(maxsize=4096)(lines)


def worked(op: Op, arrays: Sequence[Any], params: dict[str, Any]) -> list[Noted]:
    """Return what the rules of an op read in place of its result: written out, and by the name that they give it."""
    assert op.work is not None
    name = work_name(op)
    try:
        work = op.work(*arrays, **params)
        return [work, Noted(ast.Name(name), work.form)]
    except Exception:  # as in `line`
        return [Noted(ast.Name(name), None)]


def work_name(op: Op) -> str:
    """Return what the rules of an op call the array that they read in place of its result."""
    assert not isinstance(op.vjps, Each)
    return next(rule for rule in op.vjps if rule is not None).__code__.co_varnames[1].strip("_")


def line(name: str, shape: Shape | None, ways: Sequence[Callable[[], Any]], called: str, read: Sequence[str]) -> str:
    """Return the line of one gradient, as the first of some ways writes it that is short; else what the rule reads."""
    for run in ways:
        try:
            with np.errstate(all="ignore"):
                text = side(name, shape, run())
        except Exception:  # a rule of the user's may do anything, and a picture is no place to fail
            continue
        if len(text) <= LONGEST and text.isprintable():
            return f"∂{name}{text}"
    words = f"{elide(called, LONGEST // 2)}({', '.join(read)})"
    return f"∂{name} = {words if len(words) <= LONGEST else words.partition('(')[0] + '(…)'}"


def side(name: str, shape: Shape | None, term: Any) -> str:
    """Return what stands behind the name of a gradient; raises TypeError if the term is none."""
    if not isinstance(term, Noted | np.ndarray | np.generic | int | float | complex):
        raise TypeError(f"a gradient is an array or a number, got {type(term).__name__}")
    if isinstance(term, Noted) and term.added is not None:
        place, node = term.added
        return f"{place} += {written(node)}"
    text = f" = {written(expression(summed(term, shape)))}"
    if isinstance(term, Noted) and term.wiped and term.form == shape:
        return f"{text}; ∂{name}{term.wiped} = 0"
    return text


def constant(name: Argument, live: bool, shape: Shape) -> Argument:
    """Return the number that a name spells, if the argument is a constant one."""
    if not isinstance(name, str) or live or len(shape):
        return name
    try:
        return float(name) if any(c in name for c in ".enin") else int(name)
    except ValueError:
        return None if name == "None" else name


def known(shape: Shape | None) -> Shape | None:
    """Return a shape, if all of it is known."""
    return None if shape is None or None in shape else tuple(shape)


def called(op: Op, names: Sequence[Argument]) -> list[str]:
    """Return how each argument is called: a name of its own, or the one that the rules use."""
    shown = [short_name(name) if isinstance(name, str) else short_number(name) for name in names]
    rule = None if isinstance(op.vjps, Each) else next((rule for rule in op.vjps if rule is not None), None)
    own = rule.__code__.co_varnames[2 : 2 + len(names)] if rule is not None else ()
    for i, name in enumerate(shown):
        if not name:
            shown[i] = unused(own[i].strip("_") if i < len(own) else f"x{i + 1}", shown)
    return shown


def short_name(name: str) -> str:
    """Return a name as it stands in a formula."""
    return elide(name.strip(), NAME)


def unused(name: str, others: Sequence[str]) -> str:
    """Return a name that is none of the others."""
    while name in others:
        name = {"y": "z", "z": "out", "g": "grad"}.get(name, name + "'")
    return name


def rule_name(op: Op, rule: Callable[..., Any]) -> str:
    """Return what a rule is called."""
    rule = op.vjps.rule if isinstance(op.vjps, Each) else rule
    name = str(getattr(rule, "__name__", "rule"))
    return f"{op.name.strip('_')}_vjp" if name == "<lambda>" else name


def read_by(op: Op, i: int, out: str, names: Sequence[str]) -> list[str]:
    """Return the names of what the rule of an argument reads beside the gradient."""
    read = op.reads if isinstance(op.reads, frozenset) else op.reads[i]
    if isinstance(op.reads, frozenset) and 1 in read:
        return [*([out] if 0 in read else []), *names]
    return [out if j == 0 else names[j - 1] for j in sorted(read)]
