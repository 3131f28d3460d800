"""scikit-learn's common checks of estimators, for the defaults and for what changes the training.

No check is expected to fail, and the tags that would soften checks stay unset.
"""

import pytest
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

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

# A few checks fit for max_iter=1 or on ten rows, where training says that it has not converged, or
# ask for more validation rows per class than there are.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def expected_failures(estimator):
    """Return the checks that cannot hold for the configuration of an estimator, and why."""
    return {}


@parametrize_with_checks([Estimator() for Estimator in ESTIMATORS])
def test_defaults(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [Estimator(**parameters) for parameters in CONFIGURATIONS for Estimator in ESTIMATORS],
    expected_failed_checks=expected_failures,
)
def test_configurations(estimator, check):
    check(estimator)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_no_tag_softens_the_checks(Estimator):
    tags = get_tags(Estimator())
    scores = tags.classifier_tags or tags.regressor_tags
    assert not scores.poor_score
    assert not tags.non_deterministic
