"""Turns expressions, as Python's own syntax trees, into the notation of formulas: superscripts, fractions, π."""

import ast
import math
import re
from collections.abc import Callable
from typing import Any

from tensorgrad.viz.words import short_number

SHORT = {"absolute": "abs", "conjugate": "conj", "minimum": "min", "maximum": "max"}
POWER = re.compile(r"(?<=[\w)\]]) \*\* (\d)(?![\w.])")
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
KNOWN = {
    math.log(2): "log(2)",
    math.log(10): "log(10)",
    math.pi / 180: "π / 180",
    180 / math.pi: "180 / π",
    math.pi / 8: "π / 8",
    2 / math.sqrt(math.pi): "2 / sqrt(π)",
    math.sqrt(math.pi) / 2: "sqrt(π) / 2",
    math.sqrt(2 * math.pi): "sqrt(2 * π)",
    math.sqrt(2 / math.pi): "sqrt(2 / π)",
}


def spelled(x: float) -> str:
    """Return a number above 0: known ones as what they are, fractions as such, others in six digits.

    >>> spelled(2.0), spelled(1 / 640), spelled(0.01), spelled(3.14159265358979 / 180)
    ('2', '1 / 640', '0.01', 'π / 180')
    """
    for value, text in KNOWN.items():
        if abs(x - value) <= 1e-12 * value:
            return text
    short = short_number(x).removesuffix(".0")
    if len(short) > len("0.25") and 1e-8 < x < 0.5 and abs(round(1 / x) * x - 1) < 1e-7:
        return f"1 / {round(1 / x)}"
    return short if math.isfinite(x) else str(x)


def simple(node: ast.BinOp) -> ast.expr:
    """Return an operation in fewer signs: squares, fractions, and nothing times one."""
    left, right = node.left, node.right
    if isinstance(node.op, ast.Mult):
        if is_number(left, 1):
            return right
        if is_number(right, 1):
            return left
        if isinstance(right, ast.BinOp) and isinstance(right.op, ast.Div) and is_number(right.left, 1):
            return ast.BinOp(left, ast.Div(), right.right)
        if isinstance(right, ast.Constant) and isinstance(right.value, float) and (n := whole(1 / right.value)) > 2:
            return ast.BinOp(left, ast.Div(), ast.Constant(n))
        if isinstance(right, ast.Name | ast.Call):
            square = ast.BinOp(right, ast.Pow(), ast.Constant(2))
            if same_text(left, right):
                return square
            if isinstance(left, ast.UnaryOp) and same_text(left.operand, right):
                return ast.UnaryOp(ast.USub(), square)
            if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mult) and same_text(left.right, right):
                return ast.BinOp(left.left, ast.Mult(), square)
    if isinstance(node.op, ast.BitAnd):
        for one, other in ((left, right), (right, left)):
            if isinstance(one, ast.Constant) and one.value is True:
                return other
    if isinstance(node.op, ast.Add):
        if is_number(left, 0):
            return right
        if isinstance(right, ast.UnaryOp):
            return ast.BinOp(left, ast.Sub(), right.operand)
    if isinstance(node.op, ast.Sub):
        if isinstance(right, ast.UnaryOp):
            return ast.BinOp(left, ast.Add(), right.operand)
        if isinstance(right, ast.BinOp) and isinstance(right.op, ast.Mult) and same_name(left, right.left):
            return ast.BinOp(left, ast.Mult(), ast.BinOp(ast.Constant(1), ast.Sub(), right.right))  # g - g * s
    return node


def whole(x: float) -> int:
    """Return a number if it is whole, else 0."""
    return round(x) if abs(x - round(x)) < 1e-9 * abs(x) else 0


def is_number(node: ast.expr, value: float) -> bool:
    """Whether an expression is just this number."""
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == value


def same_name(a: ast.expr, b: ast.expr) -> bool:
    """Whether two expressions are the same name."""
    return isinstance(a, ast.Name) and isinstance(b, ast.Name) and a.id == b.id


def same_text(a: ast.expr, b: ast.expr) -> bool:
    """Whether two expressions are the same."""
    return ast.dump(a) == ast.dump(b)


def upright(node: ast.expr) -> ast.expr:
    """Return the transposed expression."""
    return node.value if isinstance(node, ast.Attribute) and node.attr == "ᵀ" else ast.Attribute(node, "ᵀ")


def call(fn: Callable[..., Any], args: list[ast.expr], words: list[ast.keyword] | None = None) -> ast.expr:
    """Return a call by the function's short name."""
    name = str(getattr(fn, "__name__", "f")).strip("_")
    return ast.Call(ast.Name(SHORT.get(name, name)), args, words or [])


def written(node: ast.expr) -> str:
    """Return an expression as text."""
    text = ast.unparse(ast.fix_missing_locations(node))
    return POWER.sub(lambda found: found[1].translate(RAISED), text.replace(".ᵀ", "ᵀ"))
