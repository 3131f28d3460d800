"""What happens along the strengths of a regularizer: weights and scores."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skreg._displays._axes import (
    BLACK,
    LIGHT_GREY,
    check_matplotlib,
    colour,
    dashes,
    label_ends,
    mark,
    open_axes,
    scale_strengths,
    through,
)
from skreg._displays._searches import along_axis
from skreg._displays._unwrap import search_inside
from skreg._path import MLPPath
from skreg._search import standard_error

N_NAMED = 6  # curves in colour, with a name: as many as there are colours


class RegularizationPathDisplay:
    """Weights against the strength of a regularizer, or scores, or both on two axes.

    Parameters
    ----------
    axis : str
        The parameter whose strength changes.
    strengths : array-like of shape (n_strengths,)
        In ascending order.
    values : array-like of shape (n_strengths, n_curves), default=None
        Weights or norms of weights; None draws scores only.
    names : list of str, default=None
        Names of the curves; of the largest at the weakest strength they are drawn.
    kind : {"features", "weights"}, default="features"
        What the curves are.
    scores : array-like of shape (n_strengths,), default=None
        The higher the better.
    score_errors : array-like of shape (n_strengths,), default=None
        Standard errors of the scores, drawn as a band.
    score_name : str, default="validation score"
        What the scores are.
    chosen : float, default=None
        The strength to mark.
    note : str, default=None
        What else to say below the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    score_ax_ : matplotlib Axes or None
        The axes of the scores: a second one on the right, or ``ax_`` where there are no curves.
    lines_ : list of matplotlib Line2D
        The curves in the order of ``values``.
    labels_ : list of matplotlib Annotation
        Names of curves.
    score_line_ : matplotlib Line2D or None
        The scores.
    score_band_ : matplotlib PolyCollection or None
        One standard error to both sides.
    chosen_line_ : matplotlib Line2D or None
        The mark of the chosen strength.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skreg import mlp_path
    >>> from skreg.inspection import RegularizationPathDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = mlp_path(scale(X), scale(y), l1s=[0.05, 0.1, 0.2, 0.4], hidden_layer_sizes=())
    >>> display = RegularizationPathDisplay.from_path(path)
    >>> len(display.lines_)
    10
    """

    def __init__(self, *, axis, strengths, values=None, names=None, kind="features", scores=None,
                 score_errors=None, score_name="validation score", chosen=None,
                 note=None):  # fmt: skip
        self.axis = axis
        self.strengths = strengths
        self.values = values
        self.names = names
        self.kind = kind
        self.scores = scores
        self.score_errors = score_errors
        self.score_name = score_name
        self.chosen = chosen
        self.note = note

    @classmethod
    def from_path(cls, path, *, kind="features", feature_names=None, n_named=N_NAMED, ax=None):
        """Draw a path of `mlp_path`.

        Parameters
        ----------
        path : MLPPath
            As returned by `mlp_path`.
        kind : {"features", "weights"}, default="features"
            Whether to draw one norm per feature, that of its weights in the first layer, or all
            those weights.
        feature_names : array-like of str of shape (n_features,), default=None
            Names of the features; None numbers them.
        n_named : int, default=6
            How many curves, the largest at the weakest strength, have a name and a colour; after
            six colours the style of the lines changes.
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : RegularizationPathDisplay
            With what was drawn as attributes.
        """
        check_matplotlib(f"{cls.__name__}.from_path")
        if not isinstance(path, MLPPath):
            raise TypeError(
                f"{cls.__name__}.from_path draws what mlp_path returns, but got "
                f"{type(path).__name__}; a fitted search goes to from_estimator."
            )
        if kind not in ("features", "weights"):
            raise ValueError(f"kind={kind!r} is unknown; choose 'features' or 'weights'.")
        first = np.array([coefs[0] for coefs in path.coefs], dtype=np.float64)
        names = _curve_names(first.shape[1:], kind, feature_names)
        values = np.linalg.norm(first, axis=2) if kind == "features" else first
        scores = np.asarray(path.validation_score, dtype=np.float64)
        has_scores = bool(np.isfinite(scores).any())
        display = cls(
            axis=path.axis,
            strengths=path.strengths,
            values=values.reshape(len(first), -1),
            names=names,
            kind=kind,
            scores=scores if has_scores else None,
            chosen=_best_strength(path.strengths, scores) if has_scores else None,
        )
        return display.plot(ax, n_named=n_named)

    @classmethod
    def from_estimator(cls, search, *, axis=None, ax=None):
        """Draw the scores of a fitted search along one of its axes.

        Parameters
        ----------
        search : MLPClassifierCV or MLPRegressorCV
            Fitted, or a fitted pipeline that ends with it, or a regressor with transformed targets
            around it. Another search with ``cv_results_`` and ``best_params_`` will do as well,
            such as `sklearn.model_selection.GridSearchCV`. Where it halves, candidates that were
            dropped have the score of fewer epochs or rows, which is written below the axis.
        axis : str, default=None
            The parameter whose strength changes, "l1" for example; the others are held at their
            chosen values. None takes the one that has most numbers for values.
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : RegularizationPathDisplay
            With what was drawn as attributes.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        if isinstance(search, MLPPath):
            raise TypeError(
                f"{cls.__name__}.from_estimator draws a fitted search, but got an MLPPath; what "
                "mlp_path returns goes to from_path."
            )
        search = search_inside(search)
        if not hasattr(search, "cv_results_"):
            check_is_fitted(search)
            raise ValueError(
                f"{cls.__name__}.from_estimator draws a search, but {type(search).__name__} has no "
                "cv_results_; give a fitted MLPClassifierCV or MLPRegressorCV, or a path of "
                "mlp_path to from_path."
            )
        found = along_axis(search, axis)
        display = cls(
            axis=found.name.rpartition("__")[2],
            strengths=found.strengths,
            scores=found.scores.mean(axis=1),
            score_errors=np.array([standard_error(row) for row in found.scores]),
            score_name=f"mean test {found.metric}",
            chosen=search.best_params_[found.name],
            note=found.note,
        )
        return display.plot(ax)

    def plot(self, ax=None, *, n_named=N_NAMED):
        """Draw the curves and the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.
        n_named : int, default=6
            How many curves, the largest at the weakest strength, have a name and a colour; after
            six colours the style of the lines changes.

        Returns
        -------
        display : RegularizationPathDisplay
            This object, with what was drawn as attributes.
        """
        ax = open_axes(self, ax)
        scale_strengths(ax, self.strengths)
        ax.set_xlabel(self.axis)
        self.lines_, self.labels_ = [], []
        self.score_ax_ = self.score_line_ = self.score_band_ = self.chosen_line_ = None
        if self.values is not None:
            self._draw_curves(ax, n_named)
        if self.scores is not None:
            self._draw_scores(ax)
        if self.chosen is not None:
            self.chosen_line_ = mark(ax, self.chosen, f"chosen, {self.chosen:.3g}")
        if self.note is not None:
            ax.set_xlabel(f"{ax.get_xlabel()}\n({self.note})")
        return self

    def _draw_curves(self, ax, n_named):
        """Draw all curves in grey, then the largest at the weak end in colour, with a name."""
        values = np.asarray(self.values)
        named = np.argsort(-np.abs(values[0]), kind="stable")[:n_named]
        named = named[values[0, named] != 0]
        inks = {place: colour(rank) for rank, place in enumerate(named)}
        styles = {place: through(len(values), dashes(rank)) for rank, place in enumerate(named)}
        thin, plain = {"color": LIGHT_GREY, "linewidth": 0.8}, through(len(values))
        self.lines_ = [
            ax.plot(self.strengths, curve, styles.get(place, plain), markersize=4,
                    **({"color": inks[place], "zorder": 2.5} if place in inks else thin))[0]
            for place, curve in enumerate(values.T)
        ]  # fmt: skip
        ax.set_ylabel("norm of a feature's weights" if self.kind == "features" else "weight")
        if self.kind == "features":
            ax.set_ylim(0, None)
        if self.names is not None and named.size:
            labels = [(self.names[place], ink) for place, ink in inks.items()]
            self.labels_ = label_ends(ax, self.strengths[0], values[0, named], labels, "left")

    def _draw_scores(self, ax):
        """Draw the scores, on a second axis where there are curves."""
        alone = self.values is None
        ink, style = (colour(0), "o-") if alone else (BLACK, "o--")
        self.score_ax_ = ax if alone else ax.twinx()
        scores = np.asarray(self.scores)
        (self.score_line_,) = self.score_ax_.plot(
            self.strengths, scores, style, color=ink, markersize=4, linewidth=1.2
        )
        if self.score_errors is not None:
            errors = np.asarray(self.score_errors)
            self.score_band_ = self.score_ax_.fill_between(
                self.strengths, scores - errors, scores + errors, color=ink, alpha=0.2, linewidth=0
            )
        how = "" if self.score_errors is None else "\n± standard error"
        how += "" if alone else " (dashed)"
        self.score_ax_.set_ylabel(self.score_name + how)


def _curve_names(shape, kind, feature_names):
    """Return a name for every curve."""
    n_features, n_units = shape
    names = [f"x{place}" for place in range(n_features)]
    if feature_names is not None:
        names = [str(name) for name in feature_names]
    if len(names) != n_features:
        raise ValueError(
            f"feature_names has {len(names)} names, but the path has {n_features} features; give "
            "one for each."
        )
    if kind == "features" or n_units == 1:
        return names
    return [f"{name}, unit {unit}" for name in names for unit in range(n_units)]


def _best_strength(strengths, scores):
    """Return the largest of the strengths with the best score."""
    return float(np.max(np.asarray(strengths)[scores == np.nanmax(scores)]))
