"""Functions without a derivative: piecewise constant ones, and those whose result is a mask, an index or a fact."""

from typing import Any

import numpy as np

from tensorgrad.op import Function, refuse, register, register_plain

fn: Function


# Piecewise constant, or independent of the values: a tensor without gradient
def sign(x: Any) -> Any:
    """`np.sign` of real numbers."""
    if np.iscomplexobj(x):
        raise TypeError("sign of complex numbers is not piecewise constant: write x / np.abs(x), which has a gradient")
    return np.sign(x)


register(np.sign, forward=sign)
for fn in (np.floor, np.ceil, np.trunc, np.rint, np.round, np.fix, np.floor_divide):
    register(fn)
for fn in (np.zeros_like, np.ones_like, np.empty_like):
    register(fn)

# Comparisons and tests: masks
register_plain(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
register_plain(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.signbit)
register_plain(np.isnan, np.isinf, np.isfinite, np.isclose, np.allclose, np.array_equal, np.array_equiv)
register_plain(np.isreal, np.iscomplex, np.iscomplexobj, np.isrealobj, np.any, np.all)

# Indices and counts
register_plain(
    np.argmax,
    np.argmin,
    np.nanargmax,
    np.nanargmin,
    np.argsort,
    np.argwhere,
    np.nonzero,
    np.flatnonzero,
    np.count_nonzero,
)
register_plain(np.searchsorted, np.digitize, np.ravel_multi_index, np.unravel_index)

# Facts about shape, type and memory; texts
register_plain(np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.shares_memory)
register_plain(np.common_type, np.save, np.savez, np.savez_compressed, np.savetxt)
register_plain(np.may_share_memory, np.array_repr, np.array_str, np.array2string)

# Dates, of which there are no tensors
refuse("dates have no derivative. Compute on .data", np.busday_count, np.busday_offset, np.is_busday, np.isnat)
refuse("dates have no derivative. Compute on .data", np.datetime_as_string)
