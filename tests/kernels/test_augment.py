"""Transforms of a whole batch: who takes from whom, targets and weights, every team the same."""

import threading

import numpy as np
import pytest
from scipy import stats

from skreg._job import build_job
from skreg._kernels import job as slots
from skreg._kernels.activations import IDENTITY
from skreg._kernels.augment import (
    augment,
    augment_by_noise,
    augment_by_others,
    augment_images,
    program_for,
    quantile,
)
from skreg._kernels.links import LINK_IDENTITY
from skreg._kernels.losses import SQUARED_ERROR
from skreg._kernels.noise import half_of
from skreg._kernels.random import bits, halves, mix
from skreg._kernels.team import new_team
from skreg._task import Network, Rows, Task
from skreg.augmentation import (
    CutOut,
    FeatureSwap,
    GaussianNoise,
    ImageTransform,
    Mixup,
    plan_augmentation,
)
from tests.kernels.engines import JIT

DTYPES = (np.float32, np.float64)
N_ROWS, N_FEATURES, N_TARGETS = 45, 12, 2
SEED = 11
GROUPS = (np.array([0, 3]), np.array([1, 2, 5]), *(np.array([j]) for j in (4, 6, 7, 8, 9, 10, 11)))
TRANSFORMS = {
    "noise": GaussianNoise(0.5),
    "mixup": Mixup(0.7),
    "swaps": FeatureSwap(0.3),
    "swaps of groups": FeatureSwap(0.4, [[0, 3], [1, 2, 5]]),
    "cut-out": CutOut((4, 3), 2),
    "image": ImageTransform((2, 3, 2), 90, 0.3, (1, 2), 20, True, True, 0.5),
    "chain": [Mixup(1.0), GaussianNoise(0.1), FeatureSwap(0.2), CutOut((4, 3), 1), Mixup(0.3),
              ImageTransform((6, 2), shift=1), FeatureSwap(0.2, [[4, 5]])],
}  # fmt: skip


def rows_of(n_rows, n_features=N_FEATURES, seed=0):
    """Draw features, targets and weights, all numbers different."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n_rows, n_features)),
        rng.normal(size=(n_rows, N_TARGETS)),
        rng.uniform(1, 2, n_rows),
    )


class Batch:
    """A batch in a job, as gathering leaves it."""

    def __init__(self, transforms, rows, dtype=np.float64, n_threads=1, groups=None):
        X, target, weight = (part.astype(dtype) for part in rows)
        self.shape = X.shape
        plan = plan_augmentation(transforms, X.shape[1], groups)
        network = Network((X.shape[1], target.shape[1]), (IDENTITY,), SQUARED_ERROR, 0.0,
                          LINK_IDENTITY, (0.0,), SEED)  # fmt: skip
        self.team = new_team(n_threads)
        task = Task(network, np.dtype(dtype), Rows(X, target, weight), augmentation=plan,
                    batch_size=X.shape[0], n_threads=n_threads)  # fmt: skip
        self.job, self.table, _ = build_job(task, self.team)
        layout, memory = self.job.layout, self.table.arrays[slots.MEMORY]
        lead = layout[slots.LEAD, 0]
        block = memory[layout[slots.VALUES, 0] :][: X.shape[0] * lead].reshape(-1, lead)
        self.padding = block[:, X.shape[1] :]
        self.features, n_rows = block[:, : X.shape[1]], X.shape[0]
        self.target = self.table.arrays[slots.TARGET][: target.size].reshape(target.shape)
        self.weight = self.table.arrays[slots.SAMPLE_WEIGHT][:n_rows]
        self.features[:], self.target[:], self.weight[:] = X, target, weight

    def run(self, step=1, program=augment):
        """Let every member of the team transform its rows; return all that may change."""
        reached = []

        def member(tid):
            reached.append(program(tid, self.team, self.job, self.shape[0], step))

        members = [threading.Thread(target=member, args=(tid,))
                   for tid in range(1, self.team.n_threads)]  # fmt: skip
        for thread in members:
            thread.start()
        member(0)
        for thread in members:
            thread.join()
        assert reached == [True] * self.team.n_threads
        assert (self.padding == 0).all()
        return [part.copy() for part in (self.features, self.target, self.weight)]


def transformed(transforms, rows, step=1, **settings):
    return Batch(transforms, rows, **settings).run(step)


# What holds for all transforms.


@pytest.mark.parametrize("n_threads", (2, 3))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_team_makes_the_same_bits(name, dtype, n_threads):
    if not JIT:
        pytest.skip("without the compiler a team has one member")
    rows = rows_of(N_ROWS)
    one = transformed(TRANSFORMS[name], rows, dtype=dtype)
    assert (one[0] != rows[0].astype(dtype)).any()
    other = transformed(TRANSFORMS[name], rows, dtype=dtype, n_threads=n_threads)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_step_and_place_draws_anew_and_again(name):
    rows, transforms = rows_of(N_ROWS), TRANSFORMS[name]
    first, again, later = (transformed(transforms, rows, step)[0] for step in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != later).any(axis=1).mean() > 0.5
    if name != "chain":
        nothing = GaussianNoise(1e-300)
        assert (transformed([nothing, transforms], rows, 5)[0] != first).any(axis=1).mean() > 0.5


@pytest.mark.parametrize("name", TRANSFORMS)
def test_float32_draws_what_float64_draws(name):
    rows = rows_of(N_ROWS)
    single, double = (transformed(TRANSFORMS[name], rows, dtype=dtype) for dtype in DTYPES)
    for a, b in zip(single, double, strict=True):
        assert (a.dtype, b.dtype) == DTYPES
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_batch_of_one_row(name):
    rows = rows_of(1)
    X, target, weight = transformed(TRANSFORMS[name], rows)
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(target, rows[1])
    np.testing.assert_array_equal(weight, rows[2])
    if name in ("mixup", "swaps", "swaps of groups"):
        np.testing.assert_array_equal(X, rows[0])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_only_mixup_touches_targets_and_weights(name):
    rows = rows_of(N_ROWS)
    _, target, weight = transformed(TRANSFORMS[name], rows)
    mixes = name in ("mixup", "chain")
    assert ((target != rows[1]).any(), (weight != rows[2]).any()) == (mixes, mixes)


def test_programs_for_some_transforms_are_the_program_for_all():
    rows = rows_of(N_ROWS)
    kinds = {augment_by_noise: "noise", augment_by_others: "mixup", augment_images: "image"}
    for program, name in kinds.items():
        transforms = [TRANSFORMS[name]] * 2
        assert program_for(plan_augmentation(transforms, N_FEATURES).transforms) is program
        mine = Batch(transforms, rows).run(program=program)
        for a, b in zip(mine, transformed(transforms, rows), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)
    for mixed in ("chain", ["noise", "mixup"], ["cut-out", "noise"]):
        chain = [TRANSFORMS[name] for name in mixed] if mixed != "chain" else TRANSFORMS[mixed]
        assert program_for(plan_augmentation(chain, N_FEATURES).transforms) is augment


def test_transforms_follow_one_another():
    rows = rows_of(N_ROWS)
    mixed = transformed([Mixup(1.0)], rows)
    both = transformed([Mixup(1.0), CutOut((4, 3), 1)], rows)
    hole = both[0] == 0
    assert (hole.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(both[0][~hole], mixed[0][~hole])
    # The second one mixes rows that are mixed already.
    twice = transformed([Mixup(1.0), Mixup(1.0)], rows)
    assert mixture_of(twice[0], mixed[0])[2].max() < 1e-12


# Mixup.


def mixture_of(X_new, X):
    """Return for each row the ratio, the distance and the error of its best mixture."""
    n = X.shape[0]
    ratios, distances, errors = np.zeros(n), np.zeros(n, int), np.full(n, np.inf)
    for distance in range(1, n):
        other = np.roll(X, -distance, axis=0)
        apart = X - other
        ratio = ((X_new - other) * apart).sum(axis=1) / (apart**2).sum(axis=1)
        error = abs(other + ratio[:, None] * apart - X_new).max(axis=1)
        better = error < errors
        ratios[better], distances[better], errors[better] = ratio[better], distance, error[better]
    return ratios, distances, errors


def test_mixup_blends_rows_targets_and_weights_by_one_ratio():
    X, target, weight = rows_of(N_ROWS)
    seen = set()
    for step in range(40):
        X_new, target_new, weight_new = transformed(Mixup(1.0), (X, target, weight), step)
        ratio, distances, error = mixture_of(X_new, X)
        assert error.max() < 1e-12
        assert (distances == distances[0]).all()  # one distance for a batch
        seen.add(distances[0])
        other = (np.arange(N_ROWS) + distances[0]) % N_ROWS
        r = ratio[:, None]
        np.testing.assert_allclose(target_new, r * target + (1 - r) * target[other], atol=1e-12)
        np.testing.assert_allclose(weight_new, ratio * weight + (1 - ratio) * weight[other])
    assert len(seen) > 20 and min(seen) >= 1 and max(seen) < N_ROWS


def test_mixup_takes_every_distance_but_zero():
    rows, seen = rows_of(5), set()
    for step in range(60):
        X_new, _, _ = transformed(Mixup(1.0), rows, step)
        seen |= set(mixture_of(X_new, rows[0])[1])
        assert (X_new != rows[0]).all()
    assert seen == {1, 2, 3, 4}


@pytest.mark.parametrize("alpha", (0.1, 0.4, 1.0, 8.0, 200.0))
@pytest.mark.parametrize("dtype", DTYPES)
def test_ratios_have_the_beta_law(alpha, dtype):
    n = 40_000 if JIT else 300
    rows = np.eye(2)[np.arange(n) % 2], np.zeros((n, N_TARGETS)), np.arange(n) * 1.0
    # A row (1, 0) mixed with (0, 1) shows its ratio, and with (1, 0) shows nothing.
    for step in range(20):
        X_new, _, _ = transformed(Mixup(alpha), rows, step, dtype=dtype)
        if (X_new != rows[0]).any(axis=1).mean() > 0.4:
            break
    ratio = np.where(np.arange(n) % 2 == 0, X_new[:, 0], X_new[:, 1]).astype(np.float64)
    # Away from the ends, where many ratios of a small alpha are rounded to 0 or 1.
    points = np.linspace(0.001, 0.999, 999)
    found = np.searchsorted(np.sort(ratio), points) / n
    assert abs(found - stats.beta(alpha, alpha).cdf(points)).max() < 2.4 / np.sqrt(n) + 1e-4
    assert abs(ratio.mean() - 0.5) < 4.5 * np.sqrt(0.25 / (2 * alpha + 1) / n)
    assert ratio.min() >= 0 and ratio.max() <= 1


def test_quantiles_are_interpolated():
    table = np.arange(4097.0) ** 2
    for draw, expected in ((0, 0), (2**20, 1), (2**19, 0.5), (2**32 - 2**20, 4095**2),
                           (5 * 2**20 + 2**18, 25 + 11 / 4)):  # fmt: skip
        assert quantile(table, np.uint32(draw)) == expected


def test_equal_rows_stay_exactly_what_they_are():
    rows = np.full((30, 5), 0.1), np.full((30, 2), 0.3), np.full(30, 0.7)
    for found, given in zip(transformed(Mixup(1.0), rows), rows, strict=True):
        np.testing.assert_array_equal(found, given)


# Swaps.


def sources_of(X_new):
    """Return the row that every cell comes from, in features numbered by row."""
    return X_new.astype(int)


def numbered(n_rows, n_features=N_FEATURES):
    X = np.arange(n_rows, dtype=float)[:, None] + np.zeros(n_features)
    return X + np.arange(n_features) / 100, np.zeros((n_rows, N_TARGETS)), np.ones(n_rows)


@pytest.mark.parametrize("rate", (0.05, 0.3, 1.0))
def test_swapped_cells_come_from_other_rows_of_their_column(rate):
    n = 4000 if JIT else 200
    X_new, _, _ = transformed(FeatureSwap(rate), numbered(n))
    sources = sources_of(X_new)
    np.testing.assert_allclose(X_new - sources, np.tile(np.arange(N_FEATURES) / 100, (n, 1)),
                               atol=1e-9)  # fmt: skip
    swapped = sources != np.arange(n)[:, None]
    assert abs(swapped.mean() - rate) <= 4.5 * np.sqrt(rate * (1 - rate) / swapped.size)
    distance = (sources - np.arange(n)[:, None])[swapped] % n
    assert stats.kstest(distance / n, "uniform").pvalue > 1e-5
    # Cells of a row choose on their own.
    pairs = swapped[:, :-1] & swapped[:, 1:]
    assert (sources[:, :-1] != sources[:, 1:])[pairs].mean() > 1 - 20 / n


def test_every_other_row_is_chosen_alike():
    counts = np.zeros(7, int)
    for step in range(400 if JIT else 20):
        X_new, _, _ = transformed(FeatureSwap(1.0), numbered(7), step)
        distance = (sources_of(X_new) - np.arange(7)[:, None]) % 7
        counts += np.bincount(distance.ravel(), minlength=7)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > 1e-5


@pytest.mark.parametrize("given", ("transform", "estimator", "second of two"))
def test_groups_of_columns_move_together(given):
    n, rate = (3000 if JIT else 150), 0.4
    own = [group.tolist() for group in GROUPS[:2]]
    transforms = {
        "transform": FeatureSwap(rate, own),
        "estimator": FeatureSwap(rate),
        "second of two": [FeatureSwap(1e-12, [[0, 1], [2, 4]]), FeatureSwap(rate, own)],
    }[given]
    groups = GROUPS if given == "estimator" else None
    X_new, _, _ = transformed(transforms, numbered(n), groups=groups)
    sources = sources_of(X_new)
    swapped = sources != np.arange(n)[:, None]
    for group in GROUPS:
        assert (sources[:, group] == sources[:, group[:1]]).all()
        mean = swapped[:, group[0]].mean()
        assert abs(mean - rate) < 4.5 * np.sqrt(rate * (1 - rate) / n)
    assert (sources[:, 0] != sources[:, 1]).mean() > 0.5


# Keys.


def test_draws_are_those_of_seed_step_place_and_row():
    rows = np.zeros((20, 1)), np.zeros((20, 1)), np.ones(20)
    X_new, _, _ = transformed([CutOut((1, 1), 1), GaussianNoise(2.0)], rows, step=9)
    n_levels, place = 2, 1
    key = np.uint64(SEED)
    for coordinate in (9, n_levels + place):
        key = np.uint64(mix(key, coordinate))
    for i in range(20):
        low, high = (np.uint32(half) for half in halves(np.uint64(mix(key, i))))
        u, v = ((float(bits(low, high, c)) + 0.5) * 2.0**-32 for c in (0, half_of(1)))
        expected = 2 * np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * (v - 0.5))
        assert X_new[i, 0] == pytest.approx(expected, abs=1e-6)
