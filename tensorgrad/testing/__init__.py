"""Prove gradients right: against differences of the function itself, each with its own error bar."""

from tensorgrad.testing.entries import check_op
from tensorgrad.testing.gradcheck import gradcheck
from tensorgrad.testing.report import GradientError, GradientWarning, Report

__all__ = ["check_op", "gradcheck", "GradientError", "GradientWarning", "Report"]
