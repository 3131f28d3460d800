"""The engine: parameters and moments in and out, epochs, evaluation, errors of a member."""

import sys
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp

from skreg._architecture import views
from skreg._engine import Engine
from skreg._kernels import epoch
from skreg._kernels.job import GRADIENT, MEMORY, TRANSPOSED, WEIGHTS
from skreg._kernels.losses import POISSON
from skreg._kernels.solvers import ADAM, Rule
from skreg._penalties import make_penalties
from skreg._task import Rows
from tests.kernels.engines import features, make_engine, needs_threads, starting_weights, targets

UNITS = (7, 6, 3)
ADAM_RULE = Rule(ADAM, 0.9, 1, 0.9, 0.999, 1e-8, 0.0, 0.0)


def engine_of(n=30, X=None, **more):
    X = features(n, 7) if X is None else X
    return make_engine(UNITS, X, targets(0, n, 3), **more)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_come_back_as_they_went_in(dtype):
    flat = starting_weights(UNITS).astype(dtype)
    with engine_of(dtype=dtype) as engine:
        engine.load(flat)
        np.testing.assert_array_equal(engine.parameters(), flat)
        engine.load(np.zeros_like(flat))
        engine.load_arrays(*views(flat, UNITS))
        np.testing.assert_array_equal(engine.parameters(), flat)
        assert engine.is_finite()
        engine.load(np.where(np.arange(flat.size) == 3, np.nan, flat).astype(dtype))
        assert not engine.is_finite()


def test_moments_carry_a_run_on_in_another_engine():
    flat = starting_weights(UNITS)
    with engine_of(rule=ADAM_RULE, batch_size=8) as one:
        one.load(flat)
        for _ in range(4):
            one.train_epoch(0.01)
        expected = one.parameters()
        assert one.steps == 16
    with engine_of(rule=ADAM_RULE, batch_size=8) as first:
        first.load(flat)
        first.train_epoch(0.01)
        first.train_epoch(0.01)
        middle, moments = first.parameters(), first.moments()
    with engine_of(rule=ADAM_RULE, batch_size=8) as second:
        second.load(middle)
        second.load_moments(moments)
        second.train_epoch(0.01)
        second.train_epoch(0.01)
        np.testing.assert_array_equal(second.parameters(), expected)


def test_the_order_is_the_engines_own_and_decides_the_batches():
    flat, X = starting_weights(UNITS), features(30, 7)
    order = np.random.default_rng(3).permutation(30)
    target = targets(0, 30, 3)
    with make_engine(UNITS, X, target, batch_size=8) as engine:
        engine.load(flat)
        engine.order[:] = order
        engine.train_epoch(0.01)
        found = engine.parameters()
    with make_engine(UNITS, X[order], target[order], batch_size=8) as engine:
        engine.load(flat)
        engine.train_epoch(0.01)
        np.testing.assert_array_equal(found, engine.parameters())


def plain(flat, X):
    (w1, w2), (b1, b2) = views(flat, UNITS)
    return np.tanh(X @ w1 + b1) @ w2 + b2


@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, sp.csr_array])
def test_evaluation_of_rows_by_index(container):
    X, target, flat = features(600, 7), targets(0, 600, 3), starting_weights(UNITS)
    weight = np.random.default_rng(0).uniform(0, 2, 600)
    rows = Rows(container(X), target, weight)
    index = np.arange(1, 600, 2)  # more than a chunk of them
    network = engine_of().network
    with Engine(network, np.float64, train=rows, valid=None, valid_index=index) as engine:
        engine.load(flat)
        raw, loss = engine.evaluate()
        np.testing.assert_allclose(raw, plain(flat, X[index]), atol=1e-13)
        losses = 0.5 * ((plain(flat, X) - target)[index] ** 2).sum(axis=1)
        assert loss == pytest.approx(np.average(losses, weights=weight[index]), rel=1e-12)


def test_prediction_needs_neither_targets_nor_gradients():
    X, flat = features(300, 7), starting_weights(UNITS)
    with Engine(engine_of().network, np.float64, valid=Rows(X), for_training=False) as engine:
        engine.load_arrays(*views(flat, UNITS))
        np.testing.assert_allclose(engine.evaluate()[0], plain(flat, X), atol=1e-13)


def test_the_users_rows_are_read_only_to_the_engine():
    X = features(30, 7)
    X.flags.writeable = False
    before = X.copy()
    with engine_of(X=X, batch_size=8, dropout=(0.5, 0.5)) as engine:
        engine.load(starting_weights(UNITS))
        engine.train_epoch(0.1)
    np.testing.assert_array_equal(X, before)


def test_an_epoch_without_weight_changes_nothing():
    flat = starting_weights(UNITS)
    with engine_of(weight=np.zeros(30), rule=ADAM_RULE, batch_size=8, l1=0.1) as engine:
        engine.load(flat)
        loss, terms = engine.train_epoch(0.1)
        assert loss == 0.0 and not any(terms)
        np.testing.assert_array_equal(engine.parameters(), flat)
        assert engine.steps == 0


@needs_threads
@pytest.mark.parametrize("n_threads", [2, 3])
def test_an_error_of_a_member_reaches_the_caller(n_threads, monkeypatch):
    before = threading.enumerate()
    run = epoch.run

    def fail(tid, team, job, own):
        if tid > 0:
            raise MemoryError("a member failed")
        run(tid, team, job, own)

    monkeypatch.setattr(epoch, "run", fail)
    with pytest.raises(MemoryError, match="a member failed"):
        with engine_of(n_threads=n_threads) as engine:
            engine.load(starting_weights(UNITS))
            engine.train_epoch(0.1)
    assert threading.enumerate() == before


@needs_threads
def test_an_engine_closes_though_its_kernel_cannot_be_called(monkeypatch):
    before = threading.enumerate()

    def interrupt(tid, team, job, own):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with engine_of(n_threads=2) as engine:
            monkeypatch.setattr(epoch, "run", interrupt)
            engine.load(starting_weights(UNITS))
    assert threading.enumerate() == before


@needs_threads
def test_only_an_open_engine_has_members():
    before = threading.active_count()
    engine = engine_of(n_threads=3, batch_size=8)
    assert threading.active_count() == before
    with engine:
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
    engine.close()  # once more does no harm
    with pytest.raises(RuntimeError, match="The engine is closed"):
        engine.load(starting_weights(UNITS))


@needs_threads
@pytest.mark.skipif(sys.platform != "linux", reason="others count switches in other ways")
def test_members_sleep_while_the_caller_is_busy_elsewhere():
    resource = pytest.importorskip("resource")
    with engine_of(n_threads=3, batch_size=8) as engine:
        engine.load(starting_weights(UNITS))
        engine.train_epoch(0.1)
        # Who sleeps gives up the processor of its own accord, who yields only lets others by.
        enough = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw + 100
        for _ in range(50):  # the first does, unless others keep the processors busy
            time.sleep(0.5)
            if resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw > enough:
                return
    raise AssertionError("members that wait don't sleep")


@needs_threads
def test_a_team_has_no_more_members_than_batches_have_parts():
    before = threading.active_count()
    with engine_of(n_threads=5, batch_size=30) as engine:
        assert engine.job.n_parts == 2
        assert threading.active_count() == before + 1


@needs_threads
def test_parameters_are_shared_where_several_threads_update_them():
    for n_threads, batch_size, shared in ((1, 8, 0), (2, 8, 1), (2, 30, 0), (2, 1, 0)):
        with engine_of(n_threads=n_threads, batch_size=batch_size) as engine:
            assert engine.job.is_shared == shared  # parts have copies; single rows update nothing


@needs_threads
@pytest.mark.parametrize("averaging", [0.0, 0.7])
def test_what_is_loaded_between_epochs_reaches_every_member(averaging):
    flat, reached = starting_weights(UNITS), []
    for n_threads in (1, 2):
        rule = ADAM_RULE._replace(averaging=averaging)
        with engine_of(rule=rule, batch_size=16, n_threads=n_threads, l1=0.01) as engine:
            assert engine.job.n_parts == 2
            engine.load(flat)
            engine.set_average(flat)
            engine.train_epoch(0.01)
            moments = engine.moments()
            engine.train_epoch(0.01)
            engine.load(-flat)
            engine.set_average(flat)
            engine.load_moments(moments)
            engine.train_epoch(0.01)
            engine.evaluate()
            engine.train_epoch(0.01)
            engine.prox(2 * flat, np.full_like(flat, 0.1))
            engine.train_epoch(0.01)
            reached.append(np.append(engine.parameters(), engine.average()))
    np.testing.assert_array_equal(*reached)


@needs_threads
def test_a_team_that_cannot_be_started_leaves_nobody_behind(one_thread_left):
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        engine_of(n_threads=3, batch_size=8).__enter__()
    for _ in range(200):
        if threading.active_count() == before:
            break
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.parametrize("spoiled", (False, True))
def test_prox_forgets_what_an_infinite_loss_has_left(spoiled):
    units, X = (8, 33, 1), 1 + abs(features(64, 8))
    flat = starting_weights(units)
    with make_engine(units, X, np.ones((64, 1)), loss=POISSON, dtype=float,
                     penalties=make_penalties(2, group_l1=1e-3)) as engine:  # fmt: skip
        if spoiled:
            large = flat.copy()
            large[-1] = 1e3  # exp(1000)
            engine.load(large)
            assert engine.gradient()[0] == np.inf
        reached = engine.prox(flat.copy(), np.full(flat.size, 1e-3))
    assert np.isfinite(reached).all()
    assert 0 < np.linalg.norm(reached) < np.linalg.norm(flat)


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_a_metric_beyond_the_dtype_is_its_largest_number(dtype):
    flat = starting_weights((8, 33, 1))
    flat[:3], metric = 0, np.full(flat.size, 1e-3)
    metric[:40] = 1e42
    rows = {"X": features(64, 8), "target": np.ones((64, 1)), "dtype": np.dtype(dtype)}
    with make_engine((8, 33, 1), **rows, penalties=make_penalties(2, group_l1=1e-3)) as engine:
        reached = engine.prox(flat, metric)
        np.testing.assert_array_equal(reached[:33], 0)  # what moves without end, a penalty empties
        assert np.isfinite(reached).all() and reached[66:99].all()
        flat[99] = 1e300
        assert engine.prox(flat, metric)[99] == min(1e300, float(np.finfo(dtype).max))


# Memory.


def test_what_is_trained_no_more_gives_its_memory_back():
    with engine_of(rule=ADAM_RULE, batch_size=8) as engine:
        engine.load(starting_weights(UNITS))
        engine.train_epoch(0.01)
        held = {slot: array.size for slot, array in engine.table.arrays.items()}
        engine.release()
        for slot in (GRADIENT, TRANSPOSED, MEMORY):
            assert held[slot] > 0
            assert engine.table.arrays[slot].size == 0 == engine.table.addresses[slot].sum()
        assert engine.table.arrays[WEIGHTS].size == held[WEIGHTS]
