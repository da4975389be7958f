"""What it takes besides time: the peak memory of training steps, the time of the import (K), the size on disk."""

import gc
import io
import os
import subprocess
import sys
import tracemalloc
import zipfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks.candidates import build
from benchmarks.workloads import WORKLOADS

STEPS = 3


def status(field: str) -> int:
    """Return a line of Linux's account of this process, in bytes."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


def peak(candidate: str, workload: str) -> dict[str, float]:
    """Return by how much training makes the process grow at its peak, in MiB; and Python's own count of it.

    The library is warmed up on a tiny net. From there on everything counts: batch, parameters, gradients, moments,
    activations, temporaries. To be run in a fresh process for each candidate.
    """
    entry = WORKLOADS[workload]
    warm = build(candidate, entry.tiny)
    assert warm is not None
    warm.run()
    del warm
    gc.collect()
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark starts again from here
    step = build(candidate, entry.spec)
    assert step is not None
    for _ in range(STEPS):
        step.run()
    grown = status("VmHWM") - before
    del step
    gc.collect()
    tracemalloc.start()
    step = build(candidate, entry.spec)
    assert step is not None
    for _ in range(STEPS):
        step.run()
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"resident": grown / 2**20, "traced": traced / 2**20}


def import_times(repeat: int) -> dict[str, list[float]]:
    """Return how long the import takes in fresh processes, in ms, in turn."""
    times: dict[str, list[float]] = {"numpy": [], "tensorgrad": []}
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # as users have it: compiled once
    for i in range(repeat + 1):
        for name, values in times.items():
            code = f"import time; s = time.perf_counter(); import {name}; print(time.perf_counter() - s)"
            found = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
            )
            if i:  # the first ones may compile
                values.append(1e3 * float(found.stdout))
    return times


def sizes() -> dict[str, float]:
    """Return the package's sources in KiB: as installed, and packed as in a wheel."""
    spec = find_spec("tensorgrad")
    assert spec is not None and spec.origin is not None
    root = Path(spec.origin).parent
    files = [f for f in root.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for f in files:
            archive.write(f, f.relative_to(root))
    return {"installed": sum(f.stat().st_size for f in files) / 1024, "wheel": len(packed.getvalue()) / 1024}
