"""Writes a regression test for a failed check."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.graph import Tensor
from tensorgrad.trees import is_array, is_module, parts

Function = Callable[..., Any]
WRITTEN = 1000  # elements of an array up to which it is written out


def reproducer(f: Function, inputs: tuple[Any, ...], vjp: Function | None, order: int, seed: int) -> str:
    """Return Python source of a test that repeats a check.

    Functions are imported where they can be, else their source is pasted; a comment names what they refer to. Inputs
    of more than WRITTEN elements are loaded from files that the test names.

    >>> print(reproducer(np.tanh, (np.array([1.0]),), None, 2, 0))
    import numpy as np
    from tensorgrad.testing import gradcheck
    <BLANKLINE>
    <BLANKLINE>
    def test_gradient_of_tanh():
        f = np.tanh
        x = np.array([1.0])
        gradcheck(f, x, order=2, rng=0)
    """
    imports = ["import numpy as np", "from tensorgrad.testing import gradcheck"]
    body: list[str] = []
    arguments = list("xyz"[: len(inputs)]) if len(inputs) <= 3 else [f"x{i}" for i in range(len(inputs))]
    for name, function in (("f", f), ("vjp", vjp)):
        if function is not None:
            module, lines = source(name, function)
            imports += [module] if module else []
            body += lines
    body += [f"{name} = {literal(x, name)}" for name, x in zip(arguments, inputs, strict=True)]
    options = f"order={order}" if vjp is None else "vjp=vjp"
    body.append(f"gradcheck(f, {', '.join(arguments)}, {options}, rng={seed})")
    name = getattr(f, "__name__", "f")
    test = f"def test_gradient_of_{name if name.isidentifier() else 'a_function'}():"
    return "\n".join([*imports, "", "", test, *(textwrap.indent(line, "    ") for line in body)])


def source(name: str, function: Function) -> tuple[str, list[str]]:
    """Return the import that a function needs, or "", and the lines that define it under `name`."""
    own = getattr(function, "__name__", "")
    module = getattr(function, "__module__", None)
    if isinstance(function, np.ufunc) or (module or "").startswith("numpy"):
        return "", [f"{name} = np.{own}"]
    if module not in (None, "__main__") and getattr(sys.modules.get(module), own, None) is function:
        return f"from {module} import {own}", [f"{name} = {own}"]
    try:
        text = textwrap.dedent(inspect.getsource(function)).strip()
    except (OSError, TypeError):
        return "", [f"{name} = ...  # {own or type(function).__name__}"]
    missing = [f"# {own or name} refers to {', '.join(names)}: to be added"] if (names := referred(function)) else []
    if own == "<lambda>":
        return "", [*missing, f"{name} = {lambda_in(text)}"]
    return "", [*missing, undecorated(text), f"{name} = {own}"]


def referred(function: Function) -> list[str]:
    """Return the names, other than np and tg, that a function takes from around it."""
    code = getattr(function, "__code__", None)
    around = getattr(function, "__globals__", {})
    if code is None:
        return []
    used = [*code.co_freevars, *(name for name in code.co_names if name in around)]
    return [name for name in used if name not in ("np", "tg")]


def undecorated(text: str) -> str:
    """Return the source of a function without its decorators, which may make a test of it."""
    try:
        definition = ast.parse(text).body[0]
    except SyntaxError:
        return text
    return "\n".join(text.splitlines()[definition.lineno - 1 :])


def lambda_in(text: str) -> str:
    """Return the first lambda in a piece of source, which may be cut from the middle of a statement."""
    start = text.find("lambda")
    for end in range(len(text), start, -1):
        try:
            tree = ast.parse(text[start:end].strip(), mode="eval")
        except SyntaxError:
            continue
        part = tree.body.elts[0] if isinstance(tree.body, ast.Tuple) else tree.body
        if isinstance(part, ast.Lambda):
            return ast.unparse(part)
    return f"...  # {text}"


def literal(x: Any, name: str) -> str:
    """Return Python source of an input.

    >>> literal({"w": np.ones(2), "rate": 0.1}, "x")
    "{'w': np.array([1.0, 1.0]), 'rate': np.array(0.1)}"
    """
    if isinstance(x, Tensor):
        x = x.data
    if isinstance(x, list | tuple) and not all(isinstance(a, int | float) for a in x):
        items = ", ".join(literal(a, f"{name}{i}") for i, a in enumerate(x))
        return f"[{items}]" if isinstance(x, list) else f"({items},)"
    if not is_array(x) and not isinstance(x, list | tuple) and (inside := parts(x)) is not None:
        if isinstance(x, dict):
            return "{" + ", ".join(f"{key!r}: {literal(a, f'{name}_{key}')}" for key, a in inside.items()) + "}"
        if not is_module(x):
            fields = ", ".join(f"{key}={literal(a, f'{name}_{key}')}" for key, a in inside.items())
            return f"{type(x).__name__}({fields})"
        return f"...  # the {type(x).__name__}, with its parameters from state_dict()"
    if not is_array(x) and not isinstance(x, list | tuple):
        return repr(x)
    x = np.asarray(x)
    if x.size > WRITTEN:
        return f'np.load("{name}.npy")  # {x.dtype} of shape {x.shape}: too large to write out, keep it with np.save'
    dtype = "" if x.dtype in (np.float64, np.complex128) else f", dtype=np.{x.dtype}"
    shape = f".reshape({x.shape})" if x.size == 0 else ""
    return f"np.array({x.tolist()!r}{dtype}){shape}"
