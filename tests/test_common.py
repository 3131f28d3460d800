"""scikit-learn's common checks of estimators, for the defaults and for what changes the training.

With the default arguments no check is expected to fail, and the tags that would soften checks stay
unset.
"""

import pytest
from sklearn.base import is_regressor
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
# Others have too few rows for validation rows of every class.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The validation split is not stratified:UserWarning"),
]

WEIGHTS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
# Checks that cannot hold for a configuration, and why.
OF_DROPOUT = dict.fromkeys(
    WEIGHTS, "every repetition of a row draws dropout of its own, a row of weight two draws once"
)
WITHOUT_VALIDATION_ROWS = "partial_fit needs a validation set with early_stopping=True"
TEN_ROWS = "of ten rows validation_fraction=0.1 leaves one to validate on; two are asked for"
OF_EARLY_STOPPING = {
    **dict.fromkeys(WEIGHTS, "a repeated row may stand on both sides of the validation split"),
    "check_fit_score_takes_y": WITHOUT_VALIDATION_ROWS,
    "check_n_features_in_after_fitting": WITHOUT_VALIDATION_ROWS,
    "check_estimators_nan_inf": WITHOUT_VALIDATION_ROWS,
    "check_estimators_partial_fit_n_features": WITHOUT_VALIDATION_ROWS,
    "check_fit2d_1feature": TEN_ROWS,
}
OF_EARLY_STOPPING_CLASSIFIERS = {
    "check_classifiers_one_label": TEN_ROWS,
    "check_classifiers_one_label_sample_weights": TEN_ROWS,
    "check_class_weight_classifiers": "the few heavy validation rows are right after an epoch",
}
OF_EARLY_STOPPING_REGRESSORS = {"check_regressors_no_decision_function": TEN_ROWS}
SLOW = "200 epochs at the default learning rate end before a linear model has converged"
OF_LINEAR_CLASSIFIERS = {"check_classifiers_train": SLOW, "check_class_weight_classifiers": SLOW}
OF_LINEAR_REGRESSORS = {"check_regressors_train": SLOW}
OF_LBFGS_REGRESSORS = dict.fromkeys(
    WEIGHTS, "where L-BFGS ends is decided by rounding: 3e-9 apart, the check allows 1e-9"
)
OF_LBFGS_CLASSIFIERS = {
    "check_classifiers_multilabel_output_format_predict_proba": (
        "L-BFGS fits these rows so well that some probabilities round to 1"
    )
}


def expected_failures(estimator):
    """Return the checks that cannot hold for the configuration of an estimator, and why."""
    regressor = is_regressor(estimator)
    if estimator.dropout > 0:
        return OF_DROPOUT
    if estimator.early_stopping:
        own = OF_EARLY_STOPPING_REGRESSORS if regressor else OF_EARLY_STOPPING_CLASSIFIERS
        return OF_EARLY_STOPPING | own
    if estimator.hidden_layer_sizes == ():
        return OF_LINEAR_REGRESSORS if regressor else OF_LINEAR_CLASSIFIERS
    if estimator.solver == "lbfgs":
        return OF_LBFGS_REGRESSORS if regressor else OF_LBFGS_CLASSIFIERS
    return {}


def checks_of(estimators, failures=lambda estimator: {}):
    """Return an estimator and a check each, named, those that cannot hold marked."""
    params = []
    for original in estimators:
        expected = failures(original)
        for estimator, check in estimator_checks_generator(original):
            name = check.func.func.__name__ if hasattr(check.func, "func") else check.func.__name__
            marks = pytest.mark.xfail(reason=expected[name]) if name in expected else ()
            details = ",".join(f"{key}={value}" for key, value in check.keywords.items())
            params.append(
                pytest.param(estimator, check, marks=marks, id=f"{estimator}-{name}({details})")
            )
    return params


@pytest.mark.parametrize("estimator, check", checks_of([Estimator() for Estimator in ESTIMATORS]))
def test_defaults(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator, check",
    checks_of(
        [Estimator(**given) for given in CONFIGURATIONS for Estimator in ESTIMATORS],
        expected_failures,
    ),
)
def test_configurations(estimator, check):
    check(estimator)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_no_tag_softens_the_checks(Estimator):
    tags = get_tags(Estimator())
    scores = tags.classifier_tags or tags.regressor_tags
    assert not scores.poor_score
    assert not tags.non_deterministic
