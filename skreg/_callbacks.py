"""The adapter to ``sklearn.callback``, which scikit-learn has from 1.9 on; before, it is silent."""

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:
        """Stand in where there are no callbacks."""


class Watch:
    """The leaf tasks of a fit, announced to its callbacks; without callbacks it does nothing.

    Parameters
    ----------
    estimator : estimator or None
        Its callbacks are called.
    n_tasks : int
        Most leaf tasks that there will be.
    brake : Brake or None
        Ends the fit, too, and is pulled where the user ends it.
    rows : tuple
        X, y and sample_weight as the user gave them, for callbacks that ask for them.
    """

    def __init__(self, estimator, n_tasks, brake=None, rows=(None, None, None)):
        self._estimator, self._root, self._snapshot = estimator, None, None
        self._brake, self._braked = brake, False
        if getattr(estimator, "_skl_callbacks", None):
            X, y, weight = rows
            metadata = None if weight is None else {"sample_weight": weight}
            self._data = {"X": X, "y": y, "metadata": metadata}
            self._root = estimator._init_callback_context(max_subtasks=n_tasks)
            self._root.call_on_fit_task_begin(estimator=estimator, **self._data)

    @property
    def listens(self):
        """Whether anybody is told."""
        return self._root is not None

    def show(self, snapshot):
        """Take a function that returns the fitted attributes as if the fit ended now."""
        if self.listens:  # else nobody would ask, and it would keep a whole fit alive
            self._snapshot = snapshot

    def begin(self, name):
        """Announce that a leaf task begins."""
        if self.listens:
            self._leaf = self._root.subcontext(task_name=name)
            self._leaf.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def end(self):
        """Announce its end; return whether a callback wants to stop, or the brake was pulled."""
        asks = self.listens and self._announce_end(self._leaf)
        self._braked = self._brake is not None and self._brake.pulled
        return asks or self._braked

    def cut_short(self, interrupted):
        """Return whether the fit has not come to its own end.

        Parameters
        ----------
        interrupted : bool
            Whether the user has ended it, which ends all fits with the same brake.
        """
        if interrupted and self._brake is not None:
            self._brake.pulled = True
        return interrupted or self._braked

    def done(self, name):
        """Announce a leaf task that is over; return whether a callback wants to stop."""
        self.begin(name)
        return self.end()

    def close(self):
        """Announce the end of the fit."""
        if self.listens:
            self._announce_end(self._root)

    def _announce_end(self, context):
        return bool(
            context.call_on_fit_task_end(
                estimator=self._estimator, reconstruction_attributes=self._snapshot, **self._data
            )
        )


SILENCE = Watch(None, 0)
