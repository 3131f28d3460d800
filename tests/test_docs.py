"""The docstrings of the estimators name every parameter, default and fitted attribute."""

import inspect
import re

import pytest
from sklearn.datasets import load_iris

import skreg
import skreg.augmentation
import skreg.inspection
from skreg import MLPClassifier, MLPClassifierCV, MLPRegressor, MLPRegressorCV
from skreg._cv_docs import INSTEAD
from skreg._docs import attribute_text, documented

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


@pytest.mark.parametrize("Estimator", (MLPClassifierCV, MLPRegressorCV))
def test_what_a_search_hands_on_says_what_it_is(Estimator):
    members = {name: getattr(Estimator, name, None) for name, _ in section(Estimator, "Attributes")}
    texts = {n: member.__doc__ for n, member in members.items() if isinstance(member, property)}
    assert len(texts) >= 17
    assert [name for name, text in texts.items() if not text] == []
    assert texts["coefs_"] == "Weight matrices, layer by layer."
    assert texts["stopped_early_"].endswith("it tells a loop over blocks of rows to end.")


@pytest.mark.parametrize("Estimator", (MLPClassifierCV, MLPRegressorCV))
def test_searches_say_what_is_different_with_them(Estimator):
    lines = [line.strip() for line in inspect.getdoc(Estimator).splitlines()]
    for of_networks, of_searches in INSTEAD.items():
        assert of_searches in lines and of_networks not in lines
        assert of_networks in inspect.getdoc(Estimator._plain)


def public_functions():
    """Return every public function and method that this package defines, by its name."""
    found = {}
    for module in (skreg, skreg.augmentation, skreg.inspection):
        for name in module.__all__:
            thing = getattr(module, name)
            members = {"": thing}
            if inspect.isclass(thing):
                members = {n: getattr(thing, n) for n in dir(thing) if not n.startswith("_")}
            found |= {f"{name}.{n}".rstrip("."): inspect.unwrap(member)
                      for n, member in members.items() if inspect.isroutine(member)}  # fmt: skip
    return {name: member for name, member in found.items()
            if (getattr(member, "__module__", None) or "").startswith("skreg")}  # fmt: skip


def test_what_is_returned_is_described():
    functions = public_functions()
    assert {"mlp_path", "MLPClassifierCV.predict", "LossCurveDisplay.plot"} < set(functions)
    bare = []
    for name, function in functions.items():
        lines = inspect.getdoc(function).partition("\nReturns\n-------\n")[2].splitlines()
        first, then = [*lines, "", ""][:2]
        if " : " in first and first != "self : object" and not then.startswith("    "):
            bare.append(name)
    assert bare == []


def test_of_unknown_attributes_nothing_is_said():
    assert attribute_text("coefs") is attribute_text("nothing_") is None


def test_without_docstrings_nothing_fails():
    Stripped = documented(score="R2")(type("Stripped", (), {"__doc__": None}))
    assert Stripped.__doc__ is None
