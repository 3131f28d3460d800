"""How sure a network is: bands of predictions with units dropped, along one feature."""

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_classifier

from skreg._displays._axes import (
    GREY,
    check_matplotlib,
    colour,
    draw_legend_above,
    open_axes,
    shown,
)
from skreg._displays._unwrap import unwrap
from skreg._parameters import is_integer

N_GRID = 200
OTHERS = "\n(other features at their medians)"
LIGHTEST, DARKEST = 0.18, 0.42  # opacity of the widest and of the narrowest band


class UncertaintyDisplay:
    """Bands that hold a share of the draws of Monte-Carlo dropout, along one feature.

    The bands show what the network does not know (Gal & Ghahramani 2016, "Dropout as a Bayesian
    approximation", ICML), for a row whose other features are at their medians. Points are the
    rows as they are: the noise of their targets and their other features put many of them outside.

    Parameters
    ----------
    grid : array-like of shape (n_grid,)
        Values of the feature, in ascending order.
    draws : array-like of shape (n_draws, n_grid)
        Predictions with units dropped.
    coverage : tuple of float, default=(0.5, 0.95)
        Shares of the draws between the limits of the bands, in (0, 1].
    points : tuple of two arrays of shape (n_samples,), default=None
        The feature and the target of rows to draw.
    feature_name : str, default="x0"
        Label of the x axis.
    target_name : str, default="prediction"
        Label of the y axis.
    others_fixed : bool, default=False
        Whether to say below the axis that other features stay at their medians.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    line_ : matplotlib Line2D
        Mean of the draws.
    bands_ : list of matplotlib PolyCollection
        One per coverage, the widest first.
    points_ : matplotlib PathCollection or None
        The rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg import MLPRegressor
    >>> from skreg.inspection import UncertaintyDisplay
    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> y = X[:, 0] ** 2
    >>> network = MLPRegressor((64,), dropout=0.1, max_iter=100, random_state=0).fit(X, y)
    >>> display = UncertaintyDisplay.from_estimator(network, X, y=y, random_state=0)
    >>> display.draws.shape
    (500, 200)
    """

    def __init__(self, *, grid, draws, coverage=(0.5, 0.95), points=None, feature_name="x0",
                 target_name="prediction", others_fixed=False):  # fmt: skip
        self.grid = grid
        self.draws = draws
        self.coverage = coverage
        self.points = points
        self.feature_name = feature_name
        self.target_name = target_name
        self.others_fixed = others_fixed

    @classmethod
    def from_estimator(cls, estimator, X, *, feature=0, y=None, grid=None, target=None,
                       n_draws=500, coverage=(0.5, 0.95), random_state=None,
                       ax=None):  # fmt: skip
        """Draw predictions along a feature and how far they lie apart.

        Parameters
        ----------
        estimator : object
            A fitted network with dropout, a pipeline that ends with one, or a fitted search.
        X : {array-like, data frame} of shape (n_samples, n_features) or (n_samples,)
            Rows; the other features stay at their medians (the most frequent value of what is
            not a number). One dimension is taken for the values of a single feature.
        feature : int or str, default=0
            The feature to vary: a column, or its name where X is a data frame.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets of ``X``, to be drawn as points; of a class, whether a row has its label.
        grid : array-like of shape (n_grid,), default=None
            Values of the feature; None takes 200 from the smallest to the largest of ``X``.
        target : int or label, default=None
            What is predicted: an output of a regressor, by default the first, or the probability
            of a class, by default the second of two.
        n_draws : int, default=500
            Draws of every prediction. Each has units of its own dropped, so bands of few draws are
            ragged.
        coverage : float or tuple of float, default=(0.5, 0.95)
            Shares of the draws between the limits of the bands, in (0, 1].
        random_state : int, RandomState instance or None, default=None
            Seeds the draws; None takes that of the network.
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : UncertaintyDisplay
            With what was drawn as attributes.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        inside = unwrap(estimator, "sample_predictions", cls)
        network = inside.network
        column, target_name = _target(network, target)
        X, feature, name = _feature(X, feature)
        values = _column(X, feature, name)
        grid = _grid(values, grid)
        y = None if y is None else _check_targets(network, y, len(values))
        draws = _draws(inside, _rows_along(X, feature, grid), n_draws, random_state)
        points = None if y is None else (values, _observed(network, y, column, draws.shape[-1]))
        coverage = (coverage,) if np.isscalar(coverage) else tuple(coverage)
        display = cls(
            grid=grid, draws=draws[..., column], coverage=coverage, points=points,
            feature_name=name, target_name=target_name, others_fixed=X.shape[1] > 1,
        )  # fmt: skip
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw the bands.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : UncertaintyDisplay
            This object, with what was drawn as attributes.
        """
        shares = self._check_coverage()
        ax = open_axes(self, ax)
        draws, self.points_ = np.asarray(self.draws), None
        if self.points is not None:
            self.points_ = ax.scatter(
                *self.points, s=10, color=GREY, alpha=0.6, linewidth=0, label="data"
            )
        opacity = np.linspace(LIGHTEST, DARKEST, len(shares)) if len(shares) > 1 else [LIGHTEST]
        self.bands_ = [
            ax.fill_between(
                self.grid, *np.quantile(draws, [(1 - share) / 2, (1 + share) / 2], axis=0),
                color=colour(0), alpha=alpha, linewidth=0, label=f"{share:.0%} of the draws",
            )
            for share, alpha in zip(shares, opacity, strict=True)
        ]  # fmt: skip
        mean = draws.mean(axis=0)
        (self.line_,) = ax.plot(self.grid, mean, color=colour(0), label="mean")
        xlabel = shown(self.feature_name) + (OTHERS if self.others_fixed else "")
        ax.set(xlabel=xlabel, ylabel=self.target_name)
        draw_legend_above(ax)
        return self

    def _check_coverage(self):
        """Return the shares, the widest first."""
        shares = sorted(self.coverage, reverse=True)
        if not shares or not 0 < shares[-1] <= shares[0] <= 1:
            raise ValueError(f"coverage={self.coverage!r} is not in (0, 1]; try (0.5, 0.95).")
        return shares


def _draws(inside, rows, n_draws, random_state):
    """Return draws (n_draws, n_rows, n_outputs) on the scale of the user's targets."""
    for transformer in inside.transformers:
        rows = transformer.transform(rows)
    draws = inside.network.sample_predictions(rows, n_draws, random_state)
    for transformer in reversed(inside.target_transformers):
        flat = transformer.inverse_transform(draws.reshape(-1, draws.shape[-1]))
        draws = flat.reshape(*draws.shape[:2], -1)
    return draws


def _target(network, target):
    """Return the column of the draws and what to call it."""
    if not is_classifier(network):
        column = 0 if target is None else target
        if not (is_integer(column) and -network.n_outputs_ <= column < network.n_outputs_):
            raise ValueError(
                f"target={target!r} is not an output of the network, which has "
                f"{network.n_outputs_}; give its number, from 0 on, or None for the first."
            )
        return column, "prediction" if network.n_outputs_ == 1 else f"prediction of output {column}"
    classes = network.classes_.tolist()
    if target is None and len(classes) == 2:
        target = classes[1]
    if target is None:
        raise ValueError(f"There are {len(classes)} classes; give target=, one of {classes}.")
    if target not in classes:
        raise ValueError(f"target={target!r} is not a class; choose one of {classes}.")
    return classes.index(target), f"probability of {target}"


def _feature(X, feature):
    """Return rows of two dimensions, the place of a feature and its name."""
    if sp.issparse(X):
        raise ValueError("X is sparse; give dense rows, X.toarray() for example.")
    if hasattr(X, "to_frame"):  # a series
        X = X.to_frame()
    if hasattr(X, "columns"):
        names = list(X.columns)
    else:
        X = np.asarray(X)
        X = X.reshape(-1, 1) if X.ndim == 1 else X
        names = [f"x{place}" for place in range(X.shape[1])]
    place = names.index(feature) if feature in names else feature
    if not (is_integer(place) and 0 <= place < len(names)):
        raise ValueError(
            f"feature={feature!r} is not a column of X; give its number, from 0 to "
            f"{len(names) - 1}, or one of {names}."
        )
    return X, place, names[place]


def _column(X, place, name):
    """Return a column as numbers."""
    column = np.asarray(X.iloc[:, place] if hasattr(X, "iloc") else X[:, place])
    try:
        if column.dtype.kind in "mM":  # counts of nanoseconds, which nobody means
            raise TypeError
        return column.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"feature={name!r} is a column of X that does not hold numbers, such as {column[0]!r}; "
            "choose a column of numbers."
        ) from None


def _grid(values, given):
    """Return the values of the feature to predict at, in ascending order."""
    if given is None:
        if not np.isfinite(values).all():
            raise ValueError("The feature has NaN or infinite values; give the grid to draw.")
        return np.linspace(values.min(), values.max(), N_GRID)
    grid = np.asarray(given)
    if grid.ndim != 1 or grid.size < 2 or grid.dtype.kind not in "iuf":
        raise ValueError(
            f"grid={given!r} is not a list of two numbers or more; give the values of the feature "
            "to predict at, or None."
        )
    return np.sort(grid)


def _rows_along(X, place, grid):
    """Return typical rows that differ in one feature, of the kind that X is."""
    if not hasattr(X, "columns"):
        rows = np.tile(_medians(X), (len(grid), 1))
        rows[:, place] = grid
        return rows
    if not hasattr(X, "iloc"):
        return _polars_rows(X, place, grid)
    first = np.zeros(len(grid), dtype=int)
    rows = X.iloc[first].reset_index(drop=True)
    for name, column in X.items():
        is_number = column.dtype.kind in "iuf"
        rows[name] = column.median() if is_number else column.mode().iloc[first].array
    rows[X.columns[place]] = grid
    return rows


def _polars_rows(X, place, grid):
    """Do what `_rows_along` does for a frame of polars."""
    rows = {}
    for column in X.iter_columns():
        is_number = column.dtype.is_numeric()
        value = column.median() if is_number else column.drop_nulls().mode().sort()[0]
        kind = None if is_number else column.dtype
        rows[column.name] = type(column)([value] * len(grid), dtype=kind)
    return type(X)(rows | {X.columns[place]: grid})


def _medians(X):
    try:
        return np.median(X.astype(np.float64, copy=False), axis=0)
    except (TypeError, ValueError):
        raise ValueError(
            "X has columns that do not hold numbers; give a data frame, which knows their kinds."
        ) from None


def _check_targets(network, y, n_rows):
    """Return targets of all rows, labels that the network knows."""
    y = np.asarray(y)
    if y.ndim == 0 or len(y) != n_rows:
        n_given = 1 if y.ndim == 0 else len(y)
        raise ValueError(f"y has {n_given} rows and X has {n_rows}; give one target for each.")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if is_classifier(network) and y.ndim == 1:
        known = network.classes_.tolist()
        strange = [label for label in dict.fromkeys(y.tolist()) if label not in known]
        if strange:
            raise ValueError(
                f"y has labels that the network does not know, such as {strange[0]!r}; give "
                f"labels out of {known}."
            )
    return y


def _observed(network, y, column, n_outputs):
    """Return what the points show: targets, or whether a row is of the class."""
    if is_classifier(network) and y.ndim == 1:
        return (y == network.classes_[column]).astype(np.float64)
    n_given = 1 if y.ndim == 1 else y.shape[1]
    if n_given != n_outputs:
        raise ValueError(f"y has {n_given} columns and the network {n_outputs} outputs; give all.")
    return y.reshape(len(y), -1)[:, column]
