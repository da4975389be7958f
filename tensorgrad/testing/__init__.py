"""Prove gradients right: against other ways to find them, each with its own error bar."""

import importlib
from typing import Any

from tensorgrad.testing.entries import check_op
from tensorgrad.testing.gradcheck import gradcheck
from tensorgrad.testing.laws import LawError, Laws, check_laws
from tensorgrad.testing.report import GradientError, GradientWarning, Report

__all__ = [
    "gradcheck",
    "check_laws",
    "check_op",
    "Report",
    "Laws",
    "GradientError",
    "LawError",
    "GradientWarning",
    # from Hypothesis, which is not required: given_gradcheck, strategies
]


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return importlib.import_module("tensorgrad.testing.strategies")
    if name == "given_gradcheck":
        return importlib.import_module("tensorgrad.testing.properties").given_gradcheck
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
