"""scikit-learn's own tests of its MLP, run against this package's classes.

The test module is loaded anew with both classes replaced by subclasses that take ``alpha``. What
can't be asked of another implementation is skipped by name.
"""

import importlib.util
import inspect
from types import SimpleNamespace
from unittest import mock

import pytest

import skreg

SKIPPED = {
    "test_gradient": "calls a private method; gradients are tested in test_gradients.py",
    "test_learning_rate_warmstart": "reads the rate after the last epoch, which is kept nowhere",
    "test_early_stopping_stratified": "wants an error where a warning and a plain split follow",
}


class Adapter:
    """Takes scikit-learn's ``alpha`` and shows two of its private attributes."""

    def __init__(self, *args, alpha=0.0001, **parameters):
        super().__init__(*args, **parameters)
        self.alpha = alpha

    def _fit(self, rows, *args):
        n_samples = len(rows[1])
        batch_size = 200 if self.batch_size == "auto" else self.batch_size
        # Their penalty is divided by the size of the batch, which for lbfgs holds all rows.
        batch_size = n_samples if self.solver == "lbfgs" else min(batch_size, n_samples)
        self.l2 = self.alpha / batch_size
        return super()._fit(rows, *args)

    @property
    def _no_improvement_count(self):
        return self._progress_state["count"]

    @property
    def _optimizer(self):
        return SimpleNamespace(learning_rate=self.history_["learning_rate"][-1])


def adapted(Estimator):
    """Return a subclass with the parameters of the original, ``alpha`` not among them."""

    def __init__(self, *args, **parameters):
        Adapter.__init__(self, *args, **parameters)

    __init__.__signature__ = inspect.signature(Estimator.__init__)
    return type(Estimator.__name__, (Adapter, Estimator), {"__init__": __init__})


def load_suite():
    """Return the test functions of scikit-learn's MLP, as they see the classes of this package."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    suite = importlib.util.module_from_spec(spec)
    classes = {name: adapted(getattr(skreg, name)) for name in ("MLPClassifier", "MLPRegressor")}
    with mock.patch.multiple("sklearn.neural_network", **classes):
        spec.loader.exec_module(suite)
    tests = {name: test for name, test in vars(suite).items() if name.startswith("test_")}
    for name, reason in SKIPPED.items():
        pytest.mark.skip(reason=reason)(tests[name])
    return tests


@pytest.fixture
def global_random_seed():
    """Stand in for the fixture of scikit-learn's test runs."""
    return 42


globals().update(load_suite())
