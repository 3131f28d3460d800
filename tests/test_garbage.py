"""The garbage collector rests, and works again as it did before."""

import gc
import subprocess
import sys

import pytest

from skreg._garbage import no_garbage_collection

# Collections that a callback of the collector counts while skreg, and what it needs, is imported.
PROGRAM = """
import gc
begun = []
gc.callbacks.append(lambda phase, info: phase == "stop" or begun.append(info))
import skreg
skreg.MLPClassifierCV
gc.callbacks.clear()
print(len(begun), gc.isenabled())
"""


@pytest.fixture(params=[True, False], ids=["enabled", "disabled"])
def enabled(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_it_rests_and_is_as_before(enabled):
    with no_garbage_collection():
        assert not gc.isenabled()
        with no_garbage_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled() == enabled


def test_it_is_as_before_an_error(enabled):
    with pytest.raises(KeyError), no_garbage_collection():
        raise KeyError
    assert gc.isenabled() == enabled


def test_nothing_is_collected_during_the_import():
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    n_begun, is_enabled = done.stdout.split()
    assert int(n_begun) < 100 and is_enabled == "True"  # a dozen before the package's first line
