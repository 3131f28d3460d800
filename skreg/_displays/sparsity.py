"""How many weights are left, layer by layer and epoch by epoch."""

import numpy as np

from skreg._displays._axes import (
    check_matplotlib,
    colour,
    label_ends,
    open_axes,
    scale_epochs,
    through,
)
from skreg._displays._unwrap import unwrap
from skreg._displays.loss_curve import best_epoch, mark_best


class SparsityDisplay:
    """The weights that are not zero, one line per layer over the epochs of a fit.

    Counts after each epoch, before polish, of the weights that are trained rather than averaged.

    Parameters
    ----------
    n_nonzero : array-like of shape (n_epochs, n_layers)
        Numbers of weights, biases aside, that are not zero after every epoch.
    n_weights : array-like of shape (n_layers,)
        Numbers of all weights.
    best_epoch : int, default=None
        The epoch, counted from 1, with the best validation score, if its weights were kept.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of matplotlib Line2D
        One per layer.
    labels_ : list of matplotlib Annotation
        Their names, at the right ends of the lines.
    best_line_ : matplotlib Line2D or None
        The mark of the epoch with the best validation score.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skreg import MLPClassifier
    >>> from skreg.inspection import SparsityDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((10,), l1=1e-2, max_iter=20, random_state=0).fit(X, y)
    >>> display = SparsityDisplay.from_estimator(network)
    >>> [label.get_text() for label in display.labels_]
    ['layer 1', 'layer 2']
    """

    def __init__(self, *, n_nonzero, n_weights, best_epoch=None):
        self.n_nonzero = n_nonzero
        self.n_weights = n_weights
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, share=True):
        """Draw the history of a fitted network.

        Parameters
        ----------
        estimator : object
            A fitted network, a pipeline that ends with one, or a fitted search over either.
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.
        share : bool, default=True
            Whether to draw shares of the weights of a layer, or numbers of weights.

        Returns
        -------
        display : SparsityDisplay
            With what was drawn as attributes.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        network = unwrap(estimator, "history_", cls).network
        history, n_layers = network.history_, len(network.coefs_)
        n_nonzero = np.column_stack([history[f"n_nonzero_{k}"] for k in range(n_layers)])
        n_weights = [coef.size for coef in network.coefs_]
        display = cls(n_nonzero=n_nonzero, n_weights=n_weights, best_epoch=best_epoch(network))
        return display.plot(ax, share=share)

    def plot(self, ax=None, *, share=True):
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.
        share : bool, default=True
            Whether to draw shares of the weights of a layer, or numbers of weights.

        Returns
        -------
        display : SparsityDisplay
            This object, with what was drawn as attributes.
        """
        counts = self._check_counts(share)
        ax = open_axes(self, ax)
        heights = counts / np.asarray(self.n_weights) if share else counts
        n_epochs, n_layers = counts.shape
        inks = [colour(place) for place in range(n_layers)]
        self.lines_ = [
            ax.plot(np.arange(1, n_epochs + 1), column, through(n_epochs), color=ink)[0]
            for column, ink in zip(heights.T, inks, strict=True)
        ]
        scale_epochs(ax)
        ax.set(ylabel="nonzero weights", ylim=(0, 1.04 * max(heights.max(), 1)))
        if share:
            ax.yaxis.set_major_formatter(lambda value, place: f"{value:.0%}")
        ticks = [tick for tick in ax.get_xticks() if 0 <= tick <= n_epochs]
        labels = [(f"layer {place + 1}", ink) for place, ink in enumerate(inks)]
        self.labels_ = label_ends(ax, n_epochs, heights[-1], labels, "right")
        ax.set_xticks(ticks)
        self.best_line_ = None if self.best_epoch is None else mark_best(ax, self.best_epoch)
        return self

    def _check_counts(self, share):
        counts = np.asarray(self.n_nonzero)
        if counts.size == 0:
            raise ValueError("There is no epoch to draw: the history is empty.")
        if share and np.any(counts > np.asarray(self.n_weights)):
            raise ValueError(
                "share=True needs the layers that were trained, but the history counts more "
                "weights than there are, as after compress(); draw the network that was "
                "compressed, or choose share=False."
            )
        return counts
