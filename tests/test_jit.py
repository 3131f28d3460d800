"""The decorator: what it compiles, with which flags, and what is left where it cannot."""

import gc

import numba
import pytest
from numba.core.caching import NullCache

from skreg import _jit
from skreg._jit import OPTIONS, jit
from tests.copies import PROGRAM, copy_kernels, run

pytestmark = pytest.mark.skipif(
    numba.config.DISABLE_JIT, reason="the processes would inherit that nothing is compiled"
)


@pytest.fixture
def copy(tmp_path):
    return copy_kernels(tmp_path)


def test_without_the_compiler_the_functions_stay_plain(copy):
    assert run(copy, NUMBA_DISABLE_JIT="1")[0] == ["1.5", "no", "stats"]


@pytest.mark.parametrize(
    "error", ["AttributeError", pytest.param("TypeError", marks=pytest.mark.slow)]
)
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


def compiled_anew(function):
    """Return a kernel that no earlier run of the tests has left on disk."""
    kernel = jit(function)
    kernel._cache = NullCache()
    return kernel


def test_the_garbage_collector_rests_while_a_program_is_compiled(monkeypatch):
    seen, original = [], _jit.KernelDispatcher._compile
    monkeypatch.setattr(
        _jit.KernelDispatcher, "_compile",
        lambda *given: seen.append(gc.isenabled()) or original(*given),
    )  # fmt: skip
    assert gc.isenabled()
    assert compiled_anew(lambda x: x + 1)(2) == 3
    assert seen == [False]
    assert gc.isenabled()


def test_the_type_of_an_operation_on_numbers_is_looked_for_once(monkeypatch):
    mix = compiled_anew(lambda a, b: (a + b, b + a, a + b))
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
