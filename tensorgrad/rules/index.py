"""Rules of reading by index, and of its transpose."""

import numpy as np

from tensorgrad.backends import getitem, scatter_add
from tensorgrad.op import register

register(
    getitem,
    lambda g, _y, _x, index: scatter_add(g, index, np.shape(_x)),
    cases=[
        (((3, 4),), {"index": 1}),
        (((3, 4),), {"index": (slice(None, None, -2), None, 0)}),
        (((3, 4),), {"index": (..., slice(1, 3))}),
        (((3, 4),), {"index": [2, 0, 2]}),
        (((3, 4),), {"index": ([0, 0, 1], [1, 1, 3])}),
        (((3, 4),), {"index": ([2, 0], slice(1, None), None)}),
        (((3,),), {"index": [True, False, True]}),
        (((3, 2),), {"index": (2, 1)}),
        (((),), {"index": ()}),
    ],
    view=True,
)
register(
    scatter_add,
    lambda g, _y, _x, index, shape: getitem(g, index),
    cases=[(((2, 3),), {"index": [1, 1], "shape": (4, 3)}), (((3,),), {"index": (1, slice(3)), "shape": (2, 4)})],
)
