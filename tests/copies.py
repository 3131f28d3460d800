"""Copies of the compiled part of the package, and programs that run on them in processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import skreg

PACKAGE = Path(skreg.__file__).parent


# `update` stands in solvers.py and calls `prox_l1`, which stands in penalties.py.
PROGRAM = """
import numpy as np
from skreg._kernels import solvers
w, zeros = np.full(4, 2.0), np.zeros(4)
segment = solvers.Segment(w, zeros.copy(), zeros[:0], zeros)
rule = solvers.Rule(solvers.SGD, 0.0, 0, 0.0, 0.0, 1.0, 0.0, 0.0)
solvers.update(rule, solvers.Step(1.0, 1.0, 1.0, 1.0, 1.0), segment, 0.5, 0.0)
stats = getattr(solvers.update, "stats", None)
print(w[0], *(sum(stats[1].values()), sum(stats[2].values())) if stats else ("no", "stats"))
"""


def copy_kernels(folder):
    """Return a package with a copy of the kernels in it, without the estimators above them."""
    package = folder / "site" / "skreg"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("_garbage.py", "_jit.py", "_kernel_cache.py"):
        shutil.copy(PACKAGE / name, package)
    shutil.copytree(
        PACKAGE / "_kernels", package / "_kernels", ignore=shutil.ignore_patterns("__pycache__")
    )
    return package


def run(package, program=PROGRAM, **environment):
    """Run a program on a copy; return its words and what it wrote to standard error."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(package.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(package.parent),
        **environment,
    }
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(
        command, env=environment, cwd=package.parent, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr
