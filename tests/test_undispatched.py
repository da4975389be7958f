"""The functions that NumPy keeps to itself: each does on tensors what the table says."""

import importlib
import math
import warnings

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.rules.undispatched import FAMILIES, NO_ARRAYS, RAISES, RUNS, SERIES, UNDISPATCHED

MODULES = [
    "numpy",
    "numpy.fft",
    "numpy.linalg",
    "numpy.lib.stride_tricks",
    "numpy.polynomial",
    *(f"numpy.polynomial.{name}" for name in (*FAMILIES, "polyutils")),
]
DISPATCHED = type(np.sum)


def found(name):
    """Return what a qualified name stands for; None if NumPy has no such function, or dispatches it."""
    module, _, last = name.rpartition(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fn = getattr(importlib.import_module(module), last, None)
    return None if isinstance(fn, DISPATCHED | np.ufunc) else fn


def names(what):
    return [name for name, said in UNDISPATCHED.items() if said == what and found(name) is not None]


def row():
    return tg.tensor([0.3, 0.7, 0.2], requires_grad=True)


def number():
    return tg.tensor(0.5, requires_grad=True)


def public(module):
    """Return the names of a module that are promised to users."""
    listed = getattr(module, "__all__", None) or dir(module)
    return [name for name in listed if not name.startswith("_") and callable(getattr(module, name, None))]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.filterwarnings("ignore")
def test_every_function_that_numpy_does_not_dispatch_is_in_the_table(module):
    missing = [name for name in public(importlib.import_module(module)) if found(f"{module}.{name}") is not None]
    assert [name for name in missing if f"{module}.{name}" not in UNDISPATCHED] == []


# Raising: where the arguments are not tensors alone
CALLS = {
    "array": lambda f: f([number(), number()]),
    "bmat": lambda f: f([[row(), row()]]),
    "full": lambda f: f((3,), number()),
    "fromiter": lambda f: f([number(), number()], float),
    "frompyfunc": lambda f: f(math.sin, 1, 1)(row()),
    "vectorize": lambda f: f(math.sin)(row()),
    "kaiser": lambda f: f(5, number()),
    "ndarray": lambda f: f((3,), buffer=row()),
    "datetime64": lambda f: f(number(), "s"),
    "timedelta64": lambda f: f(number(), "s"),
    "diag_indices": lambda f: f(number()),
    "broadcast_shapes": lambda f: f(row()),
    "as_series": lambda f: f([row(), row()]),
}


def refused(name, call):
    """Return the error of a call, which is to be about tensors, not about the number of arguments."""
    with warnings.catch_warnings(), pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        warnings.simplefilter("ignore")
        call()
    return str(caught.value)


@pytest.mark.parametrize("name", names(RAISES))
def test_these_raise_on_a_tensor_that_requires_a_gradient(name):
    fn, last = found(name), name.rpartition(".")[2]
    if last in CALLS:
        refused(name, lambda: CALLS[last](fn))
        return
    messages = [refused(name, lambda n=n: fn(*[row() for _ in range(n)])) for n in (1, 2, 3, 4)]
    assert any("positional argument" not in text and "takes" not in text for text in messages), messages


@pytest.mark.parametrize("name", [n for n in names(NO_ARRAYS) if n not in ("numpy.test", "numpy.linalg.LinAlgError")])
def test_these_take_no_arrays(name):
    """They are not there to get one, and make no numbers of it."""
    for argument in (row(), number()):
        with warnings.catch_warnings(), pytest.raises(Exception):  # noqa: B017  # each its own
            warnings.simplefilter("ignore")
            found(name)(argument)


# Running
def stacked(f):
    if not isinstance(np.vstack, DISPATCHED):
        return True
    try:
        expected = np.vstack((row(), row()))
    except TypeError:  # it has no entry
        return bool(refused("row_stack", lambda: f((row(), row()))))
    return np.array_equal(f((row(), row())).data, expected.data)


def same_gradient(f, x, expected):
    leaf = tg.tensor(x, requires_grad=True)
    np.testing.assert_allclose(f(leaf).data, f(x), rtol=1e-14)
    (g,) = tg.gradients(f(leaf), [leaf])
    np.testing.assert_allclose(g, expected(x), rtol=1e-12)
    return True


X = np.array([0.3, 0.7, 0.2])
RUNNING = {
    "dtype": lambda f: f(row()) == np.float64,
    "finfo": lambda f: f(row()).dtype == np.float64,
    "info": lambda f: f(row()) is None,
    "isscalar": lambda f: f(number()) is False,
    "issubdtype": lambda f: f(row().dtype, np.floating),
    "iterable": lambda f: f(row()) and not f(number()),
    "printoptions": lambda f: f(precision=3) is not None,
    "promote_types": lambda f: f(row().dtype, np.float32) == np.float64,
    "row_stack": stacked,
    "str_": lambda f: "requires_grad" in f(number()),
    "trapz": lambda f: same_gradient(f, X, lambda _x: [0.5, 1, 0.5]),
    "fftfreq": lambda f: same_gradient(lambda d: f(5, d), np.array(0.5), lambda _d: 0.0),
    "rfftfreq": lambda f: same_gradient(lambda d: f(4, d), np.array(0.5), lambda d: -0.75 / d**2),
    "chebweight": lambda f: same_gradient(f, X, lambda x: x * (1 - x**2) ** -1.5),
    "legweight": lambda f: same_gradient(f, X, lambda x: 0 * x),
    "hermweight": lambda f: same_gradient(f, X, lambda x: -2 * x * np.exp(-(x**2))),
    "hermeweight": lambda f: same_gradient(f, X, lambda x: -x * np.exp(-0.5 * x**2)),
    "lagweight": lambda f: same_gradient(f, X, lambda x: -np.exp(-x)),
    "mapparms": lambda f: same_gradient(lambda x: f([0.0, 2.0], x)[1], X[:2], lambda _x: [-0.5, 0.5]),
    "trimseq": lambda f: f(row()).shape == (3,),
    "format_float": lambda f: "requires_grad" in f(number()),
}


@pytest.mark.parametrize("name", names(RUNS))
@pytest.mark.filterwarnings("ignore")
def test_these_run_as_plain_code(name):
    assert RUNNING[name.rpartition(".")[2]](found(name))


@pytest.mark.parametrize("name", names(SERIES))
def test_a_series_is_plain_code_in_x(name):
    fn, c = found(name), np.array([0.5, -1.0, 2.0, 0.25])
    x = tg.tensor([0.3, -0.7], requires_grad=True)
    y = fn(x, c)
    np.testing.assert_allclose(y.data, fn(x.data, c), rtol=1e-14)
    derivative = importlib.import_module(fn.__module__)
    der = getattr(derivative, fn.__name__.replace("val", "der"))
    np.testing.assert_allclose(tg.gradients(y, [x])[0], fn(x.data, der(c)), rtol=1e-13)


@pytest.mark.parametrize("name", names(SERIES))
def test_a_series_of_coefficients_that_require_a_gradient_raises(name):
    with pytest.raises(TypeError, match="would drop the gradient"):
        found(name)(np.array([0.3, -0.7]), row())


@pytest.mark.parametrize("name", names(SERIES))
def test_a_series_with_coefficients_of_more_axes_is_refused_rather_than_misread(name):
    """NumPy looks for an ndarray in x, and would combine the wrong elements."""
    fn, c = found(name), np.arange(6.0).reshape(2, 3)
    for x in (row(), tg.tensor(X)):
        with pytest.raises(TypeError, match=f"{name.replace('numpy', 'np')} would misread an x"):
            fn(x, c)
        np.testing.assert_allclose(fn(x, c, tensor=False).data, fn(X, c, tensor=False))
    np.testing.assert_allclose(fn(row()[0], c).data, fn(X[0], c))


def test_values_from_roots_are_plain_code_at_one_place():
    f = np.polynomial.polynomial.polyvalfromroots
    same_gradient(lambda x: f(x, [1.0, 3.0]), np.array(0.5), lambda x: 2 * x - 4)
    with pytest.raises(TypeError, match="would misread an x"):
        f(row(), X[::-1])
    with pytest.raises(TypeError, match="would drop the gradient"):
        f(0.5, row())


def test_mapping_a_domain_raises_on_x_and_runs_in_the_domains():
    f = np.polynomial.polyutils.mapdomain
    with pytest.raises(TypeError, match="would drop the gradient"):
        f(row(), [0.0, 1.0], [0.0, 2.0])
    same_gradient(lambda new: f(0.25, [0.0, 1.0], new), np.array([0.0, 2.0]), lambda _new: [0.75, 0.25])


def test_a_polynomial_object_raises_when_called_with_a_tensor():
    with pytest.raises(TypeError, match="would drop the gradient"):
        np.polynomial.Polynomial([1.0, 2.0, 3.0])(row())


def test_poly1d_holds_a_tensor_whose_values_are_recorded_or_raises():
    try:
        p = np.poly1d(row())
    except TypeError as error:
        assert "np.atleast_1d" in str(error) or "np.trim_zeros" in str(error)
        return
    (g,) = tg.gradients(p(2.0), [p.coeffs])
    np.testing.assert_allclose(g, [4.0, 2.0, 1.0])


def test_an_array_of_a_tensor_without_gradient_is_an_array():
    x = tg.tensor([1.0, 2.0])
    for f in (np.asarray, np.array, np.asanyarray, np.ascontiguousarray):
        assert type(f(x)) is np.ndarray
