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
from skreg._stopping import Patience

pytestmark = pytest.mark.filterwarnings(
    # SciPy is newer than the oldest scikit-learn.
    "ignore:scipy.optimize. The `disp` and `iprint` options:DeprecationWarning"
)

SKIPPED = {
    "test_gradient": "calls a private method; gradients are tested in test_objective.py",
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

    def __getattr__(self, name):
        if name == "_optimizer":
            return SimpleNamespace(learning_rate=self.history_["learning_rate"][-1])
        if name == "_no_improvement_count":
            patience = Patience(False, self.tol, self.n_iter_no_change)
            for loss in self.loss_curve_:
                patience.observe(loss)
            return patience.count
        raise AttributeError(name)


def adapted(Estimator):
    """Return a subclass with the parameters of the original, ``alpha`` not among them."""

    def __init__(self, *args, **parameters):
        Adapter.__init__(self, *args, **parameters)

    __init__.__signature__ = inspect.signature(Estimator.__init__)
    members = {"__init__": __init__, "__module__": __name__}
    return type(Estimator.__name__, (Adapter, Estimator), members)


MLPClassifier, MLPRegressor = adapted(skreg.MLPClassifier), adapted(skreg.MLPRegressor)


def load_suite():
    """Return the test functions of scikit-learn's MLP, as they see the classes of this package."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    suite = importlib.util.module_from_spec(spec)
    classes = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}
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
