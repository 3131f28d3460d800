"""Tables of the records, and sentences on what they say."""

import math

import numpy as np

from benchmarks.regularizers import mnist, selection, uci
from benchmarks.regularizers.trials import (
    CLEAR,
    PLAIN,
    SIGNS,
    column,
    gain,
    mean_and_error,
    names,
)
from benchmarks.report import MISSING, markdown

LEGEND = f"(* a gain on the same splits, by Student's t test at {1 - CLEAR:.1%}, one-sided)"
WITHIN = 2.0  # standard errors of a difference that say nothing
WORDS = {
    "accuracy": "accuracy",
    "log_likelihood": "log-likelihood",
    "log_loss": "log loss",
    "rmse": "RMSE",
    "n_active": "active features",
    "n_found": "useful ones",
}
# Methods that build on another one than the plain network.
BASES = {
    f"{mnist.BOTH}, max_norm": mnist.BOTH,
    "group_l1, reweighted": "group_l1",
}


def of_methods(records, data):
    """Return a table of one data set: a row per method, mean and standard error of its scores."""
    mine = [record for record in records if record["data"] == data]
    metrics, counts = (
        [key for key in keys if any(key in record for record in mine)]
        for keys in (SIGNS, ("n_active", "n_found"))
    )
    header = [data, "strengths"]
    for metric in metrics:
        header += [WORDS[metric], "gain over plain"]
    rows = []
    for method in names(mine, "method"):
        row = [method, chosen(mine, method)]
        for metric in metrics:
            row += [score_cell(mine, data, method, metric), gain_cell(mine, data, method, metric)]
        rows.append(row + [count_cell(mine, data, method, key) for key in counts])
    return markdown([*header, *(WORDS[key] for key in counts)], rows)


def of_paper(records, metric):
    """Return our scores beside the paper's, and their difference in its standard errors."""
    method = {"rmse": PLAIN, "log_likelihood": uci.DRAWS}[metric]
    rows = []
    for task in uci.TASKS:
        scores = column(records, task.data, method, metric).values()
        if scores:
            ours, paper = mean_and_error(list(scores)), getattr(task, metric)
            facts = [task.name, str(len(scores)), amount(*ours), amount(*paper)]
            rows.append(facts + comparison(ours, paper, SIGNS[metric]))
    return markdown([f"{WORDS[metric]}, {method}", "splits", "skreg", "paper", "", ""], rows)


def of_forecasts(records):
    """Return what Monte-Carlo dropout and averaged weights add to the plain prediction."""
    columns = (
        (uci.DRAWS, "log_likelihood"),
        (uci.DRAWS, "rmse"),
        (uci.AVERAGE, "rmse"),
    )
    rows = [
        [data, *(gain_cell(records, data, method, metric) for method, metric in columns)]
        for data in names(records, "data")
    ]
    header = [f"{method}: {WORDS[metric]}" for method, metric in columns]
    return markdown(["gain over plain", *header], rows)


def comparison(ours, paper, sign):
    """Return how far two means with errors lie apart, and what that amounts to."""
    away = sign * (ours[0] - paper[0]) / math.hypot(ours[1], paper[1])
    if math.isnan(away):
        return [MISSING, MISSING]
    verdict = "within errors" if abs(away) <= WITHIN else "better" if away > 0 else "worse"
    return [f"{round(away, 1) + 0.0:+.1f} errors", verdict]  # no -0.0


def verdicts(records):
    """Yield a sentence per regularizer: where it pays and costs, or that it pays nowhere."""
    methods = names(records, "method")
    for method in methods:
        if method not in (PLAIN, selection.TRUTH):
            yield verdict(records, method)
    for method, base in BASES.items():
        if method in methods:
            found = [changes(records, method, side, base) for side in (1, -1)]
            found = ", ".join(filter(None, found)) or "no clear difference"
            yield f"{method}, against {base}: {found}."


def verdict(records, method):
    """Return the sentence on one regularizer."""
    pays, costs = (changes(records, method, side) for side in (1, -1))
    parts = [f"{method} pays: {pays}" if pays else f"{method} pays nowhere here"]
    if costs:
        parts.append(f"costs: {costs}")
    gains = {data: gain(records, data, method, "accuracy") for data in names(records, "data")}
    idle = [data for data, one in gains.items() if one is not None and not one.is_clear()]
    if pays and idle:
        parts.append(f"no clear gain in accuracy: {', '.join(idle)}")
    return "; ".join(parts) + "."


def changes(records, method, side, base=PLAIN):
    """Return the clear gains (side 1) or losses (side -1) over a method as words."""
    places = []
    for data in names(records, "data"):
        gains = ((metric, gain(records, data, method, metric, base)) for metric in SIGNS)
        found = [
            f"{WORDS[metric]} {amount(*one[:2], sign='+')}"
            for metric, one in gains
            if one is not None and one.is_clear(side)
        ]
        if found:
            places.append(f"{data} ({', '.join(found)})")
    return ", ".join(places)


def chosen(records, method):
    """Return the strengths that validation rows chose for a method."""
    mine = [record["strength"] for record in records if record["method"] == method]
    every = np.unique([one for one in np.ravel(mine) if one])
    return " ".join(f"{one:g}" for one in every) or MISSING


def amount(mean, error, sign=""):
    """Return mean and standard error, with two digits of the error."""
    if math.isnan(error):
        return f"{mean:{sign}.4g}"
    digits = 3 if error == 0 else min(max(1 - math.floor(math.log10(error)), 0), 5)
    return f"{mean:{sign}.{digits}f} +- {error:.{digits}f}"


def score_cell(records, data, method, metric):
    """Return mean and standard error of a score."""
    scores = column(records, data, method, metric)
    return amount(*mean_and_error(list(scores.values()))) if scores else MISSING


def gain_cell(records, data, method, metric):
    """Return the gain over the plain network, marked where it is clear."""
    found = None if method == PLAIN else gain(records, data, method, metric)
    if found is None:
        return MISSING
    return amount(*found[:2], sign="+") + (" *" if found.is_clear() else "")


def count_cell(records, data, method, key):
    """Return the mean of a count."""
    counts = column(records, data, method, key)
    return f"{mean_and_error(list(counts.values()))[0]:.1f}" if counts else MISSING
