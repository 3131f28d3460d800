"""Parts of the docstrings that both cross-validated estimators have, written once."""

import inspect

SEARCH = {
    "search": """
l1s : array-like of float or int, default=None
    Strengths to try in place of ``l1``; None does not search. An int is that many on a
    logarithmic grid, down to a thousandth of its top: the smallest strength that zeroes the
    linear model, ``max |X' residual| / n`` with the residuals of the model of biases alone. Where
    ``l1`` is a list, it is a pattern that every strength multiplies, an automatic grid is made for
    its first entry, and ``l1_`` stays a number; the same holds for the other strengths.
l2s : array-like of float or int, default=None
    The same for ``l2``. Its automatic grid has the same top as that of ``l1``. If none of the
    five is given, ``l2s=10``.
group_l1s : array-like of float or int, default=None
    The same for ``group_l1``; the top is the largest norm of the rows of a group of features in
    ``X' residual / n``, divided by the root of the group's size.
dropouts : array-like of float or int, default=None
    Probabilities to try in place of ``dropout``; an int is that many in even steps from 0 to 0.8.
input_dropouts : array-like of float or int, default=None
    The same for ``input_dropout``.
cv : int, splitter or iterable, default=5
    As in `sklearn.model_selection.GridSearchCV`: folds (stratified for classes), a splitter, or
    pairs of index arrays.
scoring : str, callable or None, default=None
    The score to choose by: None takes {score}; otherwise the name of a scorer or a callable
    ``scorer(estimator, X, y)``. What ``early_stopping`` watches is ``early_stopping_scoring``.
selection : {"best", "one_se"}, default="best"
    "best" chooses the first candidate of the highest mean score. "one_se" chooses, among those at
    most one standard error below it, the one that regularizes most: the places of its values on
    their axes, from 0 (the smallest) to 1 (the largest), are added up.
warm_path : bool, default=False
    Whether the strengths of one axis (the first searched of l1, group_l1, l2, dropout and
    input_dropout) are visited from weak to strong, each starting from the weights of the last,
    on every fold and when refitting; with ``learning_rate="constant"`` the solver's moments go
    on, too.
halving : bool, default=False
    Whether candidates train in rounds: after each, the best third goes on, exactly from where it
    stood, for three times the epochs, up to ``max_iter`` [13]_ [14]_. What "one_se" would choose
    by then goes on with them.
refit : bool, default=True
    Whether the chosen network is fitted on all rows, which predictions need.
""",
    "search_attributes": """
l1_ : float
    The chosen ``l1``; the parameter as given where it was not searched.
l2_ : float
    The chosen ``l2``.
group_l1_ : float
    The chosen ``group_l1``.
dropout_ : float
    The chosen ``dropout``.
input_dropout_ : float
    The chosen ``input_dropout``.
best_params_ : dict
    The chosen values of what was searched.
best_index_ : int
    Their place in ``cv_results_``.
best_score_ : float
    Their mean score over the folds.
cv_results_ : dict of arrays
    The table of `sklearn.model_selection.GridSearchCV`. With ``halving=True`` also "n_epochs",
    what each candidate got; scores are those of its last round, and those who got further rank
    first.
n_splits_ : int
    Number of folds.
best_estimator_ : object
    The chosen network, fitted on all rows. Only with ``refit=True``; so are the attributes below,
    except ``n_features_in_`` and ``feature_names_in_``.
refit_time_ : float
    Seconds that took.
""",
    "notes": """
Candidates are fitted in the order of `sklearn.model_selection.ParameterGrid`, as threads; a
backend chosen with ``joblib.parallel_config`` takes their place. The result is the same to the
bit. Fits on a fold read rows of one array through an index.

A candidate that fails (by diverging, say) scores nan, with a warning that names it. Interrupting
the search keeps what is done: the other candidates score nan. Callbacks of ``sklearn.callback``
are told of every fit; one that asks to stop is heard once a candidate has its scores.

With ``halving=True`` the networks are scored between rounds as they stand, without polish; those
of the last round are what an uninterrupted fit would give.
""",
    "search_references": """
.. [13] Jamieson & Talwalkar (2016). Non-stochastic best arm identification and hyperparameter
   optimization. AISTATS.
.. [14] Li et al. (2017). Hyperband: a novel bandit-based approach to hyperparameter optimization.
   JMLR 18.
""",
}
INSTEAD = {  # of lines that describe the plain estimators: those on the searching ones
    "Most threads inside one fit: -1 is one per core, None what the surroundings leave. It takes":
    "Fits at a time, each in one thread; -1 takes one per core. None fits one at a time, in as",
    "fewer where a mini-batch is too little work. The result is the same, bit for bit.":
    "many threads as the work pays for. The result is the same, bit for bit.",
    "Whether `fit` goes on from the weights and the solver's moments of the last call.":
    "Handed on to ``best_estimator_``; a search begins anew in any case.",
}  # fmt: skip


def searching(Estimator):
    """Fill the parts on the search into a docstring that `documented` has filled."""
    if Estimator.__doc__ is None:
        return Estimator
    score = "R2" if "Regressor" in Estimator.__name__ else "accuracy"
    # From Python 3.13 on docstrings come without their indentation; before, it is taken away here.
    text = inspect.cleandoc(Estimator.__doc__)
    text = text.replace("\nscoring : ", "\nearly_stopping_scoring : ")
    for line, other in INSTEAD.items():
        text = text.replace(line, other)
    for name, part in SEARCH.items():
        text = text.replace(f"<{name}>", part.strip("\n").replace("{score}", score))
    Estimator.__doc__ = text
    return Estimator
