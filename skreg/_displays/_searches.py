"""What a fitted search knows of the strengths along one of its axes."""

from typing import NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_regressor

from skreg._displays._axes import is_number


class Along(NamedTuple):
    """Candidates that differ in one parameter only, all others as chosen."""

    name: str  # of the parameter, as the search knows it
    strengths: np.ndarray  # (n_strengths,), in ascending order
    scores: np.ndarray  # (n_strengths, n_splits)
    metric: str  # what the scores are
    note: str | None  # in what they differ, to be said below them


def along_axis(search, axis):
    """Return scores of a fitted search along an axis.

    Parameters
    ----------
    search : object
        With ``cv_results_`` and, as `sklearn.model_selection.GridSearchCV` names them, what else
        is known of a search.
    axis : str or None
        The parameter, with the names of pipeline steps or without. None takes the one that has
        most numbers for values, the first of several.

    Returns
    -------
    Along
    """
    key, metric = _metric(search)
    places = _comparable(search)
    name = _searched_axis(search, places, axis)
    values = [search.cv_results_["params"][place][name] for place in places]
    places = _held(search, places, name)
    if places.size == 1 and len(set(values)) > 1:
        _refuse_lonely(search, name)
    table = search.cv_results_
    strengths = np.array([table["params"][place][name] for place in places], dtype=np.float64)
    scores = np.column_stack(
        [table[f"split{split}_test_{key}"][places] for split in range(search.n_splits_)]
    )
    order = np.argsort(strengths, kind="stable")
    notes = [note for note in (_failures(scores), _note(search, places)) if note]
    return Along(name, strengths[order], scores[order], metric, "; ".join(notes) or None)


def _failures(scores):
    """Return a remark where candidates have no score to draw."""
    n_failed = int(np.isnan(scores.mean(axis=1)).sum())
    return f"{n_failed} of {len(scores)} candidates without a score" if n_failed else None


def _metric(search):
    """Return the name of the scores in the table of a search, and what to call them."""
    several = getattr(search, "multimetric_", False)
    if several and not isinstance(search.refit, str):
        raise ValueError(
            f"The search has several metrics, and refit={search.refit!r} does not say which of "
            "them to draw; fit it with the name of one as refit."
        )
    if several:
        return search.refit, search.refit
    scoring = getattr(search, "scoring", None)
    if isinstance(scoring, str):
        return "score", scoring
    if scoring is None and is_classifier(search):
        return "score", "accuracy"
    return "score", "R²" if scoring is None and is_regressor(search) else "score"


def _comparable(search):
    """Return the places of the candidates with the parameters of the chosen one.

    Out of a list of grids these are the candidates of its own grid. Searches of scikit-learn that
    halve list a candidate once for every round; of those its last one counts.
    """
    names, latest = _searched(search), {}
    for place, params in enumerate(search.cv_results_["params"]):
        if params.keys() == search.best_params_.keys():
            latest[repr([params[name] for name in names])] = place
    return list(latest.values())


def _searched(search):
    """Return the names of the parameters, without what a search that halves gives out."""
    given_out = getattr(search, "resource", None)
    return [name for name in search.best_params_ if name != given_out]


def _searched_axis(search, places, axis):
    """Return the name under which a search knows the axis to draw."""
    names = _searched(search)
    values = {
        name: [search.cv_results_["params"][place][name] for place in places] for name in names
    }
    n_values = {name: len({repr(value) for value in values[name]}) for name in names}
    several = [name for name in names if n_values[name] > 1]
    several.sort(key=lambda name: -n_values[name])
    numeric = [name for name in several if all(is_number(value) for value in values[name])]
    found = [name for name in names if axis in (name, name.rpartition("__")[2])]
    if axis is None and not several:
        raise ValueError(
            "No parameter of the search has several values beside the chosen "
            f"{search.best_params_}; search over several strengths."
        )
    found = numeric or several if axis is None else found
    if not found:
        raise ValueError(f"axis={axis!r} was not searched; choose one of {names}.")
    odd = [value for value in values[found[0]] if not is_number(value)]
    if odd:
        raise ValueError(
            f"axis={found[0]!r} has values that are not numbers, such as {odd[0]!r}; choose an "
            f"axis of strengths out of {names}."
        )
    return found[0]


def _held(search, places, name):
    """Return those places where all parameters but one have their chosen values."""
    params, best = search.cv_results_["params"], search.best_params_
    others = [other for other in _searched(search) if other != name]
    return np.array([p for p in places if all(repr(params[p][o]) == repr(best[o]) for o in others)])


def _refuse_lonely(search, name):
    others = ", ".join(
        f"{other}={search.best_params_[other]!s}" for other in _searched(search) if other != name
    )
    raise ValueError(
        f"No other candidate shares the chosen {others}, so there is one strength to draw along "
        f"axis={name!r}; search a grid, or this parameter alone."
    )


def _note(search, places):
    """Return a remark where candidates were dropped before they had all of the resource."""
    table = search.cv_results_
    if getattr(search, "halving", False):
        used, what = table["n_epochs"][places], "after fewer epochs"
    elif "n_resources" in table:
        used, what = table["n_resources"][places], f"with a smaller {search.resource}"
    else:
        return None
    return f"dropped candidates: scored {what}" if np.ptp(used) else None
