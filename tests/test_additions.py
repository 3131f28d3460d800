"""What stands in a table is carried out by a kernel of its own, tested, and told to the reader.

A code that a kernel does not ask for would run as another one, and raise no error. So these tests
say what an addition has forgotten; CONTRIBUTING.md has the whole list.
"""

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

import skreg
from skreg import _docs, _null_model, _plugs, _zeros, augmentation
from skreg._architecture import make_layout, n_parameters
from skreg._augmenting import Transform, plan_augmentation
from skreg._engine import Engine
from skreg._job import _put_penalties
from skreg._kernels import activations, augment, batch, images, job, links, losses, solvers
from skreg._lbfgs import is_penalized_linear
from skreg._objective import Objective
from skreg._penalties import TERMS, Penalties, make_penalties
from skreg._regularization import NEEDS_BATCHES
from skreg._schedules import PLANNED, SCHEDULES, Schedule, learning_rate
from skreg._table import WRITTEN_SLOTS, Table
from skreg._task import NO_RULE, Network, Rows, Task
from tests import test_augmentation, test_null_model, test_regressor, test_schedules
from tests.kernels import test_activations, test_augment, test_losses, test_solvers
from tests.kernels.engines import RULES, features, needs_threads, starting_weights
from tests.names import CHOICES, branches, codes_of, functions_of, slots_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ESTIMATORS = (skreg.MLPClassifier, skreg.MLPRegressor, skreg.MLPClassifierCV, skreg.MLPRegressorCV)

# Kernels: every code but one is asked for by name, and the last branch is for that one.

CODES = {
    "activations": codes_of(activations, "IDENTITY"),
    "losses": codes_of(losses, "SQUARED_ERROR"),
    "links": codes_of(links, "LINK_IDENTITY"),
    "solvers": codes_of(solvers, "SGD"),
    "transforms": codes_of(batch, "GAUSSIAN_NOISE"),
}
LAST_BRANCHES = [  # codes, modules, where they are asked for, the code of the last branch
    ("activations", (activations,), ("apply",), "SOFTPLUS"),
    ("losses", (losses, _plugs), ("evaluate_loss", "plug_in"), "BINARY_LOG_LOSS"),
    ("links", (links,), ("apply_link",), "LINK_LOGISTIC"),
    ("solvers", (solvers,), ("plan_step",), "ADAM"),
    ("solvers", (solvers,), ("move",), "SGD"),
    ("solvers", (solvers,), ("land",), "SGD"),
    ("transforms", (augment, images), ("augment", "count_transforms"), "IMAGE_TRANSFORM"),
]


@pytest.mark.parametrize(("codes", "modules", "starts", "last"), LAST_BRANCHES)
def test_every_code_has_a_branch_of_its_own(codes, modules, starts, last):
    functions = functions_of(*modules)
    asked_for = set().union(*(branches(start, functions) for start in starts))
    forgotten = set(CODES[codes].values()) - asked_for - {last}
    assert not forgotten, (
        f"{forgotten} would run as {last}: add a branch for each to `{starts[0]}` of "
        f"{modules[0].__name__} or to what it calls"
    )


def test_every_program_knows_its_transforms_apart():
    functions, names = functions_of(augment, images), CODES["transforms"]
    for known, program in augment.PROGRAMS:
        alike = {names[code] for code in known} - branches(program.__name__, functions)
        assert len(alike) <= 1, f"`{program.__name__}` of {augment.__name__} runs {alike} alike"


def test_every_transform_has_a_program():
    known = set().union(*(codes for codes, _ in augment.PROGRAMS))
    forgotten = {name for code, name in CODES["transforms"].items() if code not in known}
    forgotten -= {"ADVERSARIAL"}  # a part of the epoch, not of its batches
    assert not forgotten, f"enter {forgotten} in PROGRAMS of {augment.__name__}"


def test_a_transform_that_no_program_knows_is_refused():
    class Unknown(Transform):
        _parameter_constraints: dict = {}
        _code = max(CODES["transforms"]) + 1

        def _enter(self, plan):
            return {0: self._code}

    message = rf"no program for the transforms \[{Unknown._code}\]; enter them in PROGRAMS"
    with pytest.raises(NotImplementedError, match=message):
        Unknown().sample([[1.0, 2.0]])


def test_plugs_are_named_after_their_functions():
    text = inspect.getsource(_plugs) + inspect.getsource(_zeros)
    pairs = re.findall(r"slots\.(\w+)_PLUG[,:] (?:address_of\()?(?:sparse\.)?(\w+)", text)
    assert all(slot == function.upper() for slot, function in pairs), pairs
    forgotten = {f"{slot}_PLUG" for slot, _ in pairs} ^ {
        name for name in slots_of(job).values() if name.endswith("_PLUG")
    }
    assert not forgotten, f"nothing is plugged into {forgotten}"


# Tables.


@pytest.mark.parametrize(
    ("codes", "table", "place"),
    [
        ("activations", activations.ACTIVATIONS.values(), "ACTIVATIONS"),
        ("losses", test_losses.CODES.values(), "LOSSES"),
        ("losses", losses.LINKS, "LINKS"),
        ("links", links.LINK_CODES.values(), "LINK_CODES"),
        ("solvers", solvers.SOLVERS.values(), "SOLVERS"),
        ("solvers", [rule.solver for rule in RULES.values()], "RULES of tests/kernels/engines.py"),
    ],
)
def test_every_code_is_in_its_table(codes, table, place):
    forgotten = {name for code, name in CODES[codes].items() if code not in table}
    assert not forgotten, f"enter {forgotten} in {place}"


def test_every_loss_has_a_model_without_weights():
    forgotten = {name for code, name in CODES["losses"].items()
                 if code not in _null_model.INTERCEPTS}  # fmt: skip
    assert not forgotten, (
        f"automatic grids need the intercept that minimizes {forgotten}: enter a function in "
        "INTERCEPTS of skreg/_null_model.py"
    )


@pytest.mark.parametrize(
    ("given", "module", "name"),
    [
        (activations.ACTIVATIONS, test_activations, "DEFINITIONS"),
        (test_losses.SUMS, test_losses, "FORMULAS"),
        (losses.LOSSES, test_null_model, "LOSSES"),
        (losses.LOSSES, test_regressor, "MEAN_LOSSES"),
        (solvers.SOLVERS, test_solvers, "REFERENCES"),
        (SCHEDULES, test_schedules, "FORMULAS"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_every_table_is_compared_with_plain_numpy(given, module, name):
    forgotten = set(given) - getattr(module, name).keys()
    place = f"{name} of {module.__name__.replace('.', '/')}.py"
    assert not forgotten, f"write {forgotten} down in plain NumPy in {place}"


def test_every_transform_is_tested():
    plans = (plan_augmentation(one, test_augment.N_FEATURES)
             for one in test_augment.TRANSFORMS.values())  # fmt: skip
    tested = {int(code) for plan in plans for code in plan.transforms[:, 0]}
    forgotten = {name for code, name in CODES["transforms"].items() if code not in tested}
    forgotten -= {"ADVERSARIAL"}  # which has a module of its own
    assert not forgotten, f"enter {forgotten} in TRANSFORMS of tests/kernels/test_augment.py"
    forgotten = set(augmentation.__all__) - test_augmentation.TRANSFORMS.keys() - {"Transform"}
    assert not forgotten, f"enter {forgotten} in TRANSFORMS of tests/test_augmentation.py"


def rates(name):
    """Return what a schedule may look at, turned into learning rates."""
    schedule = Schedule(name, 0.5, 0.5, 20)
    return [learning_rate(schedule, epoch, 9 * epoch, epoch // 3) for epoch in range(20)]


def test_no_two_schedules_are_alike():
    alike = {name for name in SCHEDULES for other in SCHEDULES
             if name != other and rates(name) == rates(other)} - {"constant"}  # fmt: skip
    assert not alike, f"{alike} have the rates of another schedule"


def test_every_term_of_the_penalty_has_its_places():
    assert job.N_TERMS == len(TERMS), (
        "TERMS of skreg/_penalties.py needs as many names as skreg/_kernels/job.py has terms "
        "(..._TERM and N_TERMS), in the same order"
    )
    assert set(TERMS) <= set(Penalties._fields), "enter the term as a field of `Penalties`"


def test_every_slot_of_the_penalties_is_filled():
    units, hidden = (4, 3, 2), (activations.TANH, activations.IDENTITY)
    penalties = make_penalties(
        2, **dict.fromkeys(TERMS, 0.1), max_norm=1.0, factors=np.array([1.0, 2.0, 0.5, np.inf]),
        groups=(np.array([0, 1]), np.array([2]), np.array([3])),
    )  # fmt: skip
    rule = NO_RULE._replace(clip_norm=1.0)
    task = Task(Network.plain(units, hidden), np.dtype(np.float64), rule=rule)
    table = Table(task.dtype)
    layout, sizes = make_layout(units, hidden, task.dtype, 8, False, False)
    _put_penalties(table, task, penalties, layout, sizes)
    # A kernel that opens an empty slot may end the process, which would not say why.
    forgotten = {name for slot, name in slots_of(job).items()
                 if job.L1 <= slot < job.BEFORE and not table.addresses[slot].all()}  # fmt: skip
    assert not forgotten, f"fill {forgotten} in `_put_penalties` of skreg/_job.py"


@needs_threads
@pytest.mark.parametrize("loss", [losses.SQUARED_ERROR, losses.SOFT_LOG_LOSS])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_members_that_take_whole_steps_share_nothing_that_a_step_writes(container, loss):
    """Two members would write to a slot at once that is not in `WRITTEN_SLOTS`, unnoticed."""
    rng = np.random.default_rng(0)
    X = container(features(120, 40))
    y = rng.integers(2, size=(120, 1)).astype(float) if loss else rng.normal(size=(120, 2))
    smoothing = 0.1 if loss else 0.0
    codes = activations.RELU, activations.IDENTITY
    network = Network((40, 64, 2), codes, loss, 0.0, links.LINK_IDENTITY, (0.2, 0.2), 1, smoothing)
    penalties = make_penalties(
        2, **dict.fromkeys(TERMS, 0.01), max_norm=1.0, factors=np.r_[1.0, 2.0, np.ones(38)],
        groups=(np.array([0]), np.array([1]), np.arange(2, 40)),
    )  # fmt: skip
    rule = solvers.Rule(solvers.ADAM, 0.9, 1, 0.9, 0.999, 1e-8, 0.01, 1.0, 0.9)
    rows = Rows(X, y, rng.random(120))
    with Engine(network, np.float64, train=rows, rule=rule, penalties=penalties, batch_size=40,
                n_threads=2) as engine:  # fmt: skip
        assert engine.job.n_parts > 1
        engine.load(starting_weights(network.units))
        engine.train_epoch(0.01)
        before = {slot: array.copy() for slot, array in engine.table.arrays.items()}
        engine.train_epoch(0.01)
        written = {slot for slot, array in engine.table.arrays.items()
                   if not np.array_equal(array, before[slot], equal_nan=True)}  # fmt: skip
    assert job.WEIGHTS in written
    # Of these, each member has its own places by its number.
    shared = written - set(WRITTEN_SLOTS) - {job.PART_GRADIENTS, job.PART_SUMS}
    names = {slots_of(job)[slot] for slot in shared}
    assert not names, f"enter {names} in WRITTEN_SLOTS of skreg/_table.py"


@pytest.mark.parametrize("name", [one for one in TERMS if one not in NEEDS_BATCHES])
def test_lbfgs_knows_every_penalty_under_which_it_goes_on(name):
    units = 4, 2
    engine = SimpleNamespace(network=Network.plain(units, (activations.IDENTITY,)))
    objective = Objective(engine, make_penalties(1, **{name: 0.1}), np.zeros(n_parameters(units)))
    message = f"enter {name} in `Terms.curvature` of skreg/_penalties.py, or in NEEDS_BATCHES"
    assert is_penalized_linear(objective), message


# Parameters.


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_parameter_is_checked(Estimator):
    parameters = inspect.signature(Estimator).parameters
    forgotten = parameters.keys() - Estimator._parameter_constraints.keys()
    assert not forgotten, f"say in skreg/_constraints.py what {forgotten} may be"


@pytest.mark.parametrize(
    ("Network", "Search"),
    [(skreg.MLPClassifier, skreg.MLPClassifierCV), (skreg.MLPRegressor, skreg.MLPRegressorCV)],
)
def test_searches_have_the_parameters_of_their_networks(Network, Search):
    forgotten = inspect.signature(Network).parameters.keys()
    forgotten -= inspect.signature(Search).parameters.keys()
    assert not forgotten, f"{Search.__name__} needs the parameters {forgotten}, too"


def test_networks_differ_in_what_only_one_task_needs():
    classifier, regressor = (set(inspect.signature(one).parameters) for one in ESTIMATORS[:2])
    assert classifier - regressor == {"class_weight", "label_smoothing"}
    assert regressor - classifier == {"loss", "huber_delta", "quantile"}


# What is public.


def test_every_transform_is_public():
    waiting, found = [Transform], set()
    while waiting:
        one = waiting.pop()
        kinds = [kind for kind in one.__subclasses__() if kind.__module__.startswith("skreg.")]
        waiting += kinds
        if not kinds:  # others are bases
            found.add(one.__name__)
    forgotten = found - set(augmentation.__all__)
    assert not forgotten, f"enter {forgotten} in __all__ of skreg/augmentation.py"


def entry(Estimator, name):
    """Return what the docstring of an estimator says of a parameter."""
    text = inspect.getdoc(Estimator)
    return re.search(rf"^{name} : .*\n((?:    .*\n|\n)*)", text, re.MULTILINE)[0]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("name", CHOICES)
def test_docstrings_name_every_choice(Estimator, name):
    if name in inspect.signature(Estimator).parameters:
        forgotten = {one for one in CHOICES[name] if f'"{one}"' not in entry(Estimator, name)}
        assert not forgotten, (
            f"`{name}` in the docstring of {Estimator.__name__} (skreg/_docs.py, or the class) "
            f"does not say what {forgotten} is"
        )


def test_docstrings_name_every_term_of_the_penalty():
    told = inspect.getdoc(skreg.MLPRegressor.penalty_breakdown)
    for text, form, place in (
        (entry(skreg.MLPRegressor, "history_"), '"{}"', "`history_` in skreg/_docs.py"),
        (_docs.SHARED["objective"], " {}_k ", "the objective in skreg/_docs.py"),
        (told, '"{}"', "the docstring of `penalty_breakdown` in skreg/_fitted.py"),
    ):
        forgotten = {one for one in TERMS if form.format(one) not in text}
        assert not forgotten, f"{place} does not name {forgotten}"


def test_what_ends_a_planned_schedule_is_told_of_each():
    told = inspect.getdoc(skreg.mlp_path).split("warm_max_iter : ", 1)[1].split("**parameters")[0]
    guide = (ROOT / "doc" / "guide" / "training.rst").read_text()
    ends = guide.split(".. _guide-early-stopping:", 1)[1].split("\n.. _guide-", 1)[0]
    for text, form, place in (
        (entry(skreg.MLPRegressor, "tol"), '"{}"', "`tol` in skreg/_docs.py"),
        (told, '"{}"', "`warm_max_iter` in skreg/_path.py"),
        (ends, "`{}`", '"Early stopping and validation sets" of doc/guide/training.rst'),
    ):
        forgotten = {one for one in PLANNED if form.format(one) not in text}
        assert not forgotten, f"{place} does not name {forgotten}, which runs for max_iter epochs"


@pytest.mark.parametrize("name", ["activation", "loss", "learning_rate", "augmentation"])
def test_readme_names_every_choice(name):
    choices = {**CHOICES, "augmentation": {*augmentation.__all__} - {"Transform"}}[name]
    (row,) = re.findall(rf"^\| `{name}` \| .*$", README, re.MULTILINE)
    forgotten = {one for one in choices if not re.search(rf'[`"]{one}[`"]', row)}
    assert not forgotten, f"the row `{name}` of the table in README.md does not name {forgotten}"


def test_the_guide_has_an_entry_for_every_transform():
    text = (ROOT / "doc" / "guide" / "noise.rst").read_text()
    section = text.split("`augmentation`: ", 1)[1].split("\n.. _guide-", 1)[0]
    entries = " ".join(re.findall(r"^`.*`$", section, re.MULTILINE))
    forgotten = set(augmentation.__all__) - {"Transform"} - set(re.findall(r"`(\w+)\(", entries))
    assert not forgotten, f"`augmentation` in doc/guide/noise.rst has no entry for {forgotten}"


GUIDE = {
    "activation": ("objective", "Activations"),
    "loss": ("objective", "Losses and links"),
    "solver": ("training", "Solvers"),
    "learning_rate": ("training", "Learning rates"),
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_guide_lists_every_choice(name):
    page, heading = GUIDE[name]
    text = (ROOT / "doc" / "guide" / f"{page}.rst").read_text()
    section = re.split(r"^.+\n-+\n", text.split(f"{heading}\n---", 1)[1], flags=re.MULTILINE)[0]
    listed = set(re.findall(r"^`(\w+)`(?:  |$)", section, re.MULTILINE)) - {name}
    place = f'"{heading}" of doc/guide/{page}.rst'
    assert listed == set(CHOICES[name]), f"list {set(CHOICES[name]) ^ listed} in {place}, or not"


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("README.md", "## What is minimized\n"),
        ("doc/guide/objective.rst", "The objective\n==="),
        ("doc/guide/training.rst", "What a fit remembers\n---"),
    ],
)
def test_pages_name_every_term_of_the_penalty(path, heading):
    text = (ROOT / path).read_text().split(heading, 1)[1]
    section = re.split(r"\n(?:## |---)", text)[0]
    forgotten = {one for one in TERMS if f"`{one}`" not in section}
    name = heading.strip("#=-\n ")
    assert not forgotten, f'"{name}" of {path} does not name {forgotten}'
