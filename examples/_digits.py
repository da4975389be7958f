"""Digits for the short examples: 3 against 7, of MNIST, as 49 numbers and a constant."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

FILE = Path(__file__).with_name("data") / "mnist_3v7.npz"


class Digits(NamedTuple):
    """X: (n, 50), means of 4 × 4 pixels, from 0 to 1, and a 1 for the intercept.   y: (n,), 1 for a 3, 0 for a 7."""

    X: np.ndarray
    y: np.ndarray


def digits(part: str, n: int | None = None) -> Digits:
    """Return the first `n` digits of "train" or "test", all by default."""
    with np.load(FILE) as data:
        images, labels = data[f"{part}_images"][:n], data[f"{part}_labels"][:n]
    means = images.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49) / 255
    return Digits(np.column_stack([means, np.ones(len(means))]), labels.astype(float))
