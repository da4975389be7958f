"""Matrices that show linear algebra in the generated tests: far from where derivatives do not exist."""

import math
from typing import Any

import numpy as np

from tensorgrad.op import Case
from tensorgrad.rules.linalg import adjoint

SQUARE: list[Case] = [(((3, 3),), {}), (((2, 2, 2),), {}), (((1, 1),), {}), (((0, 0),), {}), (((0, 2, 2),), {})]
OBLONG: list[Case] = [(((3, 3),), {}), (((3, 2),), {}), (((2, 3),), {}), (((2, 4, 2),), {})]


def separated(a: Any) -> Any:
    """Return square matrices with eigenvalues apart from 0 and each other."""
    return a * 0.25 + np.diag(np.arange(1.0, np.shape(a)[-1] + 1)).astype(np.float16)  # lifts no dtype


def hermitian(a: Any) -> Any:
    """Return a Hermitian matrix with eigenvalues apart from 0, from each other and from their negatives."""
    return separated((a + adjoint(a)) * 0.5)


def turning(a: Any) -> Any:
    """Return a matrix with eigenvalues apart from each other, if it is 3 by 3 two of them complex."""
    n = np.shape(a)[-1]
    fixed = np.diag(np.arange(1.0, n + 1))
    if n == 3:
        fixed[:2, :2] = [[1, 2], [-2, 1]]
    return a * 0.25 + fixed.astype(np.float16)


def positive(a: Any) -> Any:
    """Return a positive definite matrix."""
    return a @ adjoint(a) * 0.25 + np.eye(np.shape(a)[-1], dtype=np.int8)


def invertible(a: Any) -> Any:
    """Return an array that is far from singular when its elements are laid out as a square matrix."""
    n = math.isqrt(math.prod(np.shape(a)))
    return a * 0.25 + np.reshape(np.eye(n, dtype=np.int8), np.shape(a)) * 2


def oblong(a: Any) -> Any:
    """Return matrices of full rank with singular values apart from each other."""
    m, n = np.shape(a)[-2:]
    return a * 0.25 + (np.eye(m, n) * np.arange(1.0, n + 1)).astype(np.float16)
