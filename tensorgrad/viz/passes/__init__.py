"""Changes graphs before they are drawn: functions from data to data, which leave what they are given as it was."""

from tensorgrad.viz.passes.backward import backward, both
from tensorgrad.viz.passes.fold import fold, to_depth
from tensorgrad.viz.passes.hide import focus, unfolded, without_constants
from tensorgrad.viz.passes.repeats import folded_repeats, repeats
from tensorgrad.viz.passes.tidy import tidy

__all__ = [
    "backward",
    "both",
    "focus",
    "fold",
    "folded_repeats",
    "repeats",
    "tidy",
    "to_depth",
    "unfolded",
    "without_constants",
]
