"""Structured penalties: epochs against the slow twin, projections by formula, the same bits."""

import numpy as np
import pytest

from skreg._architecture import views
from skreg._kernels.solvers import ADAM
from skreg._kernels.structure import finish
from skreg._kernels.team import abort, new_team
from skreg._penalties import TERMS, make_penalties
from tests.kernels.engines import (
    CONTAINERS,
    RULES,
    features,
    make_engine,
    needs_threads,
    starting_weights,
    targets,
)
from tests.kernels.twin import Twin

N_ROWS, BATCH, UNITS = 37, 8, (11, 9, 4, 3)
FACTORS = [1, 0, 2, np.inf, 0.5, 1, 1, 0, np.inf, 3, 1]
GROUPS = ([0, 10], [1, 7], [2], [3, 8], [4], [5, 6], [9])  # factors are equal within each

STRUCTURES = {
    "groups of rows": {"group_l1": [0.08, 0.12, 0.0]},
    "groups of rows and l1": {"group_l1": 0.03, "l1": [0.01, 0.0, 0.02], "l2": 0.1},
    "groups of features": {"group_l1": [0.08, 0.12, 0.0], "groups": GROUPS},
    "groups of features and l1": {"group_l1": 0.1, "l1": 0.01, "groups": GROUPS},
    "factors": {"l1": 0.02, "l2": [0.3, 0.0, 0.1], "factors": FACTORS},
    "factors of l2 alone": {"l2": 0.3, "factors": FACTORS},
    "factors of groups of rows": {"group_l1": 0.04, "factors": FACTORS},
    "factors of groups of features": {"group_l1": 0.03, "factors": FACTORS, "groups": GROUPS},
    "anchor": {"l2_anchor": [0.4, 0.0, 0.2]},
    "anchor, l1 and l2": {"l2_anchor": 0.4, "l1": 0.01, "l2": 0.2},
    "largest norms": {"max_norm": [0.9, np.inf, 0.8]},
    "largest norms and groups": {"max_norm": 0.9, "group_l1": 0.03, "groups": GROUPS},
    "first layer frozen": {"frozen": [True, False, False], "l2": 0.1, "l1": 0.01},
    "middle layer frozen": {"frozen": [False, True, False], "group_l1": 0.03, "max_norm": 0.9},
    "last layers frozen": {"frozen": [False, True, True], "l2_anchor": 0.4, "factors": FACTORS},
}
ALL = {
    **{"l1": 0.005, "l2": 0.1, "group_l1": 0.01, "l2_anchor": 0.2, "max_norm": 0.95},
    **{"factors": FACTORS, "groups": GROUPS},
}
RULE_CHANGES = {
    "plain": {},
    "clipped": {"clip_norm": 0.2},
    "averaged": {"averaging": 0.8},
    "clipped and averaged": {"clip_norm": 0.2, "averaging": 0.8},
}


def structure(given, n_matrices=3):
    """Return `Penalties` from a row of the table above."""
    given = dict(given)
    if "factors" in given:
        given["factors"] = np.array(given["factors"], dtype=np.float64)
    if given.get("groups") is not None:
        given["groups"] = tuple(np.array(group) for group in given["groups"])
    return make_penalties(n_matrices, **given)


def start(units, penalties, dtype=np.float64):
    """Return starting weights, some rows of them small; those of excluded features are zero."""
    flat = starting_weights(units)
    coefs = views(flat, units)[0]
    coefs[0][[2, 4]] *= 0.01
    coefs[1][1] *= 0.01
    if penalties.factors is not None:
        coefs[0][np.isinf(penalties.factors)] = 0
    return flat.astype(dtype)


def rows_with_weights():
    """Return features, targets and weights, of which one whole batch weighs nothing."""
    s = np.random.default_rng(4).integers(0, 3, N_ROWS).astype(float)
    s[2 * BATCH : 3 * BATCH] = 0
    return features(N_ROWS, UNITS[0]), targets(0, N_ROWS, UNITS[-1]), s


def averaged_parameters(engine):
    with engine.averaged():
        return engine.parameters()


def assert_epochs_are_those_of_the_twin(rule, penalties):
    X, y, s = rows_with_weights()
    rate = 0.02 if rule.solver == ADAM else 0.05
    flat, rng = start(UNITS, penalties), np.random.default_rng(6)
    twin = Twin(flat, UNITS, rule, penalties)
    with make_engine(UNITS, X, y, s, rule=rule, penalties=penalties, batch_size=BATCH) as engine:
        engine.load(flat)
        engine.set_anchor(flat)
        engine.set_average(flat)
        for _ in range(3):
            expected = twin.epoch((X, y, s), engine.order, BATCH, rate)
            found = np.hstack(engine.train_epoch(rate))
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-15)
            np.testing.assert_allclose(engine.parameters(), twin.flat, rtol=0, atol=1e-12)
            engine.order[:] = rng.permutation(N_ROWS)
        if rule.averaging:
            np.testing.assert_allclose(averaged_parameters(engine), twin.average, atol=1e-12)
        found = engine.parameters()
    np.testing.assert_array_equal(found == 0, twin.flat == 0)
    return flat, found


@pytest.mark.parametrize("case", STRUCTURES)
@pytest.mark.parametrize("name", RULES)
def test_epochs_are_those_of_the_slow_twin(name, case):
    penalties = structure(STRUCTURES[case])
    before, after = assert_epochs_are_those_of_the_twin(RULES[name], penalties)
    for k, frozen in enumerate(penalties.frozen):
        for part in (0, 1):
            same = np.array_equal(*(views(flat, UNITS)[part][k] for flat in (before, after)))
            assert same == frozen
    if case in ("groups of rows", "groups of features"):
        assert 0 < (~views(after, UNITS)[0][0].any(axis=1)).sum() < UNITS[0]


@pytest.mark.parametrize("change", RULE_CHANGES)
@pytest.mark.parametrize("name", RULES)
def test_everything_at_once_is_that_of_the_slow_twin(name, change):
    rule = RULES[name]._replace(**RULE_CHANGES[change])
    for given in (ALL, {**ALL, "frozen": [False, True, False]}, {"l2": 0.2}):
        assert_epochs_are_those_of_the_twin(rule, structure(given))


# What may change how the work is divided, and must not change a bit.

WIDE_UNITS = (130, 35, 19, 10)
SPREAD = tuple(np.arange(start, 130, 10) for start in range(10))  # each over all rows
WIDE_FACTORS = np.tile([1.0, 0.0, 2.0, np.inf, 0.5], 26)
WIDE = {**ALL, "groups": SPREAD, "factors": WIDE_FACTORS, "max_norm": 0.8, "group_l1": 0.02}


def trained(container, n_threads, dtype, rule, penalties):
    """Return losses, terms, parameters and their average after two epochs of 61 rows."""
    X, y = features(61, WIDE_UNITS[0]), targets(0, 61, WIDE_UNITS[-1])
    s, flat = np.random.default_rng(4).integers(0, 3, 61), start(WIDE_UNITS, penalties, dtype)
    with make_engine(WIDE_UNITS, CONTAINERS[container](X), y, s, dtype=dtype, rule=rule,
                     penalties=penalties, batch_size=27, n_threads=n_threads,
                     dropout=(0.2, 0.3, 0.0)) as engine:  # fmt: skip
        engine.load(flat)
        engine.set_anchor(starting_weights(WIDE_UNITS, 7))
        engine.set_average(flat)
        numbers = [np.hstack(engine.train_epoch(0.01)) for _ in range(2)]
        return np.concatenate([*numbers, engine.parameters(), averaged_parameters(engine)])


@needs_threads
@pytest.mark.parametrize("given", (WIDE, {**WIDE, "groups": None}), ids=("groups", "rows"))
@pytest.mark.parametrize("name", ("nesterov", "adamw"))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_same_bits_for_every_team_and_layout(dtype, name, given):
    rule = RULES[name]._replace(clip_norm=0.5, averaging=0.7)
    penalties = make_penalties(3, **given)
    one = trained("C", 1, dtype, rule, penalties)
    assert np.isfinite(one).all() and (one[1:5] > 0).all()
    for container in CONTAINERS:
        for n_threads in (1, 2, 3):
            other = trained(container, n_threads, dtype, rule, penalties)
            np.testing.assert_array_equal(other, one, err_msg=f"{container}, {n_threads}")


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_terms_that_are_off_change_no_bit(dtype):
    zeros = {"group_l1": 0.0, "l2_anchor": 0.0, "max_norm": np.inf, "factors": np.ones(130)}
    plain = make_penalties(3, l1=0.01, l2=0.1)
    for off in (zeros, {"groups": SPREAD}, {"max_norm": 1e6}, {"frozen": False}):
        penalties = make_penalties(3, l1=0.01, l2=0.1, **off)
        found = trained("C", 1, dtype, RULES["adam"], penalties)
        np.testing.assert_array_equal(found, trained("C", 1, dtype, RULES["adam"], plain))


OFF = {  # terms that multiply the first row by zero
    "l1": {"l1": 0.1},
    "l1 and l2 by feature": {"l1": 0.1, "l2": 0.1, "factors": [0, 1]},
    "no l2 by feature": {"l1": 0.1, "factors": [0, 1]},
    "groups of rows": {"group_l1": 0.1, "factors": [0, 1]},
    "groups of features": {"group_l1": 0.1, "factors": [0, 1], "groups": ([0], [1])},
}


@pytest.mark.parametrize("name", OFF)
@pytest.mark.parametrize("rule", ("sgd", "nesterov"))  # the latter measures groups once more
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_squares_that_overflow_do_not_count_where_a_strength_is_zero(dtype, rule, name):
    units, penalties = (2, 1), structure(OFF[name], 1)
    huge = np.finfo(dtype).max ** 0.6
    X, y = np.array([[0.0, 1.0]]), np.zeros((1, 1))
    given = {"dtype": dtype, "rule": RULES[rule], "penalties": penalties, "batch_size": 1}
    with make_engine(units, X, y, **given) as engine, np.errstate(over="ignore"):
        engine.load(np.array([huge, 1.0, 0.0]).astype(dtype))
        _, terms = engine.train_epoch(1e-3)
    found = dict(zip(TERMS, terms, strict=True))
    assert np.isfinite(terms).all()
    assert found["l2"] == pytest.approx(penalties.l2[0] / 2)
    assert (found["group_l1"] > 0) == ("group_l1" in OFF[name])


# Proximal operators and projections of whole matrices, in a metric of one's own.


def prox_of(units, flat, metric, dtype, **given):
    """Return the flat vector after all proximal operators of a network."""
    penalties = structure(given, len(units) - 1)
    rows = features(5, units[0]), targets(0, 5, units[-1])
    with make_engine(units, *rows, dtype=dtype, penalties=penalties) as engine:
        return engine.prox(flat.astype(dtype), np.broadcast_to(metric, flat.shape))


@pytest.mark.parametrize("groups", (None, tuple(np.arange(start, 70, 7) for start in range(7))))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_single_weights_and_their_groups_shrink_together(dtype, groups):
    # The prox of l1 |v|_1 + c |v|_2 is that of the groups after that of the weights.
    units, rng = (70, 35), np.random.default_rng(1)
    flat = rng.normal(size=71 * 35)
    views(flat, units)[0][0][:] *= 0.1 ** (np.arange(70) % 7)[:, None]
    flat = flat.astype(dtype)
    metric = np.exp(rng.uniform(-3, 3, flat.size)).astype(dtype)
    l1, group_l1 = 0.02, 0.03
    found = prox_of(units, flat, metric, dtype, l1=l1, group_l1=group_l1, groups=groups)
    w, v, e = (views(one.astype(np.float64), units)[0][0] for one in (flat, found, metric))
    dead = 0
    for rows in groups or np.arange(70)[:, None]:
        strength = group_l1 * np.sqrt(w[rows].size)
        norm, pull = np.linalg.norm(v[rows]), (w[rows] - v[rows]) / e[rows]
        if norm == 0:
            dead += 1
            inside = np.maximum(abs(w[rows] / e[rows]) - l1, 0)
            assert np.linalg.norm(inside) <= strength * (1 + 1e-5)
            continue
        rest = pull - strength * v[rows] / norm  # what is left for l1
        alive, tolerance = v[rows] != 0, 2e-5 * (1 + abs(w[rows] / e[rows]))
        assert (abs(rest - l1 * np.sign(v[rows])) <= tolerance)[alive].all()
        assert (abs(rest) <= l1 + tolerance)[~alive].all()
    assert 0 < dead < 70
    np.testing.assert_array_equal(views(found, units)[1][0], views(flat, units)[1][0])


def test_members_of_an_aborted_team_stop():
    X, y = features(5, 11), targets(0, 5, 3)
    team = new_team(2)
    abort(team)
    for given in ({"max_norm": 1.0}, {"group_l1": 0.1, "groups": GROUPS}):
        with make_engine(UNITS, X, y, penalties=structure(given)) as engine:
            assert not finish(0, team, engine.job)
