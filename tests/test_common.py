"""scikit-learn's common checks of estimators, for the defaults and for what changes the training.

With the default arguments no check is expected to fail, and the tags that would soften checks stay
unset.
"""

import pytest
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

from skreg import MLPClassifier, MLPRegressor

ESTIMATORS = (MLPClassifier, MLPRegressor)
CONFIGURATIONS = (
    {"solver": "sgd"},
    {"solver": "lbfgs"},
    {"dropout": 0.3},
    {"l1": 0.01},
    {"early_stopping": True},
    {"hidden_layer_sizes": ()},
)

# Some checks fit for an epoch or two, where training says that it has not converged.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def expected_failures(estimator):
    """Return the checks that cannot hold for the configuration of an estimator, and why."""
    return {}


def checks_of(estimators):
    """Return pairs of an estimator and a check, each named."""
    return [
        pytest.param(estimator, check, id=f"{estimator}-{_name(check)}")
        for original in estimators
        for estimator, check in estimator_checks_generator(
            original, expected_failed_checks=expected_failures(original), mark="skip"
        )
    ]


def _name(check):
    check = getattr(check, "args", (check,))[0] if hasattr(check, "mark") else check
    keywords = ",".join(f"{k}={v}" for k, v in getattr(check, "keywords", {}).items())
    return f"{getattr(check, 'func', check).__name__}({keywords})"


@pytest.mark.parametrize("estimator, check", checks_of([Estimator() for Estimator in ESTIMATORS]))
def test_defaults(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator, check",
    checks_of([Estimator(**given) for given in CONFIGURATIONS for Estimator in ESTIMATORS]),
)
def test_configurations(estimator, check):
    check(estimator)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_no_tag_softens_the_checks(Estimator):
    tags = get_tags(Estimator())
    scores = tags.classifier_tags or tags.regressor_tags
    assert not scores.poor_score
    assert not tags.non_deterministic
