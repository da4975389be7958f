"""Every entry of the registry: where NumPy's result shows the memory of its first array, so does ours."""

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.testing.weighing import results

EXEMPT = {
    np.broadcast_arrays: "NumPy warns of writing to its results, ours are read-only",
    np.meshgrid: "likewise, without copies",
    np.asfortranarray: "always a copy: whether NumPy makes one depends on how the array lies in memory",
}


def shared(call, arrays):
    """Return which results of a call show memory of the first array."""
    return [isinstance(y, np.ndarray) and np.shares_memory(y, arrays[0]) for y in results(call(*arrays))]


def test_an_entry_says_that_it_gives_a_view_where_numpy_gives_one(call):
    arrays = call.values()
    if call.op.fn not in EXEMPT and arrays and any(shared(call, arrays)) and call.op.prepare is None:
        assert call.op.view, "NumPy's result shares memory: give the entry view=True"


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("kind", [float, complex])
def test_a_write_reaches_the_base_where_numpys_does_and_nothing_else(call, live, kind):
    arrays = [a.astype(kind) for a in call.values()]
    if not call.op.view or call.op.prepare is not None or call.op.fn in EXEMPT:
        return
    if kind is complex and call.params.get("dtype") is not None:
        return  # a conversion, of which NumPy warns
    views = shared(call, arrays)
    found = results(call(*arrays))
    base, *others = [tg.tensor(a, requires_grad=live) * 1.0 if a.ndim else tg.tensor(a) for a in arrays]
    base = base if live and arrays[0].ndim else tg.tensor(arrays[0])
    for t, y, seen in zip(results(call(base, *others)), found, views, strict=True):
        if not isinstance(y, np.ndarray) or not y.flags.writeable:
            if isinstance(y, np.ndarray):
                with pytest.raises(ValueError, match="read-only"):
                    t[...] = 7.0
            continue
        y[...] = 7.0
        t[...] = 7.0
        np.testing.assert_array_equal(t.data, y)
        np.testing.assert_array_equal(base.data, arrays[0])
        if seen:
            base[...] = arrays[0][...] = 3.0
            np.testing.assert_array_equal(t.data, y)
