"""The disk cache: trusted after every edit, harmless where no folder can be written, really used.

Each test works on a copy of the compiled part of the package, in processes of its own.
"""

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import skreg
from skreg import _jit
from skreg._jit import OPTIONS, jit
from skreg._kernel_cache import KernelCache

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

pytestmark = pytest.mark.skipif(
    numba.config.DISABLE_JIT, reason="the processes would inherit that nothing is compiled"
)


@pytest.fixture
def copy(tmp_path):
    """Return a folder with a copy of the kernels, without the estimators above them."""
    package = tmp_path / "site" / "skreg"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("_jit.py", "_kernel_cache.py"):
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


def test_a_second_process_loads_and_an_edit_of_a_leaf_compiles_again(copy, tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert run(copy, **cache)[0] == ["1.5", "0", "1"]  # value, cache hits, cache misses
    assert run(copy, **cache)[0] == ["1.5", "1", "0"]
    leaf = copy / "_kernels" / "penalties.py"
    text = leaf.read_text()
    assert text.count("magnitude = abs(w) - threshold") == 1
    leaf.write_text(text.replace("abs(w) - threshold", "abs(w) - threshold - threshold"))
    assert run(copy, **cache)[0] == ["1.0", "0", "1"]


def test_a_loaded_program_compiles_nothing(copy, tmp_path):
    watch = (
        "from numba.core import event\n"
        "class Count(event.Listener):\n"
        "    n = 0\n"
        "    def on_start(self, e): self.n += 1\n"
        "    def on_end(self, e): pass\n"
        "count = Count()\n"
        "event.register('numba:run_pass', count)\n"
    )
    program = watch + PROGRAM + "print(count.n)"
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert int(run(copy, program, **cache)[0][-1]) > 0
    assert int(run(copy, program, **cache)[0][-1]) == 0


def test_only_what_python_called_is_kept_on_disk(copy, tmp_path):
    run(copy, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    kept = {path.name.split("-")[0] for path in (tmp_path / "cache").rglob("*.nbc")}
    assert kept == {"solvers.update"}


def only_file(folder):
    (path,) = folder.rglob("*.nbc")
    return path


@pytest.mark.parametrize("damage", (lambda whole: whole[: len(whole) // 2], lambda whole: b"",
                                    lambda whole: whole[:-1] + bytes([whole[-1] ^ 1])),
                         ids=("half", "empty", "one_bit"))  # fmt: skip
def test_a_damaged_file_is_compiled_again_and_mended(copy, tmp_path, damage):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    run(copy, **cache)
    path = only_file(tmp_path / "cache")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert run(copy, **cache)[0] == ["1.5", "0", "1"]
    assert run(copy, **cache)[0] == ["1.5", "1", "0"]


@pytest.mark.parametrize(
    "other",
    [{"NUMBA_CPU_NAME": "generic"}, {"NUMBA_BOUNDSCHECK": "1"}, {"NUMBA_OPT": "1"}],
    ids=str,
)
def test_processors_and_settings_share_a_folder_and_never_a_program(copy, tmp_path, other):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    other = other | cache
    for environment, hits in ((cache, "0"), (other, "0"), (cache, "1"), (other, "1")):
        assert run(copy, **environment)[0][:2] == ["1.5", hits]
    assert len(list((tmp_path / "cache").rglob("*.nbc"))) == 2
    assert len([path for path in (tmp_path / "cache").rglob("*") if path.is_file()]) == 2


def test_a_full_disk_costs_the_cache_only(copy, tmp_path):
    full = (
        "from numba.core.caching import IndexDataCacheFile\n"
        "def fail(self, path):\n"
        "    raise OSError(28, 'No space left on device')\n"
        "IndexDataCacheFile._open_for_write = fail\n"
    )
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert run(copy, full + PROGRAM, **cache)[0] == ["1.5", "0", "1"]
    assert not list((tmp_path / "cache").rglob("*.nbc"))


def test_no_folder_to_write_to_costs_the_cache_only(copy):
    for folder in (copy, copy / "_kernels"):
        (folder / "__pycache__").touch()  # a file where a folder should be: not even root can
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"}
    for cache in ({}, {"NUMBA_CACHE_DIR": "/dev/null/numba"}):
        words, errors = run(copy, **nowhere, **cache)
        assert words == ["1.5", "0", "1"]
        assert errors == ""


def test_without_the_compiler_the_functions_stay_plain(copy):
    assert run(copy, NUMBA_DISABLE_JIT="1")[0] == ["1.5", "no", "stats"]


@pytest.mark.parametrize("error", ("AttributeError", "TypeError"))
def test_another_numba_means_ordinary_compilation(copy, tmp_path, error):
    broken = (
        "import skreg._jit\n"
        "def fail(self, function):\n"
        f"    raise {error}\n"
        "skreg._jit.KernelDispatcher.__init__ = fail\n"
    )
    words, _ = run(copy, broken + PROGRAM, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert words == ["1.5", "0", "1"]


def test_kernels_can_be_called_from_ordinary_compiled_code(copy, tmp_path):
    # `mix` reaches two more functions, which an ordinary library does not look for.
    program = (
        "import numba, numpy as np\n"
        "from skreg._kernels.random import mix\n"
        "call = numba.njit(lambda x: mix(np.uint64(x), 0))\n"
        "print(call(1234567))\n"
    )
    words, _ = run(copy, program, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert words == ["6457827717110365317"]


def test_the_garbage_collector_rests_while_a_program_is_compiled(monkeypatch):
    seen, original = [], _jit.KernelDispatcher._compile
    monkeypatch.setattr(
        _jit.KernelDispatcher, "_compile",
        lambda *given: seen.append(gc.isenabled()) or original(*given),
    )  # fmt: skip
    assert gc.isenabled()
    assert jit(lambda x: x + 1)(2) == 3
    assert seen == [False]
    assert gc.isenabled()


def test_the_type_of_an_operation_on_numbers_is_looked_for_once(monkeypatch):
    @jit
    def mix(a, b):
        return a + b, b + a, a + b

    twin, looked_for = _jit._with_memory(mix.typingctx), []
    plain = type(twin).__mro__[1]
    original = plain.resolve_function_type

    def counted(self, func, args, kws):
        looked_for.append((func, tuple(args)))
        return original(self, func, args, kws)

    monkeypatch.setattr(plain, "resolve_function_type", counted)
    twin.known.clear()
    assert mix(1.5, 2.5) == (4.0, 4.0, 4.0)
    pairs = [args for func, args in looked_for if len(args) == 2]
    assert pairs == [(numba.float64, numba.float64)]


def test_flags_are_safe_and_every_kernel_has_its_own_copy():
    assert OPTIONS["fastmath"] == {"contract", "nsz"}
    assert OPTIONS["nogil"] and OPTIONS["error_model"] == "numpy"
    kernel = jit(lambda x: x)
    kernel.targetoptions["forceinline"] = True
    assert "forceinline" not in OPTIONS


def test_every_kernel_of_the_package_is_cached_by_the_digest():
    from skreg._kernels import epoch

    assert isinstance(epoch.run._cache, KernelCache)
