"""The training loop, and what a trained model gets right."""

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorgrad.data import checked, require_finite, slices
from tensorgrad.errors import trims
from tensorgrad.graph import Tensor, raw
from tensorgrad.nn.functional import sigmoid
from tensorgrad.nn.module import Module
from tensorgrad.node import no_grad
from tensorgrad.optim import Optimizer
from tensorgrad.rng import Rng, as_rng

Model = Callable[[Any], Any]
ROWS_AT_ONCE = 4096  # in predict: large enough to be fast, small enough to fit in memory


@dataclass
class History:
    """What `fit` has seen: one number per epoch in each list."""

    loss: list[float] = field(default_factory=list)  # sample-weighted mean, each batch before its update
    validation: list[float] = field(default_factory=list)  # the loss on the validation data, after the epoch
    metrics: dict[str, list[float]] = field(default_factory=dict)

    def plot(self, ax: Any = None) -> Any:
        """Draw the curves with matplotlib, into `ax` if given; return the axes."""
        if ax is None:
            from matplotlib import pyplot as plt  # an extra, needed here only

            _, ax = plt.subplots()
        epochs = range(1, len(self.loss) + 1)
        ax.plot(epochs, self.loss, label="loss")
        if self.validation:
            ax.plot(epochs, self.validation, label="validation")
        for name, values in self.metrics.items():
            ax.plot(epochs, values, "--", label=name)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax


@trims
def fit(
    model: Model,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    X: Any,
    y: Any,
    *,
    epochs: int,
    batch_size: int,
    shuffle: bool = True,
    validation: tuple[Any, Any] | None = None,
    metrics: dict[str, Callable[[Any, Any], Any]] | None = None,
    log_every: int = 0,
    progress: bool = True,
    rng: int | Rng | None = None,
) -> History:
    """Train `model` by steps of `optimizer` on `loss(model(X), y)` of shuffled mini-batches; return the history.

    validation: (X, y) on which the loss is computed after each epoch.   metrics: functions `(prediction, y)`, computed
    after each epoch on the validation data, or without it on the training data.   log_every: prints the loss every so
    many epochs.   progress: shows a bar, if tqdm is installed. Raises ValueError if the data hold NaN or infinity.
    """
    X, y = checked(X, y)
    if validation is not None and not (isinstance(validation, tuple | list) and len(validation) == 2):
        raise TypeError(f"validation is (X, y), got {type(validation).__name__}")
    held_out = checked(*validation) if validation is not None else None
    if not callable(loss) or not callable(getattr(optimizer, "step", None)):
        raise TypeError(
            "fit takes (model, loss, optimizer, X, y): a function (prediction, y) and an optimizer, "
            f"got {type(loss).__name__} and {type(optimizer).__name__} for them"
        )
    if not isinstance(epochs, int | np.integer) or epochs < 0:
        raise ValueError(f"epochs must be an integer from 0 upwards, got {epochs!r}")
    rng = as_rng(rng)
    history = History(metrics={name: [] for name in metrics or {}})
    with bar(epochs, progress) as advance, mode(model, training=True):
        for epoch in range(1, epochs + 1):
            history.loss.append(one_epoch(model, loss, optimizer, slices(X, y, batch_size, shuffle=shuffle, rng=rng)))
            if not math.isfinite(history.loss[-1]) and all(map(math.isfinite, history.loss[:-1])):
                warnings.warn(f"the loss became {history.loss[-1]} in epoch {epoch}: a smaller lr?", stacklevel=3)
            if held_out is not None or metrics:
                seen, targets = held_out if held_out is not None else (X, y)
                prediction = predict(model, seen)
                if held_out is not None:
                    history.validation.append(float(loss(prediction, targets)))
                for name, metric in (metrics or {}).items():
                    history.metrics[name].append(float(metric(prediction, targets)))
            numbers = {"loss": history.loss[-1], **({"validation": history.validation[-1]} if held_out else {})}
            numbers |= {name: values[-1] for name, values in history.metrics.items()}
            log = f"epoch {epoch}: " + ", ".join(f"{name} {value:.6f}" for name, value in numbers.items())
            advance(numbers, log if log_every and epoch % log_every == 0 else "")
    return history


def one_epoch(model: Model, loss: Callable[[Any, Any], Any], optimizer: Optimizer, batches: Iterator[Any]) -> float:
    """Take one step per batch; return the mean loss, each batch's before its step and weighted by its rows."""
    total, rows = 0.0, 0
    for xb, yb in batches:
        cost = loss(model(xb), yb)
        if not isinstance(cost, Tensor):
            raise TypeError(
                f"loss(model(X), y) must return a tensor, got {type(cost).__name__}: does the model have parameters?"
            )
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        total, rows = total + cost.item() * len(xb), rows + len(xb)
    return total / rows


@contextmanager
def bar(epochs: int, progress: bool) -> Iterator[Callable[[dict[str, float], str], None]]:
    """Yield a function that advances a progress bar by an epoch, with its numbers, and prints a line above it."""
    tqdm = tqdm_if_installed() if progress else None
    if tqdm is None:
        yield lambda _, line: print(line) if line else None
        return
    with tqdm(total=epochs, unit="epoch") as shown:

        def advance(numbers: dict[str, float], line: str) -> None:
            if line:
                shown.write(line)
            shown.set_postfix({name: f"{value:.4f}" for name, value in numbers.items()}, refresh=False)
            shown.update()

        yield advance


def tqdm_if_installed() -> Any:
    """Return what makes progress bars, an extra; None without it."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


@contextmanager
def mode(model: Model, *, training: bool) -> Iterator[None]:
    """Put a module into training or evaluation mode for a block, and every module in it back afterwards."""
    before = [(module, module.training) for module in model.modules()] if isinstance(model, Module) else []
    for module, _ in before:
        module.training = training
    try:
        yield
    finally:
        for module, was in before:
            module.training = was


@trims
def predict(model: Model, X: Any) -> np.ndarray[Any, Any]:
    """Return the model's raw output as an array: in evaluation mode, without recording, in batches.

    Raises ValueError if X holds NaN or infinity.
    """
    X = np.asarray(raw(X))
    require_finite("X", X)
    with no_grad(), mode(model, training=False):
        parts = [np.asarray(raw(model(X[i : i + ROWS_AT_ONCE]))) for i in range(0, max(len(X), 1), ROWS_AT_ONCE)]
    return np.concatenate(parts)


@trims
def accuracy(model: Model, X: Any, y: Any, *, threshold: float = 0.5, from_logits: bool = True) -> float:
    """Return the share of rows that the model gets right; see `evaluate`."""
    return evaluate(model, X, y, threshold=threshold, from_logits=from_logits)[0]


@trims
def evaluate(
    model: Model, X: Any, y: Any, *, threshold: float = 0.5, from_logits: bool = True
) -> tuple[float, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the accuracy, and boolean masks of the rows that are right and wrong.

    One output column means label 1 where sigmoid(output) > threshold, or with from_logits=False output > threshold;
    several columns mean the largest.   y: labels (n,) or (n, 1), or for several columns one-hot rows.
    """
    X, y = checked(X, y)
    output = predict(model, X)
    output = output.reshape(len(X), -1)
    if output.shape[1] == 1:
        chosen = ((sigmoid(output) if from_logits else output) > threshold).reshape(-1)
        labels, classes = y, 2
    else:
        chosen, classes = output.argmax(axis=1), output.shape[1]
        labels = y.argmax(axis=1) if y.shape == output.shape else y
    if labels.size != len(X):
        raise ValueError(f"y has shape {y.shape}, expected one label for each of {len(X)} rows")
    odd = np.flatnonzero((labels < 0) | (labels >= classes) | (labels != np.floor(labels)))
    if odd.size:
        raise ValueError(f"label {labels.reshape(-1)[odd[0]]} of row {odd[0]} is none of 0 to {classes - 1}")
    correct = labels.reshape(-1) == chosen
    return float(np.mean(correct)), correct, ~correct
