"""Where and with what was measured: the processor, versions, the date; nothing that tells whose machine it is."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

LIBRARIES = ("numpy", "torch", "jax", "jaxlib", "autograd", "mygrad")


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def memory() -> str:
    """Return the size of the memory."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):
        return "unknown"


def header() -> dict[str, object]:
    """Return what a table of times has to say first."""
    versions = {"Python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    import tensorgrad

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory": memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"tensorgrad": tensorgrad.__version__, **versions},
    }
