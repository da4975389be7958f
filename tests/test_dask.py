"""Every rule over Dask arrays: lazy from end to end, and equal to NumPy."""

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.op import Each

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

CLOSE = {"rtol": 1e-12, "atol": 1e-12}  # Dask sums block by block: only the order of rounding differs

REFUSED_BY_DASK = {
    "ravel-(2,3)-order=F": "its reshape has no order",
    "reshape-(4,)-shape=(2,-1),order=F": "its reshape has no order",
    "reshape-(2,3)-shape=(3,2)": "its reshape merges and splits axes only",
    "getitem-(3,4)-index=([0,0,1],[1,1,3])": "it reads by one list of numbers at a time",
    "take_along_axis-(2,3)-indices=[[202]\n[11-1]],axis=1": "it reads by one list of numbers at a time",
    "take_along_axis-(2,3)-indices=[[101]],axis=0": "it reads by one list of numbers at a time",
    "take_along_axis-(1,3)-indices=[[01]\n[22]],axis=-1": "it reads by one list of numbers at a time",
    "piecewise-()-condlist=[True],funclist=[<ufunc'exp'>]": "it reads no number by a mask",
    "piecewise-(2,2)-condlist=[[[TrueFalse]\n[FalseTrue]]\n\n[[FalseTrue]\n[FalseTrue]]],"
    "funclist=[<ufunc'sin'>,<ufunc'exp'>]": "it does not know the number of elements under a mask",
    "repeat-(0,2)-repeats=2,axis=0": "its reshape takes no empty arrays",
    "tile-(3,)-reps=0": "its reshape takes no empty arrays",
    "pad-(2,3)-pad_width=((0,0),(1,1)),mode=median": "it does not sort",
    "pad-(5,)-pad_width=(1,2),mode=median,stat_length=(3,4)": "it does not sort",
    "roll-(3,2)-shift=(1,1),axis=0": "it takes as many shifts as axes",
    "tril-(3,)": "its triangles are of matrices",
    "triu-(3,)": "its triangles are of matrices",
    "trim_zeros-(4,)": "it does not accumulate",
    "trim_zeros-(4,)-trim=f": "it does not accumulate",
}


# Dask has a part of NumPy's functions, and of their parameters. These families keep the seam open; many of the others
# work as well, and many cannot.
FAMILIES = ("elementwise", "reduce", "shape", "index", "linalg", "joining", "repeating", "write")
LACKING = {"where", "initial", "dtype"}  # in its reductions


def family(op):
    """Return the file that an entry stands in."""
    rules = [] if isinstance(op.vjps, Each) else [rule for rule in op.vjps if rule is not None]
    return getattr(rules[0] if rules else op.forward, "__module__", None)


def lazy(a):
    """Return an array as a Dask array of at least two blocks along each axis that allows it."""
    return da.from_array(a, chunks=tuple(max(1, (n + 1) // 2) for n in np.shape(a)))


def refuse_to_compute(*_, **__):
    raise AssertionError("computed an array that should have stayed lazy")


def same(found, expected):
    assert all(isinstance(g, da.Array) for g in found)
    for g, e in zip(found, expected, strict=True):
        assert (g.shape, g.dtype) == (e.shape, e.dtype)
        np.testing.assert_allclose(g.compute(scheduler="synchronous"), e, **CLOSE)


@pytest.fixture
def supported(call):
    """The call, if Dask itself can do it."""
    if reason := REFUSED_BY_DASK.get(str(call)):
        pytest.skip(f"Dask cannot: {reason}")
    if family(call.op) not in [f"tensorgrad.rules.{name}" for name in FAMILIES] or LACKING & call.params.keys():
        pytest.skip("Dask cannot, or need not, do it")
    return call


def test_forward_equals_numpy(supported):
    arrays = supported.values()
    expected = supported(*arrays)
    with dask.config.set(scheduler=refuse_to_compute):
        out = supported(*[tg.tensor(lazy(a), requires_grad=True) for a in arrays])
    outs, expected = (out, expected) if isinstance(expected, tuple | list) else ([out], [expected])
    same([y.data for y in outs], expected)


def test_gradients_equal_numpys(supported, weighed):
    f, weights = weighed(supported, supported.values())
    arrays = [*weights, *supported.values()]
    with dask.config.set(scheduler=refuse_to_compute):
        found = f.gradients([lazy(a) for a in arrays])
    same(found, f.gradients(arrays))


def test_second_gradients_equal_numpys(supported, weighed):
    f, weights = weighed(supported, supported.values())
    arrays = [*weights, *supported.values()]
    along = [np.cos(a) for a in arrays]
    with dask.config.set(scheduler=refuse_to_compute):
        found = f.curvature([lazy(a) for a in arrays], [lazy(v) for v in along])
    same(found, f.curvature(arrays, along))


@pytest.mark.parametrize("name", REFUSED_BY_DASK)
def test_what_dask_refuses_is_still_refused(name, all_calls, weighed):
    (refused,) = [call for call in all_calls if str(call) == name]
    f, weights = weighed(refused, refused.values())
    with pytest.raises((NotImplementedError, TypeError, ValueError, IndexError, FutureWarning)):
        f.gradients([lazy(a) for a in [*weights, *refused.values()]])


def test_backward_gives_lazy_gradients():
    x = tg.tensor(lazy(np.arange(6.0)), requires_grad=True)
    with dask.config.set(scheduler=refuse_to_compute):
        np.sum(x * x).backward()
        np.sum(x[1:3]).backward()
    same([x.grad], [np.array([0.0, 3.0, 5.0, 6.0, 8.0, 10.0])])
