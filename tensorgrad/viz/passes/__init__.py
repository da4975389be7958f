"""Changes graphs before they are drawn: functions from data to data, which leave what they are given as it was."""

from tensorgrad.viz.passes.backward import backward, both
from tensorgrad.viz.passes.fold import fold, to_depth
from tensorgrad.viz.passes.hide import focus, without_constants

__all__ = ["backward", "both", "focus", "fold", "to_depth", "without_constants"]
