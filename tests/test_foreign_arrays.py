"""Every rule over an array type that has NumPy's two protocols and nothing else."""

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin

import tensorgrad as tg


class Foreign(NDArrayOperatorsMixin):
    """An array that NumPy's functions and operators take, of which no attribute can be used."""

    __slots__ = ("_held",)

    def __init__(self, held):
        self._held = held

    def __array_ufunc__(self, ufunc, method, *args, **params):
        if not all(isinstance(a, Foreign | np.ndarray | np.generic | int | float | complex) for a in args):
            return NotImplemented
        return wrap(getattr(ufunc, method)(*unwrap(args), **unwrap(params)))

    def __array_function__(self, fn, types, args, params):
        if not all(issubclass(t, Foreign | np.ndarray) for t in types):
            return NotImplemented
        return wrap(fn(*unwrap(args), **unwrap(params)))


def wrap(x):
    if isinstance(x, tuple | list):
        return type(x)(map(wrap, x))
    return Foreign(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x


def unwrap(x):
    if isinstance(x, tuple | list):
        return type(x)(map(unwrap, x))
    if isinstance(x, dict):
        return {name: unwrap(value) for name, value in x.items()}
    return x._held if isinstance(x, Foreign) else x


def same(found, expected):
    """Assert that foreign arrays hold what NumPy has computed, but for the order in which sums are added up."""
    assert all(type(g) is Foreign for g in found)
    for g, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(g._held, e, rtol=1e-14, atol=1e-15)
        assert (g._held.shape, g._held.dtype) == (e.shape, e.dtype)


def test_forward_is_numpys(call):
    arrays = call.values()
    expected = call(*arrays)
    out = call(*[tg.tensor(wrap(a), requires_grad=True) for a in arrays])
    outs, expected = (out, expected) if isinstance(expected, tuple | list) else ([out], [expected])
    for y, e in zip(outs, expected, strict=True):
        assert type(y.data) is Foreign
        np.testing.assert_allclose(y.data._held, e, rtol=1e-14, atol=1e-15)  # composites round in another order


def test_gradients_are_numpys(call, weighed):
    f, weights = weighed(call, call.values())
    arrays = [*weights, *call.values()]
    same(f.gradients(wrap(arrays)), f.gradients(arrays))


def test_second_gradients_are_numpys(call, weighed):
    f, weights = weighed(call, call.values())
    arrays = [*weights, *call.values()]
    along = [np.cos(a) for a in arrays]
    same(f.curvature(wrap(arrays), wrap(along)), f.curvature(arrays, along))


def test_backward_fills_grad_with_foreign_arrays(call, weighed):
    f, weights = weighed(call, call.values())
    arrays = [*weights, *call.values()]
    leaves = [tg.tensor(a, requires_grad=True) for a in wrap(arrays)]
    f(leaves).backward()
    expected = f.gradients(arrays)
    used = [j for j, leaf in enumerate(leaves) if leaf.grad is not None]
    same([leaves[j].grad for j in used], [expected[j] for j in used])
    assert all(not np.any(e) for j, e in enumerate(expected) if j not in used)


def test_piecewise_constant_functions_give_foreign_arrays(constant):
    if not hasattr(constant.op.fn, "_implementation") and not isinstance(constant.op.fn, np.ufunc):
        pytest.skip("np.zeros(3, like=t) gives NumPy's array: a function of the table is not told of t")
    out = constant(*[tg.tensor(wrap(a)) for a in constant.values()])
    assert type(out.data) is Foreign


def test_a_constant_foreign_array_meets_a_tensor_that_holds_one():
    x = tg.tensor(Foreign(np.array([1.0, 2.0])), requires_grad=True)
    c = Foreign(np.array([3.0, 4.0]))
    for y in (c * x, x * c, np.multiply(c, x), np.multiply(x, c)):
        same([y.data], [np.array([3.0, 8.0])])
        same(tg.gradients(y, [x]), [np.array([3.0, 4.0])])


def test_an_array_type_that_no_operand_holds_is_refused():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    c = Foreign(np.array([3.0, 4.0]))
    with pytest.raises(TypeError):
        x * c
    with pytest.raises(TypeError):
        c * x
    with pytest.raises(TypeError):
        np.multiply(x, c)


def test_zeros_for_an_independent_tensor_are_foreign():
    x, z = (tg.tensor(Foreign(np.array([1.0, 2.0])), requires_grad=True) for _ in range(2))
    same(tg.gradients(np.sum(x), [z]), [np.zeros(2)])


def test_a_seed_may_be_foreign():
    x = tg.tensor(Foreign(np.array([1.0, 2.0])), requires_grad=True)
    same(tg.gradients(x * x, [x], Foreign(np.array([1.0, 10.0]))), [np.array([2.0, 40.0])])


def test_a_foreign_tensor_says_what_it_is():
    x = tg.tensor(Foreign(np.ones((2, 3), np.float32)), requires_grad=True)
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, np.float32)
