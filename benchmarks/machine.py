"""What the numbers were measured on."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path

import llvmlite.binding as llvm

from benchmarks import cores

DISTRIBUTIONS = ("skreg", "scikit-learn", "numpy", "scipy", "numba", "llvmlite", "torch", "jax")


def describe():
    """Return a dict of the processor, its cores, the load on it and all versions."""
    return {
        "cpu": cpu_model(),
        "llvm_cpu": llvm.get_host_cpu_name(),
        "cores": len(cores.usable()),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in DISTRIBUTIONS},
    }


def cpu_model():
    """Return the processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def slug(machine):
    """Return a file name for the results of a machine."""
    words = f"{machine['cpu']} {machine['llvm_cpu']}".lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def summary(machine):
    """Return the description as one line."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    count = f"{machine['cores']} core" + "s" * (machine["cores"] != 1)
    python = f"Python {machine['python']}"
    return f"{machine['cpu']} ({machine['llvm_cpu']}), {count}, {python}, {versions}"


def _version(distribution):
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "from the checkout" if distribution == "skreg" else "not installed"
