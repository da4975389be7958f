"""Records what NumPy is asked to do: a Tensor is an array and the Node it came from."""

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from tensorgrad import rules  # noqa: F401  # fills OPS
from tensorgrad.backends import NUMPY, PLAIN, Recorder, astype, dtype_of, foreign, getitem, owned
from tensorgrad.errors import note_line
from tensorgrad.node import Array, Leaf, Node, recording, tick
from tensorgrad.op import OPS, Op


def method(fn: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    """Make NumPy's function a method: the array first, then NumPy's own arguments."""

    def call(self: "Tensor", *args: Any, **params: Any) -> Any:
        return record(fn, (self, *args), params)

    call.__name__ = name or fn.__name__
    call.__doc__ = f"Return `np.{fn.__name__}` of this tensor."
    return call


def unary(fn: np.ufunc) -> Callable[["Tensor"], "Tensor"]:
    """Make a ufunc a prefix operator."""
    return lambda self: record(fn, (self,), {})


def binary(fn: np.ufunc) -> tuple[Callable[["Tensor", Any], "Tensor"], Callable[["Tensor", Any], "Tensor"]]:
    """Make a ufunc an infix operator, from the left and from the right."""
    op = OPS[fn]
    if op.kind == "rules":  # what the rules read of two operands is known beforehand: `record`, unrolled
        both, left, right = (op.kept(live) for live in ((True, True), (True, False), (False, True)))

    def forward(self: "Tensor", other: Any) -> Any:
        if type(other) is Tensor:
            y, n = other._data, other.node
        elif type(other) in PLAIN:
            y, n = other, None
        else:
            return record(fn, (self, other), {}) if compatible(self, other) else NotImplemented
        x, m = self._data, self.node
        try:
            out = fn(x, y)
        except Exception:
            return record(fn, (self, other), {})  # fails again, and says why
        if (m is None and n is None) or not recording.get():
            return wrap(out)
        keep_out, (keep_x, keep_y) = both if m is not None and n is not None else left if n is None else right
        args = x if keep_x else m or stand_in(x), y if keep_y else n or stand_in(y)
        return connect(op, args, (m, n), {}, out, keep_out)

    def slow(self: "Tensor", other: Any) -> Any:
        return record(fn, (self, other), {}) if compatible(self, other) else NotImplemented

    def reverse(self: "Tensor", other: Any) -> Any:
        return record(fn, (other, self), {}) if compatible(self, other) else NotImplemented

    return forward if op.kind == "rules" else slow, reverse


def augmented(fn: np.ufunc) -> Callable[["Tensor", Any], "Tensor"]:
    """Make a ufunc an augmented assignment: the tensor is re-pointed to the result; no array is changed."""

    def assign(self: "Tensor", other: Any) -> "Tensor":
        new: Tensor = record(fn, (self, other), {})
        if not isinstance(self._data, np.ndarray):
            return new  # a NumPy scalar: x += 1 rebinds the name, as in NumPy
        self._refuse_write()
        if new.shape != self.shape:
            raise ValueError(f"{fn.__name__}: a result of shape {new.shape} does not fit a tensor of {self.shape}")
        if not np.can_cast(new.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{fn.__name__}: a result of {new.dtype} does not fit a tensor of {self.dtype}")
        new = new if new.dtype == self.dtype else new.astype(self.dtype)
        if isinstance(self.node, Leaf):
            self.data = new._data  # under no_grad
        else:
            self._data, self.node = new._data, new.node
        return self

    return assign


class Tensor(Recorder):
    """An array and the node it came from. NumPy's functions, methods and operators take it, and are recorded."""

    __slots__ = ("__weakref__", "_data", "_frozen", "_name", "node")

    _data: Array
    node: Node | None  # None if no gradient can flow here
    _frozen: Leaf  # unset, or the leaf while it requires no gradient
    _name: str  # unset until given

    backward: ClassVar[Callable[..., None]]  # from autograd.py, the layer above

    def __init__(self, data: Array, node: Node | None = None) -> None:
        self._data, self.node = data, node

    # What it is
    @property
    def data(self) -> Array:
        """The array itself. Assigning another one is noticed: a pass that would read the old one raises."""
        return self._data

    @data.setter
    def data(self, value: Array) -> None:
        if self.node is not None and not isinstance(self.node, Leaf):
            raise RuntimeError("only a leaf's data can be replaced: this tensor was computed. Use t.detach()")
        value = value._data if isinstance(value, Tensor) else value if foreign(value) else np.asarray(value)
        leaf = self.leaf
        if leaf is not None:
            if np.shape(value) != leaf.shape:
                raise ValueError(
                    f"data of shape {np.shape(value)} cannot replace {label(self)} of shape {leaf.shape}: "
                    "make a new tensor with tg.tensor"
                )
            require_differentiable(dtype_of(value))
            leaf.replace(value)
        self._data = value

    @property
    def leaf(self) -> Leaf | None:
        """The leaf node, also while it is frozen; None if the tensor was computed, or never required a gradient."""
        return self.node if isinstance(self.node, Leaf) else getattr(self, "_frozen", None)

    @property
    def grad(self) -> Array:
        """What `backward()` has summed for this leaf so far: an array of its shape and dtype, or None."""
        leaf = self.leaf
        return None if leaf is None else leaf.grad

    @grad.setter
    def grad(self, value: Array) -> None:
        leaf = self.leaf
        if leaf is None:
            raise RuntimeError("only a leaf that requires a gradient has a .grad")
        if value is not None:
            value = value._data if isinstance(value, Tensor) else value if foreign(value) else np.asarray(value)
            if np.shape(value) != leaf.shape:
                raise ValueError(f"a gradient of shape {np.shape(value)} does not fit {label(self)} of {leaf.shape}")
            value = value if dtype_of(value) == leaf.dtype else astype(value, leaf.dtype)
        leaf.grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor. Settable on a leaf: False freezes it."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        if self.node is not None and not isinstance(self.node, Leaf):
            raise RuntimeError("requires_grad can be set on a leaf only: this tensor was computed. Use t.detach()")
        leaf = self.leaf
        if on:
            require_differentiable(dtype_of(self._data))
            name, self.node = self.name, leaf or Leaf(self._data)
            if name is not None:
                self.node.name = name
        elif leaf is not None:
            self.node, self._frozen = None, leaf

    @property
    def name(self) -> str | None:
        """The name that errors and pictures use; a module's parameter carries its path."""
        holder = self.leaf or self.node
        return getattr(self, "_name", None) if holder is None else getattr(holder, "name", None)

    @name.setter
    def name(self, name: str) -> None:
        holder = self.leaf or self.node
        if holder is None:
            self._name = name
        else:
            holder.name = name

    shape = property(lambda self: np.shape(self._data), doc="The lengths of the axes.")
    dtype = property(lambda self: dtype_of(self._data), doc="The type of the elements.")
    ndim = property(lambda self: np.ndim(self._data), doc="The number of axes.")
    size = property(lambda self: math.prod(np.shape(self._data)), doc="The number of elements.")

    # How NumPy reaches it (NEP 13, NEP 18)
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **params: Any) -> Any:
        for a in args:
            if type(a) not in PLAIN and type(a) is not Tensor and not compatible(self, a, *args):
                return NotImplemented
        if method != "__call__" or params.get("out") is not None:
            if not any(isinstance(a, Tensor) for a in params.get("out", ())) and not (recording.get() and live(args)):
                return getattr(ufunc, method)(*raw(args), **raw(params))
            what = f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else " with out=")
            raise TypeError(f"{what} has no derivative yet: call the function itself, or compute on .data")
        return record(ufunc, args, params)

    def __array_function__(self, fn: Any, types: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if len(types) > 1:
            held = [type(a._data) for a in (*args, *params.values()) if isinstance(a, Tensor)]
            if held and not all(issubclass(t, (Tensor, np.ndarray)) or t in held for t in types):
                return NotImplemented
        return record(fn, args, params)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        self._refuse_leaving("np.asarray", "join tensors with np.stack or np.concatenate, or take .data on purpose")
        return np.asarray(self._data, dtype=dtype, copy=copy)

    # Leaving the graph
    def item(self) -> Any:
        """Return the only element as a Python number."""
        return np.asarray(self._data).item()

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the values as a NumPy array."""
        return np.asarray(self._data)

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        return self.numpy().tolist()

    def detach(self) -> "Tensor":
        """Return a copy that is not connected to the graph."""
        return Tensor(owned(self._data))

    def __float__(self) -> float:
        self._refuse_leaving("float(t)", "write t.item(), or np.sin instead of math.sin")
        return float(self.item())

    def __int__(self) -> int:
        self._refuse_leaving("int(t)", "write int(t.item())")
        return int(self.item())

    def __complex__(self) -> complex:
        self._refuse_leaving("complex(t)", "write t.item()")
        return complex(self.item())

    def __index__(self) -> int:
        return np.asarray(self._data).__index__()

    def __bool__(self) -> bool:
        return bool(self._data)

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.size == 1 else self.numpy(), spec) if spec else str(self)

    def __repr__(self) -> str:
        facts = ["" if self.dtype in (np.float64, np.int64, np.bool_) else f"dtype={self.dtype}"]
        if self.node is not None:
            facts.append(f"op={self.node.op.name}" if self.node.op else "requires_grad=True")
        facts.append(f"name={self.name!r}" if self.name else "")
        body = np.array2string(np.asarray(self._data), separator=", ", prefix="tensor(")
        return f"tensor({', '.join([body, *filter(None, facts)])})"

    def __reduce__(self) -> Any:
        if self.node is not None and self.node.op is not None:
            raise TypeError("a tensor inside a graph cannot be pickled or copied: take t.detach() first")
        return rebuild, (self._data, self.requires_grad, self.leaf is not None, self.name, self.grad)

    def _refuse_leaving(self, what: str, cure: str) -> None:
        if self.node is not None and recording.get():
            raise TypeError(f"{what} of a tensor that requires a gradient would drop the gradient: {cure}")

    # Writing
    def _refuse_write(self) -> None:
        if isinstance(self.node, Leaf) and recording.get():
            raise RuntimeError(
                f"{label(self)} is a leaf that requires a gradient, which cannot be changed in place: "
                "write y = x.copy() first, or change it under tg.no_grad()"
            )
        if isinstance(self._data, np.ndarray) and self._data.base is not None:
            raise TypeError("a tensor that is a view cannot be written to yet: write y = y + v, or copy it first")

    def __setitem__(self, index: Any, value: Any) -> None:
        self._refuse_write()
        if recording.get() and (self.node is not None or (isinstance(value, Tensor) and value.node is not None)):
            raise TypeError(
                "assignment has no derivative yet: build the tensor with np.where, np.stack or np.concatenate"
            )
        data = owned(self._data)  # a node may have kept the old one
        data[raw(index)] = raw(value)
        if self.leaf is None:
            self._data = data
        else:
            self.data = data

    # Python's side
    __hash__ = object.__hash__  # by identity, although == compares elements

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a tensor without axes")
        return int(self.shape[0])

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(np.equal(self._data, raw(value))))

    def __getitem__(self, index: Any) -> "Tensor":
        return record(getitem, (self,), {"index": frozen(raw(index))})  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> Any:
        return record(np.equal, (self, other), {})

    def __ne__(self, other: object) -> Any:
        return record(np.not_equal, (self, other), {})

    __lt__ = method(np.less)
    __le__ = method(np.less_equal)
    __gt__ = method(np.greater)
    __ge__ = method(np.greater_equal)

    __add__, __radd__ = binary(np.add)
    __sub__, __rsub__ = binary(np.subtract)
    __mul__, __rmul__ = binary(np.multiply)
    __truediv__, __rtruediv__ = binary(np.divide)
    __floordiv__, __rfloordiv__ = binary(np.floor_divide)
    __mod__, __rmod__ = binary(np.remainder)
    __divmod__, __rdivmod__ = binary(np.divmod)
    __pow__, __rpow__ = binary(np.power)
    __matmul__, __rmatmul__ = binary(np.matmul)
    __neg__, __pos__, __abs__ = unary(np.negative), unary(np.positive), unary(np.absolute)
    __iadd__, __isub__, __imul__ = augmented(np.add), augmented(np.subtract), augmented(np.multiply)
    __itruediv__, __ipow__, __imatmul__ = augmented(np.divide), augmented(np.power), augmented(np.matmul)
    __ifloordiv__, __imod__ = augmented(np.floor_divide), augmented(np.remainder)

    # ndarray's methods
    sum, mean, prod, var, std = method(np.sum), method(np.mean), method(np.prod), method(np.var), method(np.std)
    max, min, clip, round = method(np.max, "max"), method(np.min, "min"), method(np.clip), method(np.round)
    argmax, argmin, argsort, nonzero = method(np.argmax), method(np.argmin), method(np.argsort), method(np.nonzero)
    all, any, searchsorted = method(np.all), method(np.any), method(np.searchsorted)
    dot, swapaxes, squeeze = method(np.dot), method(np.swapaxes), method(np.squeeze)
    ravel, flatten = method(np.ravel), method(np.ravel, "flatten")
    copy, conj, conjugate = method(np.copy), method(np.conjugate, "conj"), method(np.conjugate)
    T = property(lambda self: record(np.transpose, (self,), {}), doc="The transpose.")
    mT = property(lambda self: record(np.swapaxes, (self, -1, -2), {}), doc="The transpose of each matrix.")  # noqa: N815  # NumPy's name
    real = property(lambda self: record(np.real, (self,), {}), doc="The real part.")
    imag = property(lambda self: record(np.imag, (self,), {}), doc="The imaginary part.")

    def astype(self, dtype: Any, **_how: Any) -> Any:
        """Return the tensor converted to `dtype`; the options of ndarray's method, which say how, are not needed."""
        return record(astype, (self, dtype), {})

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """Return the same elements in another shape, given as one tuple or as numbers."""
        return record(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {"order": order})

    def transpose(self, *axes: Any) -> Any:
        """Return the tensor with its axes permuted: reversed, or as one tuple or numbers say."""
        one = len(axes) == 1 and (axes[0] is None or np.ndim(axes[0]))
        return record(np.transpose, (self, axes[0] if one else axes or None), {})


def record(fn: Callable[..., Any], args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run `fn` on the raw arrays, and remember the step if a gradient can flow through it."""
    op = OPS.get(fn)
    if op is None:
        raise unsupported(fn)
    if op.kind == "plain":
        return fn(*raw(args), **raw(params))
    if op.kind == "step":
        return Tensor(fn(*raw(args), **raw(params)))
    arrays = args
    if params or op.unpack is not None or len(args) != len(op.reads) or op.kind == "composite":
        try:
            arrays, params = op.bind(args, params)
            if op.kind == "composite":
                return op.forward(*arrays, **params)
        except Exception as error:
            note_line(error)
            raise
        params = raw(params) if params else params
    values: list[Array] = []
    inputs: list[Node | None] = []
    for a in arrays:
        if isinstance(a, Tensor):
            values.append(a._data)
            inputs.append(a.node)
        else:
            values.append(np.asarray(a) if isinstance(a, list | tuple) else a)
            inputs.append(None)
    try:
        out = op.forward(*values, **params)
    except Exception as error:
        explained = op.explain(error, map(np.shape, values))
        note_line(explained)
        raise explained from (None if explained is error else error)
    live = tuple([n is not None for n in inputs])
    if True not in live or not recording.get() or dtype_of(out).kind not in "fc":
        return wrap(out)
    keep_out, keep = op.kept(live)
    kept = tuple([v if k else n or stand_in(v) for v, n, k in zip(values, inputs, keep, strict=True)])
    return connect(op, kept, tuple(inputs), params, out, keep_out)


def connect(
    op: Op, args: tuple[Any, ...], inputs: tuple[Node | None, ...], params: dict[str, Any], out: Array, keep_out: bool
) -> Tensor:
    """Return `out` as a tensor whose node remembers the step."""
    node: Node = new(Node)
    node.op, node.args, node.inputs, node.params, node.seq = op, args, inputs, params, tick()
    node.out = out if keep_out else None
    node.shape, node.dtype = (out.shape, out.dtype) if isinstance(out, NUMPY) else (np.shape(out), dtype_of(out))
    return wrap(out, node)


def wrap(data: Array, node: Node | None = None) -> Tensor:
    """Make a tensor, faster than its constructor does."""
    t: Tensor = new(Tensor)
    t._data, t.node = data, node
    return t


new = object.__new__


def stand_in(value: Any) -> Any:
    """Return what to keep of a constant that no rule reads: its shape and dtype, not the array."""
    return value if value is None or isinstance(value, SCALARS) else Node(value)


def live(args: tuple[Any, ...]) -> bool:
    """Whether a gradient flows to one of the arguments."""
    return any(isinstance(a, Tensor) and a.node is not None for a in args)


def raw(x: Any) -> Any:
    """Return `x` with every tensor in it, also inside lists and tuples, replaced by its array."""
    if isinstance(x, Tensor):
        return x._data
    if type(x) in (tuple, list):
        return type(x)(map(raw, x))
    return {name: raw(value) for name, value in x.items()} if type(x) is dict else x


def frozen(index: Any) -> Any:
    """Return an index that later changes to the caller's arrays do not reach."""
    if isinstance(index, tuple):
        return tuple(map(frozen, index))
    if isinstance(index, list):
        return np.array(index, dtype=None if np.size(index) else int)  # an empty list names no place
    return index.copy() if isinstance(index, np.ndarray) else index


SCALARS = (int, float, complex, np.generic)
COMPATIBLE = (Tensor, np.ndarray, *SCALARS, list, tuple)


def compatible(tensor: Tensor, other: Any, *others: Any) -> bool:
    """Whether `other` may meet this tensor: not if it is an array type of its own that none of the tensors holds."""
    if type(other) in PLAIN or isinstance(other, COMPATIBLE):
        return True
    if not hasattr(type(other), "__array_ufunc__"):
        return other is not None and not isinstance(other, str)
    return any(type(other) is type(t._data) for t in (tensor, *others) if isinstance(t, Tensor))


def unsupported(fn: Callable[..., Any]) -> TypeError:
    """Return the error for a function that is not in the table."""
    module = getattr(fn, "__module__", None) or "numpy"
    name = f"{module}.{fn.__name__}".replace("numpy", "np", 1)
    error = TypeError(
        f"{name} has no derivative here: no rule is registered for it. "
        f"Give it one with tg.register({name}, rule), write it with other functions, or compute on .data"
    )
    note_line(error)
    return error


def label(tensor: Tensor) -> str:
    """Return how an error names a tensor."""
    return repr(tensor.name) if tensor.name else "a tensor"


def require_differentiable(dtype: np.dtype[Any]) -> None:
    """Raise TypeError unless elements of `dtype` can have a gradient."""
    if dtype.kind not in "fc":
        raise TypeError(
            f"a tensor of {dtype} cannot require a gradient: only floating and complex numbers have one. "
            "Pass dtype=np.float64, or floating data"
        )


def rebuild(data: Array, requires_grad: bool, leaf: bool, name: str | None, grad: Array) -> Tensor:
    """Make a leaf again from what was pickled or copied."""
    t = Tensor(data, Leaf(data) if leaf else None)
    if name is not None:
        t.name = name
    if leaf:
        t.grad = grad
        t.requires_grad = requires_grad
    return t
