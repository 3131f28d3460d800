"""Products without zeros against products with them: the same bits; notes; the choice."""

from itertools import product as combinations

import numpy as np
import pytest

from skreg import _zeros
from skreg._jit import jit
from skreg._kernels import zeros
from skreg._kernels.job import MEMORY, NEVER, NOT_NOW, NOW, SKIPS, VALUES, WEIGHTS_AT
from skreg._kernels.losses import LOG_LOSS
from skreg._kernels.matmul import Multiplication, product
from skreg._kernels.simd import lanes
from skreg._kernels.skipping import FEWEST_PANELS, MOST_PANELS, WORD
from skreg._kernels.solvers import ADAM
from skreg._kernels.tiles import ADD, MULTIPLY, PLUS, STORE, Numbers, Panels
from tests.kernels.engines import (
    SGD_RULE,
    features,
    make_engine,
    needs_threads,
    starting_weights,
    targets,
)

DTYPES = (np.float32, np.float64)
ADAM_RULE = SGD_RULE._replace(solver=ADAM)


@jit
def _noted_product(task, notes, partial):
    zeros.note_rows(task.a, (task.n_rows, task.depth), notes)
    zeros.skipping_product(task, notes, partial)


@jit
def _note_columns(known, rows, first, notes):
    zeros.note_columns(known, rows, first, notes)


def notes_of(n_rows, n_columns):
    per_row = -(-n_columns // WORD)
    return zeros.Notes(np.zeros(n_rows * per_row, np.uint64), 0, per_row, 1)


def left_side(dtype, shape, dense_blocks):
    """Return numbers with zeros, blocks of columns without any, and room to read whole words."""
    n_rows, depth = shape
    values = np.zeros((n_rows + 1, depth + WORD), dtype)
    values[:n_rows, :depth] = features(n_rows, depth, depth)
    for block in dense_blocks:
        part = values[:n_rows, block * WORD : min((block + 1) * WORD, depth)]
        part[part == 0] = 0.5
    return values


@pytest.mark.parametrize("dense_blocks", ((), (0,), (1, 2), (0, 2), (0, 1, 2)))
@pytest.mark.parametrize("mode", (STORE, ADD, MULTIPLY, PLUS))
@pytest.mark.parametrize("dtype", DTYPES)
def test_products_have_the_bits_of_those_with_all_zeros(dtype, mode, dense_blocks):
    width, n_rows = lanes(np.dtype(dtype)), 16
    for n_panels, missing, depth in combinations(
        (FEWEST_PANELS, 7, 8, 15), (0, width // 2), (5, 64, 150)
    ):
        n_columns = n_panels * width - missing  # half a vector is a tile of its own
        rng = np.random.default_rng(depth)
        values = left_side(dtype, (n_rows, depth), dense_blocks)
        a = Numbers(values.ravel(), 0, depth + WORD, 1)
        b = Panels(rng.normal(size=n_panels * depth * width).astype(dtype), 0, width, depth * width)
        found = rng.normal(size=n_rows * n_panels * width).astype(dtype)
        expected, got = (Panels(found.copy(), 0, n_panels * width, width) for _ in range(2))
        sizes = n_rows, depth, n_columns, np.int64(mode), found
        product(Multiplication(a, b, expected, *sizes))
        row = MOST_PANELS * width
        partial = Panels(np.empty(n_rows * row, dtype), 0, row, width)
        _noted_product(Multiplication(a, b, got, *sizes), notes_of(n_rows, depth), partial)
        np.testing.assert_array_equal(got.values, expected.values)


def noted(dense_blocks, depth, n_rows=10):
    """Return notes on numbers with dense blocks, one in eight elsewhere, and their shape."""
    values = np.zeros((n_rows + 1, depth + WORD))
    values[:n_rows, :depth:8] = 1
    for block in dense_blocks:
        values[:n_rows, block * WORD : min((block + 1) * WORD, depth)] = 1
    notes = notes_of(n_rows, depth)
    zeros.note_rows(Numbers(values.ravel(), 0, depth + WORD, 1), (n_rows, depth), notes)
    return notes, (n_rows, depth)


@pytest.mark.parametrize("depth", (64, 100, 320, 350))
def test_all_words_of_a_row_tell_whether_zeros_are_few(depth):
    n_blocks = -(-depth // WORD)
    for n_dense in range(n_blocks + 1):
        n = sum(min(WORD, depth - b * WORD) for b in range(n_dense))
        share = (n + len(range(n, depth, 8))) / depth
        for blocks in (range(n_dense), range(n_blocks - n_dense, n_blocks)):
            notes, shape = noted(blocks, depth)
            if blocks == range(n_dense):
                assert zeros.are_few(notes, shape, 7) == (share * 8 / 7 <= zeros.MOST_WORK)
            assert zeros.are_few(notes, shape, 7) or n_dense > 0
        if n_dense == n_blocks:
            assert not zeros.are_few(notes, shape, 7)


def test_blocks_in_a_row_that_have_few_zeros_are_counted():
    notes, shape = noted((1, 2, 4), 310)
    counts = [zeros.count_many(notes, shape, block, 7) for block in range(5)]
    assert counts == [0, 2, 1, 0, 1]


def test_groups_of_panels_are_such_as_there_are_tiles_for():
    for n_panels in range(FEWEST_PANELS, 200):
        n_groups = zeros.count_groups(n_panels)
        assert n_groups == 1 or n_panels // n_groups >= FEWEST_PANELS
        assert -(-n_panels // n_groups) <= MOST_PANELS


@pytest.mark.parametrize("first", (0, 8, 64, 72))
def test_columns_are_noted_as_their_rows_are(first):
    n_rows, n_columns = 70, 150
    X = np.zeros((n_rows, n_columns + WORD))
    X[:, :n_columns] = features(n_rows, n_columns)
    known = notes_of(n_rows, n_columns)
    zeros.note_rows(Numbers(X.ravel(), 0, X.shape[1], 1), (n_rows, n_columns), known)
    for rows in ((0, 64), (64, 70), (5, 30)):
        notes = np.zeros(min(WORD, n_columns - first), np.uint64)
        _note_columns(known, rows, first, notes)
        bits = notes[:, None] >> np.arange(WORD, dtype=np.uint64) & np.uint64(1)
        expected = np.zeros((notes.size, WORD))
        expected[:, : rows[1] - rows[0]] = X[slice(*rows), first : first + notes.size].T != 0
        np.testing.assert_array_equal(bits, expected)


@pytest.fixture
def at_once(monkeypatch):
    """Let engines skip zeros after their first epoch at the latest."""
    monkeypatch.setattr(_zeros, "PAYS_AFTER", -1.0)


def wide_units(dtype):
    """Return units of a network of which every product but the last is wide enough."""
    wide = FEWEST_PANELS * lanes(np.dtype(dtype))
    return 2 * wide + 5, wide, wide + 3, 4


def trained(dtype, *, batch_size=130, n_rows=300, **details):
    """Return the parameters after three epochs, what validation says, and the layout."""
    units = wide_units(dtype)
    X, y = features(n_rows, units[0]), targets(LOG_LOSS, n_rows, units[-1])
    details = {"activation": "relu", "rule": ADAM_RULE, "l2": 1e-3, **details}
    valid = features(40, units[0], 5), targets(LOG_LOSS, 40, units[-1]), np.ones(40)
    with make_engine(units, X, y, np.arange(n_rows) % 3, loss=LOG_LOSS, dtype=dtype, valid=valid,
                     batch_size=batch_size, **details) as engine:  # fmt: skip
        engine.load(starting_weights(units).astype(dtype))
        losses = [engine.train_epoch(0.01)[0] for _ in range(3)]
        losses.append(engine.gradient()[0])
        outputs, loss = engine.evaluate()
        return engine.parameters(), [*losses, loss], outputs.copy(), engine.job.layout.copy()


@pytest.mark.parametrize("dropout", (None, (0.2, 0.5, 0.3)))
@pytest.mark.parametrize("activation", ("relu", "tanh", "softplus"))
@pytest.mark.parametrize("dtype", DTYPES)
def test_training_has_the_same_bits_with_and_without(
    at_once, monkeypatch, dtype, activation, dropout
):
    details = {"activation": activation, "dropout": dropout}
    for batch_size in (130, 40):
        *skipping, layout = trained(dtype, batch_size=batch_size, **details)
        hidden = NOW if activation == "relu" else NEVER
        np.testing.assert_array_equal(layout[SKIPS], [NOW, hidden, hidden, NEVER])
        with monkeypatch.context() as patch:
            patch.setattr(_zeros, "FEWEST_PANELS", 10**9)
            *plain, layout = trained(dtype, batch_size=batch_size, **details)
        assert (layout[SKIPS] == NEVER).all()
        for one, other in zip(skipping, plain, strict=True):
            np.testing.assert_array_equal(one, other)


@needs_threads
@pytest.mark.parametrize("shared", (False, True))
@pytest.mark.parametrize("dtype", DTYPES)
def test_teams_have_the_same_bits(at_once, monkeypatch, dtype, shared):
    if shared:
        monkeypatch.setattr("skreg._task.MOST_BYTES_OF_REPLICAS", 0)
    one, *others = (trained(dtype, dropout=(0.1, 0.4, 0.0), n_threads=n) for n in (1, 2, 3))
    for other in others:
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_padding_of_gradients_stays_zero(at_once):
    """A unit of tanh beyond the last has slope one, and no product of deltas touches it."""
    dtype, width = np.float64, lanes(np.dtype(np.float64))
    units = WORD, (FEWEST_PANELS - 1) * width + 1, 2
    X, y = features(100, units[0]), targets(0, 100, 2)
    with make_engine(units, X, y, activation="tanh", batch_size=100, dtype=dtype) as engine:
        engine.load(starting_weights(units))
        for _ in range(2):
            engine.train_epoch(0.1)
        assert engine.job.layout[SKIPS, 0] == NOW
        at = engine.job.layout[WEIGHTS_AT, 0] + (FEWEST_PANELS - 1) * WORD * width
        last = engine.weights[at : at + WORD * width].reshape(WORD, width)
        assert last[:, : units[1] % width].all()
        assert not last[:, units[1] % width :].any()


def test_choice_follows_the_values_of_the_last_batch(at_once):
    units = wide_units(np.float64)
    n_rows = 200
    X, y = features(n_rows, units[0]), targets(LOG_LOSS, n_rows, units[-1])
    with make_engine(units, X, y, loss=LOG_LOSS, activation="relu", batch_size=100) as engine:
        layout, flat = engine.job.layout, starting_weights(units)
        engine.load(flat)
        engine.train_epoch(1e-3)
        engine.train_epoch(1e-3)
        assert layout[SKIPS].tolist() == [NOW, NOW, NOW, NEVER]
        bias = flat.copy()
        bias[-units[-1] - units[-2] : -units[-1]] += 100  # all of the last hidden layer is active
        engine.load(bias)
        engine.train_epoch(1e-9)
        assert layout[SKIPS].tolist() == [NOW, NOW, NOT_NOW, NEVER]
        memory = engine.table.arrays[MEMORY][layout[VALUES, 2] :]
        assert memory[: units[2]].all()
        engine.load(flat)
        engine.train_epoch(1e-9)
        assert layout[SKIPS].tolist() == [NOW, NOW, NOW, NEVER]


@needs_threads
def test_choice_is_that_of_every_team(at_once):
    """The last batch is smaller than the others, and has other zeros."""
    units, n_rows, batch_size = (WORD, wide_units(np.float64)[1], 2), 160, 128
    X = np.random.default_rng(0).normal(size=(n_rows, WORD))
    X[:batch_size, WORD // 2 :] = 0
    choices = []
    for n_threads in (1, 2, 3):
        with make_engine(units, X, targets(0, n_rows, 2), batch_size=batch_size,
                         n_threads=n_threads) as engine:  # fmt: skip
            engine.load(starting_weights(units))
            for _ in range(2):
                engine.train_epoch(1e-3)
            assert engine.job.n_parts > 1
            choices.append(engine.job.layout[SKIPS, 0])
    assert choices == [NOT_NOW] * 3
