"""What a picture knows of an op: its family, which sets its colour, and what its arguments are for."""

from collections.abc import Iterable

from tensorgrad.op import Each, Op
from tensorgrad.viz.ir import Family

COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2"}
ROLES = {
    "subtract": ("", "−"),
    "divide": ("", "÷"),
    "power": ("base", "exponent"),
    "matmul": ("left", "right"),
    "where": ("if", "then", "else"),
}
MODULES: dict[str, Family] = {
    "linalg": "linalg",
    "reduce": "reduction",
    "shape": "view",
    "index": "view",
    "write": "view",
}
NAMED: dict[str, Family] = {  # what the file does not tell
    **dict.fromkeys(["tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "softplus"], "activation"),
    **dict.fromkeys(["softmax", "log_softmax"], "activation"),
    "affine": "linalg",
    "logsumexp": "reduction",
}


def argument_roles(op: Op, arguments: int, drawn: int) -> Iterable[str]:
    """Return what each argument is for: nothing where their order does not matter, or there is but one."""
    if drawn < 2 or op.name in COMMUTATIVE:
        return ("",) * arguments
    if op.name in ROLES:
        return ROLES[op.name]
    named = not isinstance(op.vjps, Each) and len(op.parameters) >= arguments
    return op.parameters[:arguments] if named else [str(i + 1) for i in range(arguments)]


def family(op: Op) -> Family:
    """Return the kind of an op, which sets its colour: by its name, or by the file its rules are in."""
    name = op.name.partition(" + ")[0]  # of a step and an activation
    if name in NAMED:
        return NAMED[name]
    rules = [op.vjps.rule] if isinstance(op.vjps, Each) else [rule for rule in op.vjps if rule is not None]
    module = str(getattr(rules[0], "__module__", "")) if rules else ""
    return MODULES.get(module.rpartition(".")[2], "elementwise") if module.startswith("tensorgrad.") else "elementwise"
