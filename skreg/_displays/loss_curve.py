"""The loss of a fit, epoch by epoch."""

import numpy as np

from skreg._displays._axes import (
    BLACK,
    check_matplotlib,
    colour,
    draw_legend,
    mark,
    open_axes,
    scale_epochs,
    through,
)
from skreg._displays._unwrap import unwrap
from skreg._penalties import TERMS

BELOW_LINES = 1.9  # a zorder: an edge above a thin area would hide the line of the loss


class LossCurveDisplay:
    """The training loss of every epoch, penalties stacked on top of it, and the validation loss.

    The upper edge of the stack is the objective that is minimized. The training loss is measured
    in training, with dropout and augmentation, the validation loss without.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,)
        The data term of the objective.
    penalties : dict of array-like of shape (n_epochs,), default=None
        Values of the penalties by their names; those that are zero throughout are not drawn.
    validation_loss : array-like of shape (n_epochs,), default=None
        Loss of the validation rows; not drawn where it is NaN throughout.
    best_epoch : int, default=None
        The epoch, counted from 1, with the best validation score. Its weights are kept when a fit
        ends; after a `partial_fit` that did not end the training they are not, and nothing is
        marked.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    line_ : matplotlib Line2D
        The training loss.
    areas_ : dict of matplotlib PolyCollection
        The penalties by their names, the lowest first.
    validation_line_ : matplotlib Line2D or None
        The validation loss.
    best_line_ : matplotlib Line2D or None
        The mark of the epoch with the best validation score.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skreg import MLPClassifier
    >>> from skreg.inspection import LossCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((10,), l1=1e-2, max_iter=20, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(network)
    >>> list(display.areas_)
    ['l1', 'l2']
    """

    def __init__(self, *, loss, penalties=None, validation_loss=None, best_epoch=None):
        self.loss = loss
        self.penalties = penalties
        self.validation_loss = validation_loss
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, log_scale=False):
        """Draw the history of a fitted network.

        Parameters
        ----------
        estimator : object
            A fitted network, a pipeline that ends with one, or a fitted search over either.
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.
        log_scale : bool, default=False
            Whether the loss has a logarithmic axis.

        Returns
        -------
        display : LossCurveDisplay
            With what was drawn as attributes.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        network = unwrap(estimator, "history_", cls).network
        history = network.history_
        display = cls(
            loss=history["loss"],
            penalties={name: history[name] for name in TERMS},
            validation_loss=history["validation_loss"],
            best_epoch=best_epoch(network),
        )
        return display.plot(ax, log_scale=log_scale)

    def plot(self, ax=None, *, log_scale=False):
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.
        log_scale : bool, default=False
            Whether the loss has a logarithmic axis, which stretches areas near the bottom.

        Returns
        -------
        display : LossCurveDisplay
            This object, with what was drawn as attributes.
        """
        loss = np.asarray(self.loss, dtype=np.float64)
        if loss.size == 0:
            raise ValueError("There is no epoch to draw: the history is empty.")
        self._check_scale(log_scale)
        ax = open_axes(self, ax)
        epochs = np.arange(1, loss.size + 1)
        scale_epochs(ax)
        ax.set_ylabel("loss")
        ax.set_yscale("log" if log_scale else "linear")
        style = through(loss.size)
        (self.line_,) = ax.plot(epochs, loss, style, color=colour(0), label="training loss")
        self.areas_ = self._stack(ax, epochs, loss)
        self.validation_line_ = self.best_line_ = None
        if is_there(self.validation_loss):
            style = through(loss.size, "--")
            (self.validation_line_,) = ax.plot(
                epochs, self.validation_loss, style, color=BLACK, label="validation loss"
            )
        if self.best_epoch is not None:
            self.best_line_ = mark_best(ax, self.best_epoch)
        draw_legend(ax)
        return self

    def _check_scale(self, log_scale):
        validation = [] if self.validation_loss is None else self.validation_loss
        smallest = np.nanmin(np.concatenate([self.loss, validation]))
        if log_scale and smallest <= 0:
            raise ValueError(
                f"log_scale=True needs positive losses, but the smallest is {smallest:g}; "
                "choose log_scale=False."
            )

    def _stack(self, ax, epochs, below):
        """Draw the penalties on top of the loss, each with a line along its upper edge."""
        areas = {}
        for name, values in (self.penalties or {}).items():
            if not is_there(values):
                continue
            ink, above = colour(len(areas) + 1), below + np.asarray(values)
            areas[name] = ax.fill_between(
                epochs, below, above, color=ink, alpha=0.35, linewidth=0,
                label=f"+ {name.replace('_', ' ')} penalty",
            )  # fmt: skip
            # Legends avoid lines, not areas.
            style = through(epochs.size)
            ax.plot(epochs, above, style, color=ink, linewidth=0.8, zorder=BELOW_LINES)
            below = above
        return areas


def is_there(values):
    """Return whether a column of a history holds anything: not zero or NaN throughout."""
    return values is not None and bool(np.nan_to_num(np.asarray(values, np.float64)).any())


def mark_best(ax, epoch):
    """Mark the epoch with the best validation score."""
    return mark(ax, epoch, f"best score, epoch {epoch}")


def best_epoch(network):
    """Return the epoch, counted from 1, of the best validation score, whose weights were kept.

    None if no score was watched, or if `partial_fit` goes on from the weights of its last epoch.
    The history goes on where a warm start trains again, and scores of an earlier fit are not
    compared with those of the last one.
    """
    best = getattr(network, "best_validation_score_", None)
    state = getattr(network, "_solver_state", None)
    if best is None or (state and state["incremental"] and not network.stopped_early_):
        return None
    scores = network.history_["validation_score"]
    first = max(0, len(scores) - network.n_iter_)
    scores = scores[first:]
    # The polish, after the epochs, may have raised the best of them.
    if not np.isfinite(scores).any() or np.nanmax(scores) > best:
        return None
    return first + int(np.nanargmax(scores)) + 1
