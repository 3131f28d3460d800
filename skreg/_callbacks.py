"""The adapter to ``sklearn.callback``, which scikit-learn has from 1.9 on; before, it is silent."""

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:
        """Stand in where there are no callbacks."""


class Watch:
    """The leaf tasks of a fit, announced to its callbacks.

    Parameters
    ----------
    estimator : estimator
        Its callbacks are called.
    n_tasks : int
        Most leaf tasks that there will be.
    """

    def __init__(self, estimator, n_tasks):
        self._estimator, self._root = estimator, None
        if hasattr(estimator, "_init_callback_context"):
            self._root = estimator._init_callback_context(max_subtasks=n_tasks)
            self._root.call_on_fit_task_begin(estimator=estimator)

    def done(self, name):
        """Announce a leaf task; return whether a callback wants to stop."""
        if self._root is None:
            return False
        leaf = self._root.subcontext(task_name=name)
        leaf.call_on_fit_task_begin(estimator=self._estimator)
        return bool(leaf.call_on_fit_task_end(estimator=self._estimator))

    def close(self):
        """Announce the end of the fit."""
        if self._root is not None:
            self._root.call_on_fit_task_end(estimator=self._estimator)
