"""Fresh processes with one thread each: `python -m benchmarks.process TASK JSON` runs a task and prints its result."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "NPROC": "1",  # the size of XLA's pool of threads; the flag alone leaves it at the number of cores
    "JAX_PLATFORMS": "cpu",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no pool of compilers that outlives its work
}
MARK = "result: "


def spawn(task: str, **arguments: Any) -> Any:
    """Run a task in a process of its own and return its result."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.process", task, json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            return json.loads(line.removeprefix(MARK))
    raise RuntimeError(f"the process for {task} {arguments} ended with {done.returncode} and no result")


def steps(workloads: list[str], names: list[str], seconds: float, pinned: bool) -> Any:
    """Compare candidates on workloads; pinned: on one core only, where the system can do it."""
    if pinned and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from benchmarks.compare import compare

    found = {}
    for workload in workloads:
        print(f"  {workload}", end="", file=sys.stderr, flush=True)
        found[workload] = compare(workload, names, seconds)
    print(file=sys.stderr)
    return found


def chains(sizes: dict[str, int]) -> Any:
    """Time chains of scalar operations; sizes: {operations: repetitions}."""
    from benchmarks.micro import chains

    return {n: chains(int(n), repeat) for n, repeat in sizes.items()}


def operations(repeat: int) -> Any:
    """Time single operations."""
    from benchmarks.micro import operations

    return operations(repeat)


def nodes(library: str, n: int) -> Any:
    """Measure the memory of a chain."""
    from benchmarks.micro import bytes_per_node

    return bytes_per_node(library, n)


def peak(candidate: str, workload: str) -> Any:
    """Measure the memory of training steps."""
    from benchmarks.footprint import peak

    return peak(candidate, workload)


def imports(repeat: int) -> Any:
    """Time imports, and measure the package's size."""
    from benchmarks.footprint import import_times, sizes

    return {"ms": import_times(repeat), "KiB": sizes()}


TASKS: dict[str, Callable[..., Any]] = {f.__name__: f for f in (steps, chains, operations, nodes, peak, imports)}

if __name__ == "__main__":
    result = TASKS[sys.argv[1]](**json.loads(sys.argv[2]))
    print(MARK + json.dumps(result), flush=True)
