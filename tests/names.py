"""Names that tests look for: parameters, what one may choose for them, codes of kernels."""

import ast
import inspect
from pathlib import Path

from sklearn import neural_network

import skreg
from skreg._kernels.activations import ACTIVATIONS
from skreg._kernels.losses import LOSSES
from skreg._kernels.solvers import SOLVERS
from skreg._schedules import SCHEDULES

CHOICES = {
    "activation": tuple(ACTIVATIONS),
    "loss": tuple(LOSSES),
    "solver": ("lbfgs", *SOLVERS),
    "learning_rate": tuple(SCHEDULES),
}
# Parameters of one's own that do not fight overfitting by themselves.
NO_REGULARIZERS = {"class_weight", "loss", "solver", "huber_delta", "quantile", "activation",
                   "scoring", "learning_rate", "dtype", "n_jobs", "polish",
                   "feature_groups"}  # fmt: skip


def own_parameters():
    """Return the parameters that scikit-learn's networks lack, or offer less for."""
    own = set()
    for name in ("MLPClassifier", "MLPRegressor"):
        ours, theirs = getattr(skreg, name), getattr(neural_network, name)
        for parameter in inspect.signature(ours).parameters:
            if not _options(ours, parameter) <= _options(theirs, parameter):
                own.add(parameter)
    return own


def _options(Estimator, parameter):
    """Return the strings that a parameter may be, and its own name where it exists."""
    constraints = Estimator._parameter_constraints.get(parameter, ())
    options = (getattr(one, "options", ()) for one in constraints)
    known = {parameter} & inspect.signature(Estimator).parameters.keys()
    return known.union(*({one for one in some if isinstance(one, str)} for some in options))


def functions_of(*modules):
    """Return the syntax trees of the functions of modules by their names."""
    trees = (ast.parse(Path(module.__file__).read_text()) for module in modules)
    return {node.name: node for tree in trees for node in tree.body
            if isinstance(node, ast.FunctionDef)}  # fmt: skip


def codes_of(module, first):
    """Return the names that a module numbers together with the name ``first``, by their codes."""
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            names = [part.id for part in node.targets[0].elts]
            if names[0] == first:
                return {getattr(module, name): name for name in names}
    raise AssertionError(f"{module.__name__} numbers nothing from {first} on")


def slots_of(module):
    """Return the names of the slots that a module defines one by one, by their numbers."""
    found = {}
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("_slot("):
            (name,) = node.targets
            found[getattr(module, name.id)] = name.id
    return found


def branches(start, functions):
    """Return the names that a function, or one that it calls, compares something with."""
    found, seen, waiting = set(), set(), {start}
    while waiting:
        seen.add(name := waiting.pop())
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Compare):
                parts = (node.left, *node.comparators)
                found |= {part.id for part in parts if isinstance(part, ast.Name)}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                waiting |= {node.func.id} & functions.keys() - seen
    return found
