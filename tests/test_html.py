"""How an estimator shows itself: as text what differs from the default, as HTML with links."""

import inspect
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skreg
from skreg import MLPClassifier, MLPClassifierCV, MLPRegressor, MLPRegressorCV, _docs, augmentation

VERSION = tuple(int(part) for part in re.findall(r"\d+", sklearn.__version__)[:2])
links_parameters = pytest.mark.skipif(VERSION < (1, 8), reason="scikit-learn 1.7 links no rows")
shows_attributes = pytest.mark.skipif(VERSION < (1, 9), reason="shown from scikit-learn 1.9 on")

ESTIMATORS = [
    MLPClassifier(max_iter=2),
    MLPRegressor(max_iter=2),
    MLPClassifierCV(l1s=[0.0, 1e-3], cv=2, max_iter=2),
    MLPRegressorCV(l1s=[0.0, 1e-3], cv=2, max_iter=2),
]
every_estimator = pytest.mark.parametrize("model", ESTIMATORS, ids=lambda m: type(m).__name__)


class Tables(HTMLParser):
    """The rows of the tables of an HTML representation, by the summary above each table."""

    def __init__(self, html):
        super().__init__()
        self.links, self.tables = [], {}
        self._row, self._summary, self._tag, self._in_tooltip = None, None, None, False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
            if self._row is not None:
                self._row["link"] = attrs["href"]
        elif tag == "tr":
            self._row = {"class": attrs.get("class"), "cells": [], "link": None}
        elif tag == "td":
            self._row["cells"].append("")
        self._in_tooltip |= tag == "span"
        self._tag = tag

    def handle_data(self, data):
        if self._tag == "summary" and data.strip():
            self._summary = data.strip()
        elif self._row is not None and self._row["cells"] and not self._in_tooltip:
            self._row["cells"][-1] += data.strip("\n \xa0")

    def handle_endtag(self, tag):
        if tag == "tr":
            if self._row["cells"]:
                self.tables.setdefault(self._summary, []).append(self._row)
            self._row = None
        self._in_tooltip &= tag != "span"
        self._tag = None if tag == "summary" else self._tag

    def rows(self, summary):
        """Return the rows below a summary by their name."""
        first = 1 if summary == "Parameters" else 0  # behind the button that copies
        return {row["cells"][first]: row for row in self.tables.get(summary, [])}


def shown(model):
    return Tables(model._repr_html_())


def fitted(model):
    X, y = load_iris(return_X_y=True)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        return model.fit(X, y)


def addressed(link):
    """Return the page, the name and the type that a link into a docstring looks for."""
    page, fragment = link.split("#:~:text=")
    name, kind = fragment.split(",-", 1)
    return page, unquote(name), unquote(kind)


@pytest.fixture(autouse=True)
def documentation(monkeypatch):
    """Links lead to a place of the test's own, wherever it runs."""
    monkeypatch.setenv("SKREG_DOC_URL", "https://docs.test/")


@every_estimator
def test_every_parameter_with_its_value(model):
    rows = shown(model).rows("Parameters")
    assert set(rows) == set(model.get_params())
    assert rows["max_iter"]["cells"][-1] == "2"
    changed = {name for name, row in rows.items() if row["class"] == "user-set"}
    assert changed == ({"max_iter"} if not hasattr(model, "l1s") else {"max_iter", "l1s", "cv"})


@every_estimator
def test_the_estimator_links_to_its_page(model):
    page = f"https://docs.test/generated/skreg.{type(model).__name__}.html"
    assert shown(model).links[0] == page


@links_parameters
@every_estimator
def test_every_parameter_links_to_its_entry(model):
    page, kinds = shown(model).links[0], documented_kinds(model)
    for name, row in shown(model).rows("Parameters").items():
        assert addressed(row["link"]) == (page, name, kinds[name])


@shows_attributes
@pytest.mark.parametrize("model", ESTIMATORS[:2], ids=lambda m: type(m).__name__)
def test_every_fitted_attribute_links_to_its_entry(model):
    model = fitted(model)
    tables, kinds = shown(model), documented_kinds(model)
    rows = tables.rows("Fitted attributes")
    assert {name for name in vars(model) if re.fullmatch(r"[a-z]\w*_", name)} < set(rows)
    assert rows["n_iter_"]["cells"][1:] == ["int", "2"]
    assert rows["n_nonzero_"]["cells"][-1] == str(model.n_nonzero_)
    assert rows["feature_importances_"]["cells"][1] == "ndarray[float64](4,)"
    for name, row in rows.items():
        assert addressed(row["link"]) == (tables.links[0], name, kinds[name])


@shows_attributes
@pytest.mark.parametrize("model", ESTIMATORS[2:], ids=lambda m: type(m).__name__)
def test_the_attributes_of_a_search_and_of_its_network(model):
    tables = shown(fitted(model))
    rows = tables.rows("Fitted attributes")
    assert {"best_params_", "cv_results_", "l1_", "coefs_", "history_"} <= set(rows)
    assert {row["link"].split("#")[0] for row in rows.values()} == {tables.links[0]}


def test_before_fit_there_are_no_attributes():
    assert shown(MLPClassifier()).rows("Fitted attributes") == {}


def documented_kinds(model):
    """Return the types that the docstring gives to parameters and attributes."""
    entries = re.findall(r"^(\w+) : (.*)$", inspect.getdoc(type(model)), re.MULTILINE)
    return {name: kind.replace("`", "") for name, kind in reversed(entries)}


def test_in_a_pipeline_each_step_links_to_its_own_documentation():
    links = shown(make_pipeline(StandardScaler(), MLPClassifier())).links
    assert "https://docs.test/generated/skreg.MLPClassifier.html" in links
    assert any("scikit-learn.org" in link and "StandardScaler" in link for link in links)


@pytest.mark.parametrize("name", augmentation.__all__)
def test_transforms_link_to_their_pages(name):
    Transform = getattr(augmentation, name)
    model = Transform((8, 8)) if name in ("ImageTransform", "CutOut") else Transform()
    page = f"https://docs.test/generated/skreg.augmentation.{name}.html"
    assert shown(model).links[0] == page


def test_classes_of_others_get_no_link():
    class Own(MLPClassifier):
        pass

    assert Own()._get_doc_link() == ""


def test_a_built_site_goes_before_the_published_one(monkeypatch, tmp_path):
    monkeypatch.delenv("SKREG_DOC_URL")
    monkeypatch.setattr(_docs, "BUILT_SITE", tmp_path)
    published = f"{_docs.DOC_URL}/generated/skreg.MLPClassifier.html"
    assert MLPClassifier()._get_doc_link() == published
    (tmp_path / "index.html").touch()
    page = tmp_path / "generated" / "skreg.MLPClassifier.html"
    assert MLPClassifier()._get_doc_link() == page.as_uri()


REPRESENTATIONS = [
    (MLPClassifier(), "MLPClassifier()"),
    (MLPClassifier((100,), l1=0.0, dropout=0.0, feature_groups=None), "MLPClassifier()"),
    (MLPClassifier(l1=1e-3, dropout=[0.2]), "MLPClassifier(dropout=[0.2], l1=0.001)"),
    (
        MLPClassifier(feature_penalty=np.array([1.0, np.inf])),
        "MLPClassifier(feature_penalty=array([ 1., inf]))",
    ),
    (MLPRegressor(clip_norm=np.nan), "MLPRegressor(clip_norm=nan)"),
    (MLPRegressor(clip_norm=None, n_iter_no_change=np.inf), "MLPRegressor(n_iter_no_change=inf)"),
    (
        MLPClassifier(augmentation=[augmentation.Mixup(), augmentation.GaussianNoise(0.2)]),
        "MLPClassifier(augmentation=[Mixup(), GaussianNoise(scale=0.2)])",
    ),
    (MLPRegressorCV(l1s=np.array([0.1, 1.0])), "MLPRegressorCV(l1s=array([0.1, 1. ]))"),
    (augmentation.ImageTransform((8, 8)), "ImageTransform(image_shape=(8, 8))"),
]


@pytest.mark.parametrize("model, text", REPRESENTATIONS, ids=lambda value: str(value)[:40])
def test_the_text_shows_only_what_differs_from_the_default(model, text):
    assert re.sub(r"\s+", " ", repr(model)) == text


@links_parameters  # 1.7 compares a parameter with its default by ``!=``, which arrays refuse
@pytest.mark.parametrize("model, text", REPRESENTATIONS, ids=lambda value: str(value)[:40])
def test_the_html_marks_the_same_parameters(model, text):
    rows = shown(model).rows("Parameters")
    changed = {name for name, row in rows.items() if row["class"] == "user-set"}
    assert changed == {name for name in model.get_params(deep=False) if f"{name}=" in text}


def test_every_public_estimator_knows_its_page():
    public = [getattr(skreg, name) for name in skreg.__all__ if name != "__version__"]
    classes = [cls for cls in public if isinstance(cls, type) and issubclass(cls, BaseEstimator)]
    assert len(classes) >= 4
    assert all(issubclass(cls, _docs.DocLinkMixin) for cls in classes)
