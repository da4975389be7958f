"""Losses: means over all elements of the batch, of arrays or tensors, finite for any logits."""

import warnings
from typing import Any

import numpy as np

from tensorgrad.backends import astype, dtype_of
from tensorgrad.errors import trims
from tensorgrad.graph import Tensor, raw
from tensorgrad.nn.functional import (
    log_softmax,
    mean_square,
    probability_cross_entropy,
    sigmoid,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
)

SUM_TOLERANCE = 1e-3  # probabilities may come in float16


@trims
def cross_entropy(logits: Any, labels: Any) -> Any:
    """Return the cross entropy between `labels` and softmax(`logits`), in nats, averaged over the batch.

    logits: (batch, classes), unnormalised.   labels: (batch,), integers below `classes`; or probabilities, of logits'
    shape. Raises ValueError if shapes do not fit or a label is out of range, TypeError if (batch,) are no integers.

    >>> float(cross_entropy(np.zeros((1, 2)), [0]))
    0.6931471805599453
    """
    warn_if_squashed(logits, softmax, "cross_entropy", "softmax")
    shape = np.shape(logits)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"cross_entropy: logits must have shape (batch, classes), not empty, got {shape}")
    values = np.asarray(raw(labels))
    if values.shape == shape:
        require_probabilities("cross_entropy: labels", values)
        if not np.allclose(sums := values.sum(axis=1), 1, atol=SUM_TOLERANCE):
            row = int(np.argmax(np.abs(sums - 1)))
            raise ValueError(f"cross_entropy: probabilities must sum to 1 in each row, got {sums[row]} in row {row}")
        return -np.sum(log_softmax(logits) * to_dtype_of(logits, labels)) / shape[0]
    if values.shape != shape[:1]:
        raise ValueError(
            f"cross_entropy: labels of shape {values.shape} do not fit logits of shape {shape}: "
            f"expected integers of shape ({shape[0]},), or probabilities of shape {shape}"
        )
    if values.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy: labels of shape {values.shape} must be integers, got {values.dtype}: use .astype(int)"
        )
    outside = np.flatnonzero((values < 0) | (values >= shape[1]))
    if outside.size:
        raise ValueError(
            f"cross_entropy: label {values[outside[0]]} at position {outside[0]} is out of range "
            f"for {shape[1]} classes (0 to {shape[1] - 1})"
        )
    return softmax_cross_entropy(logits, labels=values)


@trims
def binary_cross_entropy(logits: Any, targets: Any, *, from_logits: bool = True) -> Any:
    """Return the cross entropy between `targets` and sigmoid(`logits`), in nats, averaged over all elements.

    targets: between 0 and 1, of logits' shape, or (n,) against (n, 1).   from_logits: False if the first argument holds
    probabilities. Raises ValueError if shapes do not fit or a target is out of range.

    >>> float(binary_cross_entropy(np.array([0.0, 1e4]), [1, 1]))
    0.34657359027997264
    """
    targets = to_shape_of(logits, targets, "binary_cross_entropy")
    require_probabilities("binary_cross_entropy: targets", np.asarray(raw(targets)))
    if from_logits:
        warn_if_squashed(logits, sigmoid, "binary_cross_entropy", "sigmoid")
        return sigmoid_cross_entropy(logits, targets)
    require_probabilities("binary_cross_entropy(from_logits=False): probabilities", np.asarray(raw(logits)))
    return np.mean(probability_cross_entropy(logits, targets))


@trims
def mse_loss(prediction: Any, target: Any) -> Any:
    """Return the mean of (prediction - target)**2 over all elements.

    target: of prediction's shape, or (n,) against (n, 1); anything else is a ValueError.

    >>> float(mse_loss(np.array([1.0, 2.0]), [1.0, 4.0]))
    2.0
    """
    target = to_shape_of(prediction, target, "mse_loss")
    if dtype_of(raw(prediction)).kind != "c":
        return mean_square(prediction, target)
    error = prediction - target
    return np.mean(np.real(error * np.conjugate(error)))


def to_shape_of(prediction: Any, target: Any, loss: str) -> Any:
    """Return the target in the prediction's shape and dtype; never broadcast."""
    z = raw(prediction)
    if type(z) is type(target) is np.ndarray and z.shape == target.shape and z.dtype is target.dtype and z.size:
        return target  # by far the most frequent
    shape, have = np.shape(raw(prediction)), np.shape(raw(target))
    if 0 in shape:
        raise ValueError(f"{loss}: the batch is empty, of shape {shape}")
    if have != shape:
        if shape != (*have, 1):
            column = f" or ({shape[0]},)" if len(shape) == 2 and shape[1] == 1 else ""
            raise ValueError(
                f"{loss}: targets of shape {have} do not fit predictions of shape {shape}: expected {shape}{column}"
            )
        target = np.reshape(target, shape)
    return to_dtype_of(prediction, target)


def to_dtype_of(prediction: Any, target: Any) -> Any:
    """Return the target in the prediction's dtype: integers or float64 would lift a float32 loss."""
    target = target if isinstance(target, (Tensor, np.ndarray)) else np.asarray(target)
    dtype, have = dtype_of(raw(prediction)), dtype_of(raw(target))
    if have.kind not in "biufc":
        raise TypeError(f"targets must be numbers, got {have}")
    if have.kind == "c" and dtype.kind != "c":
        raise TypeError("targets are complex, predictions are real")
    return target if have == dtype or dtype.kind not in "fc" else astype(target, dtype)


def require_probabilities(what: str, values: np.ndarray[Any, Any]) -> None:
    """Raise ValueError unless all values lie between 0 and 1."""
    if not (np.minimum.reduce(values, None) >= 0 and np.maximum.reduce(values, None) <= 1):
        place = np.unravel_index(np.argmin((values >= 0) & (values <= 1)), values.shape)
        raise ValueError(f"{what} must lie between 0 and 1, got {values[place]} at {tuple(map(int, place))}")


def warn_if_squashed(logits: Any, activation: Any, loss: str, name: str) -> None:
    """Warn if the graph shows that probabilities are passed for logits."""
    node = logits.node if isinstance(logits, Tensor) else None
    if node is not None and node.op is not None and activation in (node.op.fn, node.op.then and node.op.then.fn):
        warnings.warn(
            f"{loss} takes logits, but was given the output of a {name}: leave the {name} out"
            + (", or pass from_logits=False" if name == "sigmoid" else ""),
            stacklevel=4,  # the user's line, above `trims`
        )
