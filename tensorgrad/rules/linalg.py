"""Rules of products: matmul and einsum. All other products are written with them (composite.py, products.py)."""

from collections import Counter
from typing import Any

import numpy as np

from tensorgrad.op import register, register_each

ascii_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # in the order of an implicit result


def product(x: Any, y: Any) -> Any:
    """Return x @ y; of two matrices by `dot`, which finds the same BLAS routine in half the time."""
    return x.dot(y) if type(x) is type(y) is np.ndarray and x.ndim == y.ndim == 2 else x @ y


def transposed(x: Any) -> Any:
    """Return `x` with its last two axes swapped."""
    return np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """Return `x` with its last two axes swapped, and conjugated if it is complex."""
    return transposed(conjugated(x))


def conjugated(x: Any) -> Any:
    """Return `x`, conjugated if it is complex."""
    return np.conjugate(x) if np.iscomplexobj(x) else x


def matmul_left(g: Any, _z: Any, _x: Any, y: Any) -> Any:
    """Return the gradient of x in x @ y, where either may be a vector."""
    if type(g) is type(y) is np.ndarray and g.ndim == y.ndim == 2:
        return g.dot(y.T)  # two matrices, by far the most frequent
    if np.ndim(y) == 1:
        return np.expand_dims(g, -1) * y  # (..., m) and (k,): an outer product
    if np.ndim(_x) == 1:
        return np.squeeze(np.expand_dims(g, -2) @ transposed(y), -2)  # x was a row
    return g @ transposed(y)


def matmul_right(g: Any, _z: Any, x: Any, _y: Any) -> Any:
    """Return the gradient of y in x @ y, where either may be a vector."""
    if type(g) is type(x) is np.ndarray and g.ndim == x.ndim == 2:
        return x.T.dot(g)
    if np.ndim(x) == 1:
        return np.expand_dims(x, -1) * np.expand_dims(g, -2) if np.ndim(_y) > 1 else g * x
    if np.ndim(_y) == 1:
        return np.squeeze(transposed(x) @ np.expand_dims(g, -1), -1)  # y was a column
    return transposed(x) @ g


register(
    np.matmul,
    matmul_left,
    matmul_right,
    signature="(m?,k),(k,n?)->(m?,n?)",
    cases=[
        (((2, 3), (3, 4)), {}),
        (((3,), (3, 4)), {}),
        (((2, 3), (3,)), {}),
        (((3,), (3,)), {}),
        (((5, 2, 3), (3, 4)), {}),
        (((2, 3), (5, 3, 4)), {}),
        (((3,), (5, 3, 4)), {}),
        (((5, 2, 3), (3,)), {}),
        (((2, 1, 2, 3), (4, 3, 2)), {}),
    ],
)


# einsum: the gradient of an operand is the einsum of the others and g.
def unpack_einsum(args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Write either form of the call as explicit subscripts, one letter an axis, and the operands."""
    if "subscripts" in params:  # a view is replayed: it was unpacked before
        return args, params
    if not args:
        raise TypeError("einsum takes subscripts and arrays, got nothing")
    if isinstance(args[0], str):
        text, arrays = args[0].replace(" ", ""), args[1:]
    else:
        arrays, lists = args[: len(args) // 2 * 2 : 2], args[1::2]
        text = ",".join(map(letters, lists)) + ("->" + letters(args[-1]) if len(args) % 2 else "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(arrays):
        raise ValueError(f"einsum: {text!r} names {len(terms)} arrays, got {len(arrays)}")
    spare = [c for c in ascii_letters if c not in text]
    free = [np.ndim(a) - len(term.replace("...", "")) for term, a in zip(terms, arrays, strict=True)]
    dots = spare[: max((n for n, term in zip(free, terms, strict=True) if "..." in term), default=0)]
    if any(n < 0 or (n > 0 and "..." not in term) for n, term in zip(free, terms, strict=True)):
        raise ValueError(f"einsum: {text!r} does not fit arrays of {', '.join(str(np.ndim(a)) for a in arrays)} axes")
    terms = [term.replace("...", "".join(dots[len(dots) - n :])) for n, term in zip(free, terms, strict=True)]
    if dots and arrow and "..." not in output:
        raise ValueError(f"einsum: {text!r} leaves out the axes of '...' from the result: write '->...{output}'")
    counts = Counter("".join(terms))
    once = "".join(sorted(c for c in counts if counts[c] == 1 and c not in dots))
    output = output.replace("...", "".join(dots)) if arrow else "".join(dots) + once
    return arrays, {"subscripts": ",".join(terms) + "->" + output, **params}


def letters(axes: Any) -> str:
    """Write the interleaved form's list of axes as letters."""
    return "".join("..." if axis is Ellipsis else ascii_letters[axis] for axis in axes)


def einsum_operand(i: int, g: Any, _out: Any, *arrays: Any, subscripts: str, optimize: Any = False) -> Any:
    """Return the gradient of the i-th operand. An order of products given for the result does not fit here."""
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    shape = np.shape(arrays[i])
    spare = [c for c in ascii_letters if c not in subscripts]
    wanted, diagonals = "", []
    for axis, letter in enumerate(terms[i]):  # a repeated letter reads a diagonal: the gradient lies on it
        if letter in wanted:
            twin = spare.pop()
            diagonals.append((letter + twin, identity(shape[axis], g)))
            letter = twin
        wanted += letter
    others = [(term, a) for j, (term, a) in enumerate(zip(terms, arrays, strict=True)) if j != i]
    factors = [(output, g), *others, *diagonals]
    known = set("".join(term for term, _ in factors))
    here = "".join(letter for letter in wanted if letter in known)
    text = ",".join(term for term, _ in factors) + "->" + here
    term = np.einsum(text, *(a for _, a in factors), optimize=bool(optimize))
    if here != wanted:  # axes that were summed away, in no other operand
        term = np.expand_dims(term, tuple(axis for axis, letter in enumerate(wanted) if letter not in known))
    whole = np.broadcast_shapes(np.shape(term), shape)  # there, and where the others have length 1, all get the same
    return term if np.shape(term) == whole else np.broadcast_to(term, whole)


def identity(n: int, like: Any) -> Any:
    """Return the identity matrix, in the dtype and array type of `like`."""
    return np.zeros_like(like, shape=(n, n)) + np.eye(n, dtype=bool)  # a mask: lifts no dtype


register_each(
    np.einsum,
    einsum_operand,
    view=True,  # of one array, whose axes are only moved, or of which a diagonal is read
    reads=["arrays"],
    forward=lambda *arrays, subscripts, optimize=False: np.einsum(subscripts, *arrays, optimize=optimize),
    unpack=unpack_einsum,
    cases=[
        (((2, 3), (3, 4)), {"subscripts": "ij,jk"}),
        (((2, 3), (3, 2)), {"subscripts": "ij,ji->"}),
        (((3, 3),), {"subscripts": "ii"}),
        (((3, 3),), {"subscripts": "ii->i"}),
        (((2, 3, 2),), {"subscripts": "iji->j"}),
        (((2, 3),), {"subscripts": "ij->j"}),
        (((2, 3),), {"subscripts": "ij->ji"}),
        (((5, 2, 3), (5, 3, 4)), {"subscripts": "...ij,...jk->...ik"}),
        (((5, 2, 3), (3,)), {"subscripts": "...j,j"}),
        (((2,), (3,), (2, 3)), {"subscripts": "i,j,ij->"}),
        (((1, 3), (2, 3)), {"subscripts": "ij,ij->i"}),
        (((2, 1), (3, 2)), {"subscripts": "ij,jk->ik"}),
        (((2, 3, 3),), {"subscripts": "aii->a"}),
        (((2, 3, 3),), {"subscripts": "...ii->...i"}),
        (((2, 2, 2),), {"subscripts": "iii"}),
        (((3, 3), (3,)), {"subscripts": "ii,i"}),
        (((2, 2, 3), (2, 3)), {"subscripts": "...ij,...j"}),
        (((2, 3), (3, 4), (4, 2)), {"subscripts": "ij,jk,kl", "optimize": True}),
        (((2, 3), (3, 4), (4,)), {"subscripts": "ij,jk,k->i", "optimize": "optimal"}),
        (((2, 3), (3, 2), (2,)), {"subscripts": "ij,jk,k->i", "optimize": ["einsum_path", (1, 2), (0, 1)]}),
        (((0, 3), (3, 2)), {"subscripts": "ij,jk->ik"}),
    ],
)
