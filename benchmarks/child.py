"""Run one measurement in a process of its own, with a fixed number of cores.

The thread pools of BLAS, OpenMP and XLA take their size once per process, from the environment
and from the cores that the process may use. So every number of threads is one child process,
bound to as many cores before it imports anything heavy, and all peers take turns inside it.

A measurement is a module-level generator function of records; a record is a dict that JSON can
hold. The child writes one record per line and its parent yields them as they come.
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import cores

PROJECT = Path(__file__).resolve().parents[1]
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Idle OpenMP threads must sleep instead of spinning on a core that the next peer needs.
SLEEPY = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def call(function, arguments=None, n_threads=None, environment=None):
    """Yield the records of ``function`` run in a new process.

    Parameters
    ----------
    function : str
        ``"module:name"`` of a generator function.
    arguments : dict or None
        Keyword arguments, as JSON can hold them.
    n_threads : int or None
        Number of cores that the process may use; all by default.
    environment : dict or None
        Further environment variables.

    Raises
    ------
    subprocess.CalledProcessError
        If the child fails; what it has to say goes to our standard error.
    """
    command = [sys.executable, "-m", "benchmarks.child", function]
    command += [json.dumps(arguments or {}), str(n_threads or 0)]
    variables = os.environ | _pools(n_threads) | SLEEPY | (environment or {})
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=variables, cwd=PROJECT
    )
    with process:
        try:
            yield from map(json.loads, process.stdout)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def _pools(n_threads):
    return dict.fromkeys(POOLS, str(n_threads)) if n_threads else {}


def _take_over_stdout():
    """Keep the standard output for records; whatever libraries print goes to standard error."""
    records = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return records


def _main(function, arguments, n_threads):
    if int(n_threads):
        cores.bind(int(n_threads))
    records = _take_over_stdout()
    module, name = function.split(":")
    for record in getattr(importlib.import_module(module), name)(**json.loads(arguments)):
        print(json.dumps(record), file=records, flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
