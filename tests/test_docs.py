"""The docstrings of the estimators name every parameter, default and fitted attribute."""

import inspect
import re

import pytest
from sklearn.datasets import load_iris

from skreg import MLPClassifier, MLPRegressor
from skreg._docs import documented

ESTIMATORS = (MLPClassifier, MLPRegressor)


def section(Estimator, name):
    """Return the entries of a section as pairs of a name and its type."""
    text = inspect.getdoc(Estimator).split(f"{name}\n{'-' * len(name)}\n")[1]
    text = re.split(r"\n\n[A-Z][A-Za-z ]+\n---", text)[0]
    return re.findall(r"^(\w+) : (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_parameters_in_the_order_of_the_signature_with_their_defaults(Estimator):
    documented_parameters = section(Estimator, "Parameters")
    signature = inspect.signature(Estimator).parameters
    assert [name for name, _ in documented_parameters] == list(signature)
    for name, kind in documented_parameters:
        default = re.search(r"default=(.*)$", kind)[1]
        assert eval(default) == signature[name].default, name


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_fitted_attribute(Estimator):
    pytest.importorskip("pandas")
    model = Estimator(max_iter=2, solver="sgd", early_stopping=True)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(*load_iris(return_X_y=True, as_frame=True))
    learned = {*vars(model), *(name for name in dir(Estimator) if name.endswith("_"))}
    public = {name for name in learned if name.endswith("_") and not name.startswith("_")}
    assert {name for name, _ in section(Estimator, "Attributes")} == public


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_no_placeholder_is_left(Estimator):
    text = inspect.getdoc(Estimator)
    assert not re.search(r"^\s*<\w+>$", text, re.MULTILINE)
    assert not re.search(r"\{(score|out_activations)\}", text)
    sections = ("Parameters", "Attributes", "See Also", "Notes", "References", "Examples")
    places = [text.index(f"\n{name}\n{'-' * len(name)}\n") for name in sections]
    assert places == sorted(places)


def test_without_docstrings_nothing_fails():
    Stripped = documented(score="R2")(type("Stripped", (), {"__doc__": None}))
    assert Stripped.__doc__ is None
