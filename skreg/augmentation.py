"""Augmentation: what changes the rows of every mini-batch while a network learns.

Give one of these objects, or a list of them, to the parameter ``augmentation`` of an estimator.
They are applied in their order inside the compiled epoch, to copies of the rows, with new draws
in every step; validation and prediction never see them. `Transform.sample` shows what one does.
"""

from numbers import Real

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data

from skreg._architecture import weights_dtype
from skreg._augmenting import (
    NOT_NEGATIVE,
    Transform,
    as_list,
    beta_quantiles,
    is_off,
    plan_augmentation,
    sample_adversary,
)
from skreg._image_transforms import CutOut, ImageTransform
from skreg._kernels import adversary, augment, batch
from skreg._kernels.noise import N_GAPS
from skreg._kernels.tiles import TILE_ROWS
from skreg._sklearn import Interval

SMALLEST_RATE = 1e-30  # of swaps; the logarithm of a smaller one has no reciprocal in float32

__all__ = [
    "Adversarial",
    "CutOut",
    "FeatureSwap",
    "GaussianNoise",
    "ImageTransform",
    "Mixup",
    "Transform",
]


def __dir__():
    """Return the public names, for completion; the others are what they are made of."""
    return __all__


class GaussianNoise(Transform):
    """Add independent normal noise to every feature: ``x + scale * N(0, 1)``.

    For small noise it is a penalty on the slopes of the network [1]_. Features should have
    comparable scales.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, at least 0, in the units of the features.

    References
    ----------
    .. [1] Bishop (1995), "Training with noise is equivalent to Tikhonov regularization", Neural
       Computation 7.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg.augmentation import GaussianNoise
    >>> noisy = GaussianNoise(scale=0.5).sample(np.zeros((1000, 10)))
    >>> print(round(noisy.std(), 1))
    0.5
    """

    _parameter_constraints: dict = {"scale": NOT_NEGATIVE}

    def __init__(self, scale=0.1):
        self.scale = scale

    def _is_off(self):
        return self.scale == 0

    def _enter(self, plan):
        return {0: batch.GAUSSIAN_NOISE, augment.SCALE: self.scale}


class Mixup(Transform):
    """Blend every row with another one of its batch, targets and weights alike.

    A row becomes ``ratio * row + (1 - ratio) * other`` [1]_ with a ratio of its own, drawn from
    the law ``Beta(alpha, alpha)``. Other rows lie at a distance in the batch that is drawn once per
    batch. Classes are blended as probabilities.

    Parameters
    ----------
    alpha : float, default=0.2
        At least 0: near 0 most rows stay themselves or become another one, 1 draws ratios
        uniformly, large values average pairs. 0 turns it off.

    References
    ----------
    .. [1] Zhang, Cisse, Dauphin & Lopez-Paz (2018), "mixup: Beyond empirical risk minimization",
       ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg.augmentation import Mixup
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> X_new, y_new = Mixup(alpha=1.0).sample(X, X.sum(axis=1))
    >>> np.allclose(X_new.sum(axis=1), y_new)  # blended by the same ratios
    True
    """

    _parameter_constraints: dict = {"alpha": NOT_NEGATIVE}

    def __init__(self, alpha=0.2):
        self.alpha = alpha

    def _is_off(self):
        return self.alpha == 0

    def _enter(self, plan):
        return {0: batch.MIXUP, augment.TABLE_AT: plan.add_table(beta_quantiles(self.alpha))}

    def _blended_target(self, y):
        if sp.issparse(y):
            raise ValueError("Mixup blends targets, but y is sparse; give y.toarray().")
        try:
            if np.asarray(y).dtype.kind in "SUTmM":  # digits as text are labels, too
                raise ValueError
            return np.asarray(y).astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(
                f"Mixup blends targets, but y holds labels such as {np.ravel(y).tolist()[0]!r}; "
                "one-hot encode them, for example with sklearn.preprocessing.LabelBinarizer."
            ) from None


class FeatureSwap(Transform):
    """Let cells of the table take the values of other rows in their column.

    Every cell is swapped with the same probability, independently, for the value of another row
    of the batch, chosen anew for each: the noise has the distribution of the data, so it suits
    features of any kind and scale [1]_. Targets stay. Columns of one group move together.

    Parameters
    ----------
    rate : float, default=0.1
        Probability of a swap, in [0, 1].
    feature_groups : list of lists of int or str, default=None
        Columns that take the values of one and the same row, such as those of a one-hot encoded
        feature; columns not named are on their own. None takes ``feature_groups`` of the
        estimator.

    References
    ----------
    .. [1] Vincent, Larochelle, Lajoie, Bengio & Manzagol (2010), "Stacked denoising
       autoencoders", JMLR 11; swaps take the place of zeros.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg.augmentation import FeatureSwap
    >>> X = np.arange(1000.0).reshape(100, 10)
    >>> swapped = FeatureSwap(rate=0.2).sample(X)
    >>> print(round((swapped != X).mean(), 1), np.all((swapped - X) % 10 == 0))
    0.2 True
    """

    _parameter_constraints: dict = {
        "rate": [Interval(Real, 0, 1, closed="both")],
        "feature_groups": [list, tuple, "array-like", None],
    }

    def __init__(self, rate=0.1, feature_groups=None):
        self.rate = rate
        self.feature_groups = feature_groups

    def _is_off(self):
        return self.rate == 0

    def _enter(self, plan):
        first_group, n_groups = plan.add_groups(self.feature_groups)
        plan.reserve(TILE_ROWS * (n_groups or plan.n_features) + N_GAPS)
        with np.errstate(divide="ignore"):  # 1 / log(0) is what a rate of 1 needs
            gap_scale = 1.0 / np.log1p(-max(float(self.rate), SMALLEST_RATE))
        return {
            0: batch.FEATURE_SWAP,
            augment.GAP_SCALE: gap_scale,
            augment.FIRST_GROUP: first_group,
            augment.N_GROUPS: n_groups,
        }


class Adversarial(Transform):
    """Learn from every batch twice: as it is, and moved against the network.

    Each feature is moved by ``epsilon`` in the direction in which the loss of its row grows [1]_:
    ``x + epsilon * sign(d loss / d x)``. Both halves count the same: the loss is the mean of the
    two. It comes last in a list of transforms, and doubles the work of a step.

    Parameters
    ----------
    epsilon : float, default=0.1
        How far every feature moves, at least 0, in the units of the features.

    References
    ----------
    .. [1] Goodfellow, Shlens & Szegedy (2015), "Explaining and harnessing adversarial examples",
       ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg import MLPRegressor
    >>> from skreg.augmentation import Adversarial
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> network = MLPRegressor((), random_state=0).fit(X, 3 * X[:, 0] - X[:, 1])
    >>> moved = Adversarial(epsilon=0.5).sample(X, np.full(100, 99.0), estimator=network)[0]
    >>> bool(np.all(network.predict(moved) < network.predict(X)))  # all targets lie far above
    True
    """

    _parameter_constraints: dict = {"epsilon": NOT_NEGATIVE}

    _comes_last = True

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def _is_off(self):
        return self.epsilon == 0

    def _enter(self, plan):
        return {0: batch.ADVERSARIAL, adversary.EPSILON: self.epsilon}

    def sample(self, X, y=None, random_state=0, *, estimator=None):
        """Move rows against the loss of a fitted network, without dropout.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; they are not changed.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, as the estimator knows them.
        random_state : object
            Not used: nothing is drawn.
        estimator : MLPClassifier or MLPRegressor
            Fitted.

        Returns
        -------
        X_new : array of shape (n_samples, n_features)
            Moved rows, in the estimator's dtype.
        y_new : array-like
            ``y`` as it was given.
        """
        if estimator is None or y is None:
            raise ValueError(
                "Adversarial.sample moves rows against the loss of a network: give y, and a "
                "fitted MLPClassifier or MLPRegressor as estimator."
            )
        if not hasattr(estimator, "_encode_validation"):
            raise TypeError(
                f"estimator={estimator!r} of Adversarial.sample has no loss to move rows against; "
                "give a fitted MLPClassifier or MLPRegressor: of a search its best_estimator_, of "
                "a Pipeline its last step, with X as the steps before leave it."
            )
        check_is_fitted(estimator)
        dtype = weights_dtype(estimator.coefs_)
        X = validate_data(estimator, X, dtype=dtype, reset=False, copy=True)
        check_consistent_length(X, y)
        plan = plan_augmentation(self, X.shape[1])
        if plan is not None:
            columns = slice(None) if estimator._columns is None else estimator._columns
            target = estimator._encode_validation(y, name="y")
            X[:, columns] = sample_adversary(plan, X[:, columns], target, estimator)
        return X, y


def mixes_targets(augmentation):
    """Return whether a transform blends targets, so that labels must become probabilities."""
    return any(isinstance(one, Mixup) and not is_off(one) for one in as_list(augmentation))
