"""How functions are registered that have a derivative in one argument, or for real numbers, only.

The other arguments are parameters of the op: the engine refuses them if they require a gradient.
"""

from typing import Any

import numpy as np

from tensorgrad.op import POSITIVE, Function, Interval, register


def last(
    fn: Function, names: str, rule: Function, shown: tuple[Any, ...], domain: Interval = POSITIVE, real: bool = False
) -> None:
    """Register a function of parameters, known as `names`, and of an array behind them, in which it has a derivative.

    shown: parameters to test it with.   real: it is of real numbers only, or not holomorphic.
    """

    def unpack(args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if len(args) <= len(names):
            raise TypeError(f"{fn.__name__} takes {len(names) + 1} arguments, got {len(args)}")
        return (args[len(names)],), {**dict(zip(names, args, strict=False)), **params}

    register(
        fn,
        rule,
        forward=lambda x, **params: of_real(fn, x, real)(*(params[name] for name in names), x),
        unpack=unpack,
        domain=domain,
        cases=[(((2, 3),), {}), (((),), {})],
        prepare=lambda x: (*shown, np.real(x) if real else x),
    )


def of_real(fn: Function, x: Any, real: bool = True) -> Function:
    """Return `fn`, if it is for such an `x`."""
    if real and np.iscomplexobj(x):
        raise TypeError(f"{fn.__name__} of complex numbers has no derivative here: it is not holomorphic, or not known")
    return fn


def register_real(fn: Function, rule: Function, domain: Interval = POSITIVE) -> None:
    """Register a function that has a derivative for real numbers only, although SciPy has it for complex ones."""
    register(
        fn,
        rule,
        forward=lambda x: of_real(fn, x)(x),
        domain=domain,
        cases=[(((2, 3),), {}), (((),), {})],
        prepare=np.real,
    )
