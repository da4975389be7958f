"""Records what NumPy is asked to do: a Tensor is an array and the Node it came from."""

import importlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from inspect import signature
from operator import index as whole
from types import FrameType
from typing import Any, ClassVar

import numpy as np

from tensorgrad import rules  # fills OPS
from tensorgrad.backends import PLAIN, Recorder, astype, constant, dtype_of, foreign, getitem, owned
from tensorgrad.errors import made_at, note_line, trim, trims
from tensorgrad.node import Array, Leaf, Node, is_recording, require_differentiable
from tensorgrad.node import tick as tick
from tensorgrad.op import OPS, Op, unsupported
from tensorgrad.refusals import METHODS
from tensorgrad.rules.linalg import product  # noqa: F401  # in the text of the operator @
from tensorgrad.unroll import MOST, recorder


def method(fn: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    """Make NumPy's function a method: the array first, then NumPy's own arguments."""

    def call(self: "Tensor", *args: Any, **params: Any) -> Any:
        try:
            if not args and not params and (result := CALLS[fn, 1](self)) is not unusual:
                return result
            return record(fn, (self, *args), params)
        except Exception as error:
            trim(error)
            raise

    call.__name__ = name or fn.__name__
    call.__doc__ = f"Return `np.{fn.__name__}` of this tensor."
    return call


def unary(fn: np.ufunc) -> Callable[["Tensor"], "Tensor"]:
    """Make a ufunc a prefix operator."""
    return at_first_use(lambda: recorder(("self",), globals())(fn, fn, lambda self: record(fn, (self,), {})))


def binary(
    fn: np.ufunc, infix: str = "", *, alike: bool = False
) -> tuple[Callable[["Tensor", Any], "Tensor"], Callable[["Tensor", Any], "Tensor"]]:
    """Make a ufunc an infix operator, from the left and from the right.

    infix: the operator itself, which does as the ufunc, but fast on NumPy's scalars; only where there are rules.
    alike: a Python number may as well be an array.
    """

    def forward(self: "Tensor", other: Any) -> Any:
        return record(fn, (self, other), {}) if compatible(self, other) else NotImplemented

    def reverse(self: "Tensor", other: Any) -> Any:
        return record(fn, (other, self), {}) if compatible(self, other) else NotImplemented

    if not infix:
        return trims(forward), trims(reverse)
    make = partial(recorder, ("self", "other"), globals(), infix=infix, alike=alike)
    return at_first_use(lambda: make()(fn, None, forward)), at_first_use(lambda: make(reverse=True)(fn, None, reverse))


def at_first_use(make: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    """Put off making a method of Tensor until it is called: to compile all of them would double the time to import."""
    made: list[Callable[..., Any]] = []

    def stub(*args: Any) -> Any:
        if not made:
            made.append(make())
        for name in [name for name, value in vars(Tensor).items() if value is stub]:  # none, if a thread was faster
            setattr(Tensor, name, made[0])
        try:
            return made[0](*args)
        except Exception as error:
            trim(error)
            raise

    return stub


class Tensor(Recorder):
    """An array and the node it came from. NumPy's functions, methods and operators take it, and are recorded."""

    __slots__ = ("__weakref__", "_data", "_frozen", "_name", "node")

    _data: Array
    node: Node | None  # None if no gradient can flow here
    _frozen: Leaf  # unset, or the leaf while it requires no gradient
    _name: str  # unset until given

    backward: ClassVar[Callable[..., None]]  # from autograd.py, the layer above
    register_hook: ClassVar[Callable[..., Any]]  # likewise
    __setitem__: ClassVar[Callable[..., None]]  # from writes.py, likewise

    # What it is
    @property
    def data(self) -> Array:
        """The array itself. Assigning another one is noticed: a pass that would read the old one raises."""
        return self._data

    @data.setter
    @trims
    def data(self, value: Array) -> None:
        if type(self) in VIEWS:
            raise RuntimeError("the data of a view is that of its base: write v[...] = value, or take v.copy() first")
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
    @trims
    def grad(self, value: Array) -> None:
        leaf = self.node if type(self.node) is Leaf else self.leaf
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
    @trims
    def requires_grad(self, on: bool) -> None:
        if self.node is not None and not isinstance(self.node, Leaf):
            raise RuntimeError("requires_grad can be set on a leaf only: this tensor was computed. Use t.detach()")
        leaf = self.leaf
        if on and type(self) in VIEWS:
            raise RuntimeError("a view of a tensor cannot be a leaf, which has memory of its own: take t.copy() first")
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
    @trims
    def name(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a tensor's name is a string, got {name!r}")
        holder = self.leaf or self.node
        if holder is None:
            self._name = name
        else:
            holder.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return np.shape(self._data)

    @shape.setter
    @trims
    def shape(self, shape: Any) -> None:
        raise AttributeError(f"the shape of a tensor cannot be changed in place: write t = t.reshape({shape!r:.60})")

    dtype = property(lambda self: dtype_of(self._data), doc="The type of the elements.")
    ndim = property(lambda self: np.ndim(self._data), doc="The number of axes.")
    itemsize = property(lambda self: self.dtype.itemsize, doc="The bytes of an element.")
    nbytes = property(lambda self: self.size * self.itemsize, doc="The bytes of all elements.")
    size = property(lambda self: math.prod(np.shape(self._data)), doc="The number of elements.")

    # How NumPy reaches it (NEP 13, NEP 18)
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **params: Any) -> Any:
        try:
            if ufunc is np.add or ufunc is np.multiply or ufunc is np.subtract:
                refuse_to_mislead(sys._getframe(1))
            if not params and method == "__call__" and (result := CALLS[ufunc, len(args)](*args)) is not unusual:
                return result
            for a in args:
                if type(a) not in PLAIN and type(a) is not Tensor and not compatible(self, a, *args):
                    return NotImplemented
            if method != "__call__" or not params.keys().isdisjoint(("out", "where", "dtype", "casting")):
                return Recorder.written(ufunc, method, args, params)
            return record(ufunc, args, params)
        except Exception as error:
            trim(error)
            raise

    def __array_function__(self, fn: Any, types: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        if fn in FACTS and len(args) == 1 and isinstance(args[0], Tensor) and not params:
            return fn(args[0]._data)
        try:
            if fn is np.prod:
                refuse_to_mislead(sys._getframe(1))
            if not params and (result := CALLS[fn, len(args)](*args)) is not unusual:
                return result
            if fn is np.where and len(args) == 1 and not params:
                return np.nonzero(raw(args[0]))
            if len(types) > 1:
                held = [type(a._data) for a in (*args, *params.values()) if isinstance(a, Tensor)]
                if held and not all(issubclass(t, (Tensor, np.ndarray)) or t in held for t in types):
                    return NotImplemented
            return record(fn, args, params)
        except Exception as error:
            trim(error)
            raise

    @trims
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        self._refuse_leaving("np.asarray", "join tensors with np.stack or np.concatenate, or take .data on purpose")
        return np.asarray(self._data, dtype=dtype, copy=copy)

    # Leaving the graph
    def item(self) -> Any:
        """Return the only element as a Python number."""
        try:
            return np.asarray(self._data).item()
        except Exception as error:
            trim(error)
            raise

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the values as a NumPy array."""
        return np.asarray(self._data)

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        return self.numpy().tolist()

    def detach(self) -> "Tensor":
        """Return a copy that is not connected to the graph."""
        return wrap(owned(self._data))

    @trims
    def __float__(self) -> float:
        self._refuse_leaving("float(t)", "write t.item(), or np.sin instead of math.sin")
        return float(self.item())

    @trims
    def __int__(self) -> int:
        self._refuse_leaving("int(t)", "write int(t.item())")
        return int(self.item())

    @trims
    def __complex__(self) -> complex:
        self._refuse_leaving("complex(t)", "write t.item()")
        return complex(self.item())

    @trims
    def __index__(self) -> int:
        return np.asarray(self._data).__index__()

    @trims
    def __bool__(self) -> bool:
        return bool(self._data)

    @trims
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

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            raise AttributeError(f"a tensor has no .{name}: {METHODS[name]}")
        if hasattr(np.ndarray, name):
            raise AttributeError(f"tensors have no .{name} yet: write it with other functions, or compute on .data")
        raise AttributeError(f"a tensor has no attribute {name!r}")

    def _refuse_leaving(self, what: str, cure: str) -> None:
        if self.node is not None and is_recording():
            raise TypeError(f"{what} of a tensor that requires a gradient would drop the gradient: {cure}")

    # Python's side
    __hash__ = object.__hash__  # by identity, although == compares elements

    @trims
    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a tensor without axes")
        return int(self.shape[0])

    @trims
    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    @trims
    def __contains__(self, value: Any) -> bool:
        return bool(np.any(np.equal(self._data, raw(value))))

    def __getitem__(self, index: Any) -> "Tensor":
        try:
            return record(getitem, (self,), {"index": frozen(raw(index))})  # type: ignore[no-any-return]
        except Exception as error:
            trim(error)
            raise

    def __eq__(self, other: object) -> Any:
        try:
            return record(np.equal, (self, other), {}) if comparable(self, other) else NotImplemented
        except Exception as error:
            trim(error)
            raise

    def __ne__(self, other: object) -> Any:
        try:
            return record(np.not_equal, (self, other), {}) if comparable(self, other) else NotImplemented
        except Exception as error:
            trim(error)
            raise

    __lt__ = method(np.less)
    __le__ = method(np.less_equal)
    __gt__ = method(np.greater)
    __ge__ = method(np.greater_equal)

    __add__, __radd__ = binary(np.add, "x0 + x1", alike=True)
    __sub__, __rsub__ = binary(np.subtract, "x0 - x1", alike=True)
    __mul__, __rmul__ = binary(np.multiply, "x0 * x1", alike=True)
    __truediv__, __rtruediv__ = binary(np.divide, "x0 / x1", alike=True)
    __floordiv__, __rfloordiv__ = binary(np.floor_divide)
    __mod__, __rmod__ = binary(np.remainder, "x0 % x1")
    __divmod__, __rdivmod__ = binary(np.divmod)
    __pow__, __rpow__ = binary(np.power, "x0 ** x1")
    __matmul__, __rmatmul__ = binary(np.matmul, "product(x0, x1)")
    __and__, __rand__ = binary(np.bitwise_and)
    __or__, __ror__ = binary(np.bitwise_or)
    __xor__, __rxor__ = binary(np.bitwise_xor)
    __lshift__, __rlshift__ = binary(np.left_shift)
    __rshift__, __rrshift__ = binary(np.right_shift)
    __neg__, __pos__, __abs__ = unary(np.negative), unary(np.positive), unary(np.absolute)

    # ndarray's methods
    sum, mean, prod, var, std = method(np.sum), method(np.mean), method(np.prod), method(np.var), method(np.std)
    max, min, clip, round = method(np.max, "max"), method(np.min, "min"), method(np.clip), method(np.round)
    argmax, argmin, argsort, nonzero = method(np.argmax), method(np.argmin), method(np.argsort), method(np.nonzero)
    all, any, searchsorted = method(np.all), method(np.any), method(np.searchsorted)
    dot, swapaxes, squeeze = method(np.dot), method(np.swapaxes), method(np.squeeze)
    take, repeat, choose = method(np.take), method(np.repeat), method(np.choose)
    cumsum, cumprod, diagonal, trace = method(np.cumsum), method(np.cumprod), method(np.diagonal), method(np.trace)
    argpartition = method(np.argpartition)
    ravel = method(np.ravel)
    copy, conj, conjugate = method(np.copy), method(np.conjugate, "conj"), method(np.conjugate)
    T = property(lambda self: record(np.transpose, (self,), {}), doc="The transpose.")
    mT = property(trims(lambda self: record(np.swapaxes, (self, -1, -2), {})), doc="The transpose of each matrix.")  # noqa: N815  # NumPy's name
    real = property(lambda self: record(np.real, (self,), {}), doc="The real part.")
    imag = property(lambda self: record(np.imag, (self,), {}), doc="The imaginary part.")

    @trims
    def astype(self, dtype: Any, **_how: Any) -> Any:
        """Return the tensor converted to `dtype`; the options of ndarray's method, which say how, are not needed."""
        return record(astype, (self, dtype), {})

    @trims
    def compress(self, condition: Any, axis: Any = None) -> Any:
        """Return `np.compress(condition, self)`."""
        return record(np.compress, (condition, self), {"axis": axis})

    @trims
    def flatten(self, order: str = "C") -> Any:
        """Return a copy of all elements in one row."""
        return record(np.copy, (self.ravel(order=order),), {})

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """Return the same elements in another shape, given as one tuple or as numbers."""
        try:
            return record(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {"order": order})
        except Exception as error:
            trim(error)
            raise

    def transpose(self, *axes: Any) -> Any:
        """Return the tensor with its axes permuted: reversed, or as one tuple or numbers say."""
        one = len(axes) == 1 and (axes[0] is None or np.ndim(axes[0]))
        try:
            return record(np.transpose, (self, axes[0] if one else axes or None), {})
        except Exception as error:
            trim(error)
            raise


def record(fn: Callable[..., Any], args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run `fn` on the raw arrays, and remember the step if a gradient can flow through it."""
    op = OPS.get(fn)
    if op is None or op.kind != "rules":
        return unrecorded(fn, op, args, params)
    if params or op.unpack is not None or len(args) != len(op.reads):
        if gives_out(fn, args, params):
            return Recorder.written(fn, "__call__", args, params)
        args, params = bound(op, args, params)
        if params:
            refuse_parameters(op, tuple(params.values()))
            params = raw(params)
    values: list[Array] = []
    inputs: list[Node | None] = []
    live = []
    for a in args:
        if isinstance(a, Tensor):
            values.append(a._data)
            inputs.append(a.node)
            live.append(a.node is not None)
        else:
            values.append(np.asarray(a) if type(a) in (list, tuple) else a)
            inputs.append(None)
            live.append(False)
    x = values[0] if values else None
    try:
        out = op.forward(*values, **params)
    except Exception as error:
        explained = op.explain(error, map(np.shape, values), params)
        note_line(explained)
        try:
            raise explained from None  # it says all that NumPy's error does
        finally:
            del explained  # else it and this frame, which it knows, would hold the arrays until the collector runs
    out, work = (out, out) if op.work is None else out
    if True not in live or not is_recording():
        t = wrap(out)
        return Recorder.view_of(args[0], x, t, (fn, params)) if op.view else t
    *keep, keep_out = op.kept(tuple(live))
    for i, kept in enumerate(keep):
        if not kept:
            values[i] = inputs[i] or stand_in(values[i])
    t = connect(op, tuple(values), tuple(inputs), params, out, work if keep_out else None)
    return Recorder.view_of(args[0], x, t, (fn, params)) if op.view else t


Recorder.record = staticmethod(record)


def unusual(*_args: Any) -> Any:
    """Return this function: a call that is not to be recorded the fast way."""
    return unusual


class Calls(dict[tuple[Callable[..., Any], int], Callable[..., Any]]):
    """For each function with rules, of so many arrays and nothing else, one that records it: made at its first call."""

    def __missing__(self, key: tuple[Callable[..., Any], int]) -> Callable[..., Any]:
        fn, n = key
        op = OPS[fn] if learn(fn) else None
        if op is None or op.kind != "rules" or op.unpack is not None or op.view or len(op.reads) != n or n > MOST:
            return unusual
        numbers = n == 2 and isinstance(fn, np.ufunc) and fn not in (np.power, np.matmul)  # power's rule looks at them
        self[key] = recorder(("x", "y", "z")[:n], globals(), alike=numbers)(fn, op.forward, unusual)
        return self[key]


CALLS = Calls()
OPS.made.append(CALLS)


def unrecorded(fn: Callable[..., Any], op: Op | None, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Run a function that has no rules, on tensors: written in others that may have some, or constant."""
    if op is None and learn(fn):
        return record(fn, args, params)
    if op is None or op.kind == "refused":
        raise unsupported(fn)
    if op.kind == "write":
        return op.forward(*args, **params)
    if gives_out(fn, args, params):
        return Recorder.written(fn, "__call__", args, params)
    if op.kind == "composite" and (op.view or (is_recording() and any_live((*args, *params.values())))):
        args, params = bound(op, args, params)
        return op.forward(*args, **params)
    out = (op.forward if op.kind == "step" else fn)(*raw(args), **raw(params))
    if op.kind == "plain":
        return out
    return wrap_all(out)


def wrap_all(out: Any) -> Any:
    """Return arrays as tensors, also inside lists, tuples and named tuples."""
    if isinstance(out, list | tuple):
        parts = map(wrap_all, out)
        return type(out)(*parts) if hasattr(out, "_fields") else type(out)(parts)
    return wrap(out)


def refuse_to_mislead(caller: FrameType) -> None:
    """Raise in the one place where NumPy, instead of asking a tensor, would give a wrong result without a word.

    numpy.polynomial's evaluation is plain Python that adds axes to the coefficients if x is an ndarray. A tensor is
    none, so that coefficients of several axes would be combined with the wrong elements of x.
    """
    if not caller.f_globals.get("__name__", "").startswith("numpy.polynomial."):
        return
    here = caller.f_locals
    x, coefficients, least = here.get("x"), np.shape(here.get("c", here.get("r", 0))), 1 if "r" in here else 2
    if isinstance(x, Tensor) and x.ndim and len(coefficients) >= least and here.get("tensor"):
        name = f"{caller.f_globals['__name__'].replace('numpy', 'np')}.{caller.f_code.co_name}"
        raise TypeError(
            f"{name} would misread an x that is a tensor beside coefficients of several axes: NumPy looks for an "
            "ndarray. Call it for each column of coefficients and np.stack the results, or pass x.data"
        )


def gives_out(fn: Callable[..., Any], args: tuple[Any, ...], params: dict[str, Any]) -> bool:
    """Whether a call says by `out` where to put the result, by name or by place."""
    return params.get("out") is not None or (len(args) > OUT[fn] and args[OUT[fn]] is not None)


class Outs(dict[Callable[..., Any], int]):
    """At which place among its arguments a function takes `out`."""

    def __missing__(self, fn: Callable[..., Any]) -> int:
        try:
            out = None if isinstance(fn, np.ufunc) else signature(fn).parameters.get("out")  # NumPy names a ufunc's
        except ValueError:  # a function written in C
            out = None
        by_place = out is not None and out.kind is out.POSITIONAL_OR_KEYWORD
        self[fn] = list(signature(fn).parameters).index("out") if by_place else sys.maxsize
        return self[fn]


OUT = Outs()


def learn(fn: Callable[..., Any]) -> bool:
    """Say whether `fn` is in the table; if not, load the families of rules not needed so far, SciPy's too, and look."""
    if fn in OPS:
        return True
    rules.load()
    special = sys.modules.get("scipy.special")
    if special is not None and getattr(special, getattr(fn, "__name__", ""), None) is fn:
        importlib.import_module("tensorgrad.rules.special")  # not before: SciPy is never required
    return fn in OPS


def bound(op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split a call into arrays and parameters; an error says where the call is."""
    try:
        return op.bind(args, params)
    except Exception as error:
        note_line(error)
        raise


def connect(
    op: Op, args: tuple[Any, ...], inputs: tuple[Node | None, ...], params: dict[str, Any], out: Array, kept: Array
) -> Tensor:
    """Return `out` as a tensor whose node remembers the step."""
    node = Node()
    node.op = op
    node.args = args
    node.inputs = inputs
    node.params = params
    node.out = kept
    node.seq = tick()
    try:
        node.shape = out.shape
        node.dtype = out.dtype
    except AttributeError:  # an array type without attributes
        node.shape = np.shape(out)
        node.dtype = dtype_of(out)
    t = Tensor()
    t._data = out
    t.node = node if node.dtype.kind in "fc" else None  # integers have no gradient
    return t


def wrap(data: Array, node: Node | None = None) -> Tensor:
    """Return an array as a tensor, with the node it came from if it has one."""
    t = Tensor()
    t._data = data
    t.node = node
    return t


NOTHING: dict[str, Any] = {}
VIEWS: set[type[Tensor]] = set()  # views.py adds its class
FACTS = {np.shape, np.ndim, np.size, np.iscomplexobj}  # which rules and composites ask for all the time


def stand_in(value: Any) -> Any:
    """Return what to keep of a constant that no rule reads: a number, or the shape and dtype of an array."""
    number = value is None or isinstance(value, SCALARS)
    if type(value) is ndarray and not value.ndim:
        number = not value.flags.writeable  # one of ours, see `constant`
    return value if number else Node().begin(value)


def alike(x: Any, y: Any) -> tuple[Any, Any]:
    """Return two operands as NumPy takes them fastest: a Python number as an array, or both as NumPy's scalars."""
    if type(x) is ndarray:
        if type(y) in NUMBERS:
            return x, constant(y, x)
        if type(y) in SCALAR_TYPES and not x.ndim:
            return x[()], y
    elif type(y) is ndarray:
        if type(x) in NUMBERS:
            return constant(x, y), y
        if type(x) in SCALAR_TYPES and not y.ndim:
            return x, y[()]
    return x, y


SCALAR_TYPES = (np.float32, np.float64)
NUMBERS = (float, int)
ndarray = np.ndarray


def any_live(args: Iterable[Any]) -> bool:
    """Whether a gradient flows to one of the arguments, also inside lists and tuples."""
    return any(a.node is not None if isinstance(a, Tensor) else type(a) in (list, tuple) and any_live(a) for a in args)


def refuse_parameters(op: Op, values: tuple[Any, ...]) -> None:
    """Raise TypeError if a gradient would have to flow to what is no array of the op, but says how it works."""
    if is_recording() and any_live(values):
        raise TypeError(
            f"{op.name} has no derivative in its parameters, and one of them is a tensor that requires a gradient: "
            "write it with other functions, or pass .data on purpose"
        )


def raw(x: Any) -> Any:
    """Return `x` with every tensor in it, also inside lists and tuples, replaced by its array."""
    if isinstance(x, Tensor):
        return x._data
    if type(x) in (tuple, list):
        return type(x)(map(raw, x))
    return {name: raw(value) for name, value in x.items()} if type(x) is dict else x


def frozen(index: Any) -> Any:
    """Return an index that later changes to the caller's arrays do not reach, with its sequences as arrays."""
    return tuple(map(frozen_part, index)) if isinstance(index, tuple) else frozen_part(index)


def frozen_part(part: Any) -> Any:
    """Return one part of an index; in there, a tuple is a sequence of numbers as good as a list."""
    if type(part) in LASTING or foreign(part):
        return part
    if isinstance(part, slice):
        ends = part.start, part.stop, part.step
        return part if all(type(end) in LASTING for end in ends) else slice(*map(lasting, ends))
    if isinstance(part, np.ndarray):
        return part.copy()
    if hasattr(part, "__index__"):
        return whole(part)
    part = np.array(part)  # a list, or what else is a sequence
    return part if part.size or part.dtype == bool else part.astype(int)  # an empty list names no place


def lasting(end: Any) -> int | None:
    """Return one end of a slice as a number that does not change."""
    return None if end is None else whole(raw(end))


LASTING = {int, type(None), type(Ellipsis), bool, np.bool_, np.int64, np.int32, float, str}


SCALARS = (int, float, complex, np.generic)
COMPATIBLE = (Tensor, np.ndarray, *SCALARS, list, tuple)


def compatible(tensor: Tensor, other: Any, *others: Any) -> bool:
    """Whether `other` may meet this tensor: not if it is an array type of its own that none of the tensors holds."""
    if type(other) in PLAIN or isinstance(other, COMPATIBLE):
        return True
    if not hasattr(type(other), "__array_ufunc__"):
        return other is not None and not isinstance(other, str)
    return any(type(other) is type(t._data) for t in (tensor, *others) if isinstance(t, Tensor))


def comparable(tensor: Tensor, other: Any) -> bool:
    """Whether == may ask NumPy: also about None, which no element equals; Python answers for texts and the like."""
    return other is None or compatible(tensor, other)


def label(tensor: Tensor) -> str:
    """Return how an error names a tensor: with the line that made it, if that was traced."""
    holder = tensor.leaf or tensor.node
    made = made_at(holder.seq, "made") if holder is not None else ""
    return (repr(tensor.name) if tensor.name else "a tensor") + made


def rebuild(data: Array, requires_grad: bool, leaf: bool, name: str | None, grad: Array) -> Tensor:
    """Make a leaf again from what was pickled or copied."""
    data = owned(data)  # some ways of pickling make views
    t = wrap(data, Leaf(data) if leaf else None)
    if name is not None:
        t.name = name
    if leaf:
        t.grad = grad
        t.requires_grad = requires_grad
    return t
