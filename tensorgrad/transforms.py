"""Functions of functions: gradients, products with Jacobians and Hessians, of functions of nested arrays.

Each runs its function on tensors of its own and derives the record, so that they nest to any order and never confuse
whose derivative is taken. Arrays in, arrays out; inside another transform, tensors, which it derives again.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from tensorgrad.errors import name_of, trims
from tensorgrad.graph import Tensor, raw, wrap
from tensorgrad.jacobians import blocks
from tensorgrad.lifted import Argnums, Function, Lifted, as_dtype, numbers, one, pair, place, refuse_misfit, scalar
from tensorgrad.node import enable_grad
from tensorgrad.trees import Path, Tree, is_array, leaves, replaced


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return a function that gives the value of f and its gradient.

    f: to one real number; with `has_aux` to a pair of that and anything else, which is handed on.
    argnums: for which positional arguments, a number or several; each may be nested.

    >>> value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """

    @trims
    @wraps(f)
    def derived(*args: Any, **params: Any) -> Any:
        lifted = Lifted(f, args, params, numbers(argnums, args, f))
        y, aux = pair(lifted.out, f) if has_aux else (lifted.out, None)
        y = scalar(y, f)
        gradient = one(lifted.like_inputs(lifted.finished(lifted.gradients(y), lifted.given)), argnums)
        (value,) = lifted.finished([y])
        return ((value, lifted.as_given(aux)), gradient) if has_aux else (value, gradient)

    return derived


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return a function that gives the gradient of f; see `value_and_grad`. With `has_aux`, that and the rest.

    >>> grad(grad(np.sin))(0.5) == -np.sin(0.5)
    np.True_
    """
    both = value_and_grad(f, argnums, has_aux)

    @trims
    @wraps(f)
    def derived(*args: Any, **params: Any) -> Any:
        value, gradient = both(*args, **params)
        return (gradient, value[1]) if has_aux else gradient

    return derived


def elementwise_grad(f: Function, argnums: Argnums = 0) -> Function:
    """Return the derivative, element by element, of a function whose results each depend on one element.

    >>> elementwise_grad(np.tanh)(np.array([0.0, 100.0]))
    array([1., 0.])
    """

    @trims
    @wraps(f)
    def summed(*args: Any, **params: Any) -> Any:
        y = f(*args, **params)
        if not is_array(y):
            raise TypeError(f"{name_of(f)} must return an array to derive element by element, got {type(y).__name__}")
        return np.sum(y)

    return grad(summed, argnums)


@trims
def vjp(f: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return f(*primals), and the function from a cotangent, of that structure, to a tuple: one gradient per primal.

    >>> out, pullback = vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> out, pullback(1.0)
    (6.0, (3.0, 2.0))
    """
    lifted = Lifted(f, primals, {}, tuple(range(len(primals))))
    outs = lifted.results()

    @trims
    def pullback(cotangent: Tree) -> tuple[Any, ...]:
        seeds = dict(leaves(cotangent))
        if seeds.keys() != outs.keys():
            theirs, ours = (", ".join(place("out", path) for path in tree) or "nothing" for tree in (seeds, outs))
            raise TypeError(f"the cotangent has arrays for {theirs}, the result for {ours}")
        for path, y in outs.items():
            refuse_misfit(f"result {place('out', path)}", raw(y), "cotangent", raw(seeds[path]))
        again = lifted.nested or any(isinstance(s, Tensor) and s.requires_grad for s in seeds.values())
        with enable_grad():
            found = weighted_gradients(outs, seeds, lifted, again)
        return tuple(lifted.like_inputs(lifted.finished(found, lifted.given, nested=again)))

    return lifted.like_result(outs.values()), pullback


def weighted_gradients(outs: dict[Path, Any], seeds: dict[Path, Any], lifted: Lifted, create_graph: bool) -> list[Any]:
    """Return the sum over all results of their gradients, each started from its seed, by one pass."""
    live = [path for path, y in outs.items() if isinstance(y, Tensor) and y.requires_grad]
    fit = {path: as_dtype(seeds[path], outs[path].dtype) for path in live}
    if not live:
        return [np.zeros_like(x._data) for x in lifted.variables]
    if len(live) == 1:
        return lifted.gradients(outs[live[0]], fit[live[0]], create_graph)
    terms = [np.sum(np.real(np.conjugate(fit[path]) * outs[path])) for path in live]
    return lifted.gradients(sum(terms[1:], terms[0]), None, create_graph)


@trims
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return f(*primals), and its derivative along `tangents`, both in the structure of the result.

    Forward mode without rules of its own: see `forward.py`.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (0.0, 2.0)
    """
    lifted = Lifted(f, checked(primals, tangents), {}, tuple(range(len(primals))))
    outs = list(lifted.results().values())
    moved = lifted.pushed(outs, lifted.directions(tangents))
    return lifted.like_result(outs), lifted.like_result(moved)


def checked(primals: Any, tangents: Any) -> tuple[Any, ...]:
    """Return the primals; raise TypeError unless both are tuples."""
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError(
            f"a tuple of primals and one of tangents are needed, got {type(primals).__name__} and "
            f"{type(tangents).__name__}: of one argument, write (x,) and (t,)"
        )
    return tuple(primals)


@trims
def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the product of the Hessian of f, a function to one number, with `tangents`: shaped like the primals.

    Of one primal that product, of several a tuple. The Hessian itself is never made: the gradient of the derivative
    along the tangents is what Pearlmutter (1994) works out by hand.

    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    lifted = Lifted(f, checked(primals, tangents), {}, tuple(range(len(primals))))
    (slope,) = lifted.pushed([scalar(lifted.out, f)], lifted.directions(tangents), create_graph=True)
    found = lifted.gradients(slope if isinstance(slope, Tensor) else wrap(slope))
    products = lifted.like_inputs(lifted.finished(found, lifted.given))
    return products[0] if len(primals) == 1 else tuple(products)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """Return a function that gives the Jacobian of f: of the shape of the result followed by that of the argument.

    Of nested arguments or results, that for each pair: in the structure of the result, of that of the argument.

    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @trims
    @wraps(f)
    def derived(*args: Any, **params: Any) -> Any:
        lifted = Lifted(f, args, params, numbers(argnums, args, f))
        with enable_grad():
            rows = {path: blocks(y, lifted.variables, lifted.nested) for path, y in lifted.results().items()}
        found = {
            path: one(lifted.like_inputs(lifted.finished(row, lifted.given)), argnums) for path, row in rows.items()
        }
        return replaced(lifted.out, found)

    return derived


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """Return a function that gives the Hessian of f, a function to one number: the Jacobian of its gradient.

    >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([3.0, 2.0]))
    array([[0., 4.],
           [4., 6.]])
    """
    return jacobian(grad(f, argnums), argnums)
