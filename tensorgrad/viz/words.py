"""How pictures spell numbers, shapes, sizes and arguments: short, and true."""

import math
from typing import Any

import numpy as np

from tensorgrad.node import Node

INFIX = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "power": "**", "matmul": "@"}
SYMMETRIC = {"add", "multiply"}
NOT_SHOWN = {"shape", "dtype", "starts", "live"}  # parameters that say what the card's second line says, or details


def short_dtype(dtype: np.dtype[Any]) -> str:
    """Return a dtype in a few letters.

    >>> short_dtype(np.dtype("float32")), short_dtype(np.dtype(bool))
    ('f32', 'bool')
    """
    return f"{dtype.kind}{dtype.itemsize * 8}" if dtype.kind in "iufc" else str(dtype)


def short_shape(dtype: str, shape: tuple[Any, ...]) -> str:
    """Return dtype and shape as one word.

    >>> short_shape("f32", (128, 64)), short_shape("f64", ())
    ('f32[128, 64]', 'f64[]')
    """
    return f"{dtype}[{', '.join(str(n) if isinstance(n, int) else '?' for n in shape)}]"


def short_bytes(n: int | None) -> str:
    """Return a size in memory, in three digits.

    >>> short_bytes(128), short_bytes(1280), short_bytes(25_690_112), short_bytes(None)
    ('128 B', '1.25 KiB', '24.5 MiB', '')
    """
    if n is None:
        return ""
    size, unit = float(n), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{n} B" if unit == "B" else f"{size:.0f} {unit}" if size >= 100 else f"{size:.3g} {unit}"


def short_number(value: Any, digits: int = 6) -> str:
    """Return a number in at most so many digits; a float always looks like one.

    >>> short_number(2.0), short_number(2), short_number(1 / 3), short_number(np.float32(0.5))
    ('2.0', '2', '0.333333', '0.5')
    """
    value = value.item() if isinstance(value, np.generic | np.ndarray) else value
    if not isinstance(value, float | complex):
        return elide(str(value), 24)
    text = f"{value:.{digits}g}"
    return f"{text}.0" if text.lstrip("-").isdigit() else text


def brief(value: float) -> str:
    """Return a figure in two digits.

    >>> brief(0.17844), brief(-0.0071), brief(1.0), brief(98.6), brief(64_512.0), brief(0.0)
    ('0.18', '-7.1e-3', '1', '99', '6.5e4', '0')
    """
    if value == 0 or 0.01 <= abs(value) < 9999.5:
        return f"{value:.2g}" if abs(value) < 99.5 else f"{value:.0f}"
    number, _, power = f"{value:.1e}".partition("e")
    return f"{number.removesuffix('.0')}e{int(power)}" if power else number


def short_flops(n: int) -> str:
    """Return a number of floating-point operations, in three digits.

    >>> short_flops(640), short_flops(524_288), short_flops(2 * 10**9)
    ('640 FLOP', '524 kFLOP', '2 GFLOP')
    """
    size, unit = float(n), ""
    for larger in ("k", "M", "G", "T", "P"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}FLOP"


def short_value(value: Any) -> str:
    """Return any argument: numbers as they are, arrays by shape, slices as in an index.

    >>> short_value((slice(1, None), None, np.zeros(3, int), "ij"))
    '(1:, None, i64[3], ij)'
    """
    if isinstance(value, slice):
        ends = ["" if end is None else short_value(end) for end in (value.start, value.stop, value.step)]
        return ":".join(ends[: 2 + bool(ends[2])])
    if isinstance(value, Node):  # the stand-in of an array without axes
        return short_shape(short_dtype(value.dtype), value.shape)
    if isinstance(value, np.ndarray) and value.ndim:
        return short_shape(short_dtype(value.dtype), value.shape)
    if isinstance(value, tuple):
        inner = ", ".join(map(short_value, value[:8])) + (", …" if len(value) > 8 else "," if len(value) == 1 else "")
        return f"({inner})"
    if isinstance(value, np.ndarray | np.generic | int | float | complex):
        return short_number(value)
    return "..." if value is Ellipsis else elide(str(value), 24)


def call_note(name: str, args: list[Any]) -> str:
    """Return how constants enter a call; `args` has "·" for what an edge shows, and "…" for what is not known.

    >>> call_note("multiply", [2.0, "·"]), call_note("subtract", [1.0, "·"]), call_note("power", ["·", 2])
    ('× 2.0', '1.0 −', '** 2')
    >>> call_note("maximum", ["·", 0]), call_note("add", ["·", "·"])
    ('(·, 0)', '')
    """
    words = [short_value(arg) for arg in args]
    if words.count("·") == len(words):
        return ""
    if name in INFIX and words.count("·") == 1:
        left, right = words
        return (
            f"{INFIX[name]} {right}"
            if left == "·"
            else f"{INFIX[name]} {left}"
            if name in SYMMETRIC
            else f"{left} {INFIX[name]}"
        )
    return f"({', '.join(words)})"


def params_note(params: dict[str, Any]) -> str:
    """Return the parameters of a call that say something.

    >>> params_note({"axis": -1, "keepdims": False}), params_note({"index": (slice(None), 0)})
    ('axis=-1', '[:, 0]')
    """
    words = []
    for name, value in params.items():
        if name == "index":
            parts = value if isinstance(value, tuple) else (value,)
            words.append(f"[{', '.join(map(short_value, parts))}]")
        elif name == "path":
            words.append(path_note(value))
        elif value is not None and value is not False and name not in NOT_SHOWN and not usual(name, value):
            words.append(f"{name}={short_value(value)}")
    return ", ".join(words)


def usual(name: str, value: Any) -> bool:
    """Whether a parameter is the order of elements that NumPy takes anyway; that of a sort is an array."""
    return name == "order" and isinstance(value, str) and value == "C"


def path_note(path: tuple[tuple[Any, dict[str, Any]], ...]) -> str:
    """Return where something is written: the steps from an array to a view of it, and an index.

    >>> path_note(((np.transpose, {}), (np.reshape, {"shape": 6, "order": "C"})))
    '.transpose().reshape(6)'
    """
    words = []
    for fn, params in path:
        shown = {name: value for name, value in params.items() if value is not None and not usual(name, value)}
        if "index" in params:
            words.append(params_note(params))
        else:
            words.append(f".{fn.__name__}({', '.join(map(short_value, shown.values()))})")
    return "".join(words)


def elide(text: str, length: int) -> str:
    """Return `text` without control characters, and without its middle where it is too long.

    >>> elide("abcdefghij", 5)
    'ab…ij'
    """
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= length else f"{text[: length // 2]}…{text[len(text) - (length - 1) // 2 :]}"


def short_figure(value: float) -> str:
    """Return a figure of statistics in two digits.

    >>> short_figure(0.0132), short_figure(1.13e-3), short_figure(0.0), short_figure(2341.0)
    ('0.013', '1.1e-3', '0', '2.3e3')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if 0.01 <= abs(value) < 1000:
        return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def blocks(counts: tuple[int, ...], width: int) -> str:
    """Return a histogram in so many characters, nothing for none.

    >>> blocks((1, 0, 2, 3), 4)
    '▄▁▆█'
    """
    n = len(counts)
    sums = [sum(counts[i * n // width : (i + 1) * n // width]) for i in range(width if counts else 0)]
    most = max(sums, default=0) or 1
    return "".join("▁▂▃▄▅▆▇█"[-(-s * 7 // most)] for s in sums)
