"""The disk cache: trusted after every edit, harmless where no folder can be written, really used.

Each test works on a copy of the compiled part of the package, in processes of its own.
"""

import numba
import pytest

from skreg._kernel_cache import KernelCache
from tests.copies import PROGRAM, copy_kernels, run

pytestmark = pytest.mark.skipif(
    numba.config.DISABLE_JIT, reason="the processes would inherit that nothing is compiled"
)


@pytest.fixture
def copy(tmp_path):
    return copy_kernels(tmp_path)


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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_a_program_is_loaded_without_the_tables_of_all_that_can_be_compiled(copy, tmp_path):
    tables = (
        "import sys\n"
        "print('numba.np.npyimpl' in sys.modules)\n"
        "print('_cache' in vars(solvers.update), '_cache' in vars(solvers.prox_l1))\n"
    )
    for hits, misses, were_read in (("0", "1", "True"), ("1", "0", "False")):
        words, _ = run(copy, PROGRAM + tables, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        assert words == ["1.5", hits, misses, were_read, "True", "False"]


def test_a_loaded_program_and_a_compiled_one_live_side_by_side(copy, tmp_path):
    compiled = "from skreg._kernels.random import mix\nprint(mix(np.uint64(1234567), 0))\n"
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    run(copy, **cache)
    words, _ = run(copy, PROGRAM + compiled + PROGRAM, **cache)
    assert words == ["1.5", "1", "0", "6457827717110365317", "1.5", "1", "0"]


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


def test_every_kernel_of_the_package_is_cached_by_the_digest():
    from skreg._kernels import epoch

    assert isinstance(epoch.run._cache, KernelCache)
