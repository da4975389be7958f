"""Verifies that candidates compute the same numbers, then times them in turn."""

import gc
import random
import time
from typing import Any

import numpy as np

from benchmarks.candidates import PEERS, UNIT, build
from benchmarks.workloads import (
    WORKLOADS,
    Array,
    Chain,
    Product,
    Rosenbrock,
    Spec,
    Step,
    Update,
    directed,
    network,
    updated,
)

STEPS = 3  # that are verified
LOSS_TOLERANCE = 1e-4  # relative: float32 keeps 7 digits, and orders of summation differ
TRAVEL_TOLERANCE = 1e-2  # of how far a parameter array went in these steps: the error of all updates together


class DisagreementError(AssertionError):
    """A candidate computes other numbers than the textbook."""


def beginning(spec: Spec) -> list[Array]:
    """Return what the parameters are before the first step; zeros for a derivative."""
    if isinstance(spec, Chain):
        return [np.zeros(spec.size, np.float32)]
    if isinstance(spec, Rosenbrock):
        return [np.zeros((spec.size, spec.size))]
    if isinstance(spec, Product):
        return [np.zeros_like(p) for p in directed(spec)[0]]
    return updated(spec)[0] if isinstance(spec, Update) else network(spec)[0]


def follow(step: Step) -> tuple[list[Any], list[Array]]:
    """Return the losses of the first steps, and the parameters after them."""
    losses = []
    for _ in range(STEPS):
        if step.before:
            step.before()
        losses.append(step.run())
    return [loss for loss in losses if isinstance(loss, float)], [np.array(a) for a in step.read()]


def agree(spec: Spec, found: tuple[list[Any], list[Array]], expected: tuple[list[Any], list[Array]]) -> float:
    """Return the largest error of a parameter array, relative to how far it went; raise if it is too large."""
    if len(found[0]) not in (0, len(expected[0])) or not np.allclose(
        found[0], expected[0][: len(found[0])], LOSS_TOLERANCE, 0
    ):
        raise DisagreementError(f"losses {found[0]}, expected {expected[0]}")
    worst = 0.0
    for i, (a, b, start) in enumerate(zip(found[1], expected[1], beginning(spec), strict=True)):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise DisagreementError(f"array {i} is {a.dtype} of {a.shape}, expected {b.dtype} of {b.shape}")
        error = float(np.linalg.norm(a - b) / max(float(np.linalg.norm(b - start)), 1e-30))
        if not error <= TRAVEL_TOLERANCE:
            raise DisagreementError(f"array {i} is off by {error:.1e} of the distance it went")
        worst = max(worst, error)
    return worst


def verified(workload: str, names: list[str], spec: Spec) -> tuple[dict[str, Step], dict[str, Any], dict[str, str]]:
    """Return the candidates that agree with the textbook, ready to be timed; facts about them; who is out, and why."""
    unit = build(UNIT, spec)
    assert unit is not None
    expected = follow(unit)
    steps: dict[str, Step] = {}
    facts: dict[str, Any] = {}
    skipped = {name: reason for name, reason in WORKLOADS[workload].skip.items() if name in names}
    for name in names:
        if name in skipped:
            continue
        try:
            if (step := build(name, spec)) is None:
                continue
            found = follow(step)
        except Exception as error:  # a peer may miss a compiler, or be built for another NumPy
            if name not in PEERS:
                raise
            words = [word for word in str(error).split() if "/" not in word]  # no paths in published results
            skipped[name] = f"{type(error).__name__}: {' '.join(words)[:120]}"
            continue
        try:
            worst = agree(spec, found, expected)
        except DisagreementError as error:
            error.add_note(f"in {name} on {workload}")
            raise
        steps[name] = step
        facts[name] = {"loss": found[0][-1] if found[0] else None, "error": worst, "note": step.note}
    return steps, facts, skipped


def interleave(steps: dict[str, Step], burst: int, seconds: float) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return the seconds of every step, candidates taking turns in bursts until the time is spent; and used cores.

    The cores are the ratio of processor time to elapsed time: what runs on one thread, as it should, shows 1.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    elapsed, busy = dict.fromkeys(steps, 1e-9), dict.fromkeys(steps, 0.0)
    order = list(steps)
    shuffle = random.Random(0).shuffle
    clock, processor = time.perf_counter, time.process_time
    deadline = clock() + seconds
    rounds = 0
    while rounds < 3 or clock() < deadline:
        shuffle(order)
        for name in order:
            run, before = steps[name].run, steps[name].before
            began, spent = clock(), processor()
            for _ in range(burst):
                if before:
                    before()
                started = clock()
                run()
                times[name].append(clock() - started)
            busy[name] += processor() - spent
            elapsed[name] += clock() - began
        rounds += 1
    return times, {name: busy[name] / elapsed[name] for name in steps}


def compare(workload: str, names: list[str], seconds: float) -> dict[str, Any]:
    """Return the minimum, the median, the loss, the error and the used cores of each candidate on one workload."""
    entry = WORKLOADS[workload]
    gc.collect()
    steps, facts, skipped = verified(workload, names, entry.spec)
    times, cores = interleave(steps, entry.burst, seconds)
    for name, values in times.items():
        facts[name] |= {"min": min(values), "median": float(np.median(values)), "steps": len(values)}
        facts[name]["cores"] = round(cores[name], 2)
    return {"candidates": facts, "skipped": skipped}
