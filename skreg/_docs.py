"""Parts of the docstrings that both estimators have, written once, and links to their pages."""

import os
from itertools import takewhile
from pathlib import Path

# Where the documentation is published. The environment variable SKREG_DOC_URL names another place,
# and a site that was built in the checkout this package is imported from goes before both.
DOC_URL = "https://skreg.readthedocs.io/en/stable"
BUILT_SITE = Path(__file__).parents[1] / "doc" / "_build" / "html"

SHARED = {
    "layers": """
hidden_layer_sizes : int or sequence of int, default=(100,)
    Numbers of hidden units, layer by layer, each at least 1. An int is one layer; ``()`` is a
    linear model.
activation : str or sequence of str, default="relu"
    Activation of the hidden layers, one name for all or one per hidden layer: "identity",
    "logistic", "tanh", "relu", "leaky_relu" (slope 0.01 below zero), "elu" [4]_, "selu" [5]_,
    "gelu" (``z`` times the normal distribution function) [6]_, "silu" (``z * logistic(z)``)
    or "softplus" (``log(1 + exp(z))``).
""",
    "regularization": """
solver : {"adam", "sgd", "lbfgs"}, default="adam"
    What minimizes the objective: Adam [1]_, stochastic gradient descent with momentum, or
    L-BFGS on all rows at once.
l1 : float or sequence of float, default=0.0
    Strength of the sum of absolute weights, at least 0; one number for all weight matrices or
    one per matrix. It acts through its proximal operator and so gives exact zeros.
l2 : float or sequence of float, default=1e-4
    Strength of half the sum of squared weights, given like ``l1``. scikit-learn's ``alpha``
    is ``l2`` times the batch size (times ``n_samples`` with "lbfgs").
dropout : float or sequence of float, default=0.0
    Probability of dropping a hidden unit during training, in [0, 1); one number or one per
    hidden layer. Kept units are scaled by ``1 / (1 - dropout)`` [2]_.
input_dropout : float, default=0.0
    Probability of dropping an input feature during training, in [0, 1).
weight_decay : float, default=0.0
    Decoupled weight decay [3]_, at least 0: with every step all weights shrink by the learning
    rate times this, outside the gradient. Biases do not.
clip_norm : float, default=None
    Largest Euclidean norm of the whole gradient of a batch, above 0; longer gradients are
    scaled down to it. None never scales.
group_l1 : float or sequence of float, default=0.0
    Strength of the group lasso, given like ``l1``: ``group_l1 * sqrt(size) * norm`` for every
    group [9]_ [10]_. A group is what goes out of one unit, a row of a weight matrix: in the first
    matrix whole input features are set to zero, in the others hidden units.
feature_groups : list of lists of int or str, default=None
    Columns of X, by index or name, that live and die together under ``group_l1``, such as a
    one-hot block, and that `FeatureSwap` swaps together. Columns not named are groups of one.
feature_penalty : array-like of shape (n_features,), default=None
    Factors of at least 0 that multiply ``l1``, ``l2`` and ``group_l1`` for each feature, in the
    first matrix: 0 exempts a feature, ``inf`` excludes it, and so does a factor that makes a
    strength exceed 1e10.
max_norm : float or sequence of float, default=None
    Largest Euclidean norm of a unit's incoming weights, above 0, for all weight matrices or for
    each (None or ``inf``: no bound). Longer ones are scaled down after every step [2]_.
l2_anchor : float or sequence of float, default=0.0
    Strength of half the squared distance of the weights to those that training starts from, given
    like ``l1``: what keeps a network near ``coef_init`` or near the weights of a warm start
    [11]_.
frozen_layers : sequence of int, default=None
    Layers, counted from 0 at the input or from -1 at the output, whose weights and biases do not
    move and are not penalized.
weight_averaging : float, default=0.0
    Decay, in [0, 1), of an exponential moving average of all weights and biases, which begins at
    the starting weights (scaled down to ``max_norm``, which every average obeys); prediction and
    validation use the average (that of [12]_ is uniform). 0 keeps none.
augmentation : transform of `skreg.augmentation`, list of them or None, default=None
    What changes every training batch, in this order; never validation or prediction.
""",
    "polish": """
polish : int, default=3
    Proximal steps on the gradient of all rows after the last epoch of a stochastic `fit` with
    ``l1`` or ``group_l1`` above 0: weights that flicker around zero settle. A step is kept unless
    it raises the objective; with early stopping, the polished weights are kept only if the
    validation score is as good. Where they are not, and with dropout, augmentation or
    ``weight_decay``, which whole steps would undo, it only sets weights to zero. Without hidden
    layers that move, and without early stopping, more steps follow until the zeros are those of
    the minimum, at most 100 and at most one for every five epochs. 0 turns it off.
""",
    "training": """
batch_size : int or "auto", default="auto"
    Rows per step of a stochastic solver; "auto" takes ``min(200, n_samples)``.
learning_rate : str, default="constant"
    Schedule from ``learning_rate_init``, the same for both stochastic solvers:

    - "constant";
    - "invscaling" divides by ``(t + 1) ** power_t`` after ``t`` rows;
    - "adaptive" divides by 5 whenever the patience is exhausted, and stops below 1e-6;
    - "cosine" anneals to zero over ``max_iter`` epochs [7]_;
    - "one_cycle" rises from 1/25 during 30 % of ``max_iter`` and then falls towards 1/10,000 of
      ``learning_rate_init`` [8]_, both along half a cosine, as in fastai and PyTorch (in the paper
      along straight lines). An epoch has the rate of its beginning, the last one thus somewhat
      more.
learning_rate_init : float, default=0.001
    Learning rate, above 0: the first one, or the peak of "one_cycle".
power_t : float, default=0.5
    Exponent of "invscaling", at least 0.
max_iter : int, default=200
    Most epochs of a `fit`, or iterations with "lbfgs".
shuffle : bool, default=True
    Whether the rows are shuffled before every epoch.
random_state : int, RandomState instance or None, default=None
    Decides starting weights, validation split, order of the rows and dropout. An int gives the
    same network every time, for any number of threads.
tol : float, default=1e-4
    Improvements of the training loss, or of the validation score, below this do not count; with
    "lbfgs", the largest component of the gradient at which it stops, unless an iteration gains
    less than 2e-9 of the objective before: of scikit-learn's networks always that, of others as
    much less as ``tol`` is below 1e-4. Without hidden layers and
    under a penalty, where columns and targets are standardized for it, it goes on from 1e-4, or
    less, to 1e-9 as long as ``max_iter`` lasts: there the weights are those of Lasso and its like.
    The training loss ends no fit with "cosine" or "one_cycle", which run for ``max_iter`` epochs.
verbose : bool, default=False
    Whether the loss is printed after every epoch.
warm_start : bool, default=False
    Whether `fit` goes on from the weights and the solver's moments of the last call.
momentum : float, default=0.9
    Momentum of "sgd", in [0, 1].
nesterovs_momentum : bool, default=True
    Whether "sgd" uses Nesterov's momentum.
early_stopping : bool, default=False
    Whether training stops when the score of the validation rows no longer improves. The best
    weights are restored.
validation_fraction : float, default=0.1
    Share of the rows that is set aside to validate on where `fit` is not given ``X_val``, in
    [0, 1); stratified by class where every class is large enough.
scoring : str, callable or None, default=None
    The validation score: None takes {score}, "loss" minus the validation loss; otherwise the
    name of a scorer or a callable ``scorer(estimator, X, y)``, which is given ``sample_weight``
    where rows have weights and it takes them.
beta_1 : float, default=0.9
    Decay of Adam's first moment, in [0, 1).
beta_2 : float, default=0.999
    Decay of Adam's second moment, in [0, 1).
epsilon : float, default=1e-8
    Added to the root of Adam's second moment, above 0.
n_iter_no_change : int or inf, default=10
    Patience: training stops after more than this many epochs without improvement.
max_fun : int, default=15000
    Most evaluations of the objective by "lbfgs".
dtype : {"float32", "float64"} or None, default=None
    What to compute in. None keeps float32 data in float32 and takes float64 otherwise. A network
    trained in float64 stays in float64 under `partial_fit` and warm starts.
n_jobs : int or None, default=None
    Most threads inside one fit: -1 is one per core, None what the surroundings leave. It takes
    fewer where a mini-batch is too little work. The result is the same, bit for bit.
""",
    "attributes": """
coefs_ : list of arrays of shape (fan_in, fan_out)
    Weight matrices, layer by layer.
intercepts_ : list of arrays of shape (fan_out,)
    Biases, layer by layer.
n_nonzero_ : int
    Weights, biases aside, that are not zero.
active_features_ : array of shape (n_active_features,)
    Sorted indices of the columns of X with a weight that is not zero.
feature_importances_ : array of shape (n_features,)
    Euclidean norms of the features' outgoing weights, summing to one; all zero where all of the
    weights are.
n_layers_ : int
    Layers, input and output included.
n_outputs_ : int
    Outputs of the network.
out_activation_ : {out_activations}
    Activation of the outputs.
n_iter_ : int
    Epochs of the last `fit` and of the calls of `partial_fit` since.
t_ : int
    Rows that a stochastic solver has seen since the weights were initialized.
loss_ : float
    Last value of the objective; of a stochastic solver, its mean over the last epoch.
best_loss_ : float or None
    Smallest objective of an epoch of the last run; None with early stopping.
loss_curve_ : list of float
    Objective of every epoch since the weights were initialized.
validation_scores_ : list of float or None
    Validation score of every epoch; None without early stopping.
best_validation_score_ : float or None
    Largest validation score of the last run; None without early stopping.
stopped_early_ : bool
    Whether early stopping has ended the training and brought the best weights back. After a
    `partial_fit` it tells a loop over blocks of rows to end.
history_ : dict of arrays of shape (n_epochs,)
    What is known of every epoch since the weights were initialized: "loss" (the data term),
    "penalty" and its terms "l1", "l2", "group_l1" and "l2_anchor", "validation_loss",
    "validation_score", "learning_rate", "n_nonzero", the number of weights that are not zero, and
    "n_nonzero_0", "n_nonzero_1", ..., the same for each weight matrix.
    Loss and penalties are means over the epoch's batches, before each step, but for "group_l1",
    which is taken after it. What was not measured is NaN. The polish follows the last epoch:
    what it sets to zero is missing in ``n_nonzero_`` and still counted here.
n_features_in_ : int
    Features of X.
feature_names_in_ : array of shape (n_features,)
    Names of the features, where all of them are strings.
""",
    "objective": """
`fit` minimizes, over weight matrices ``W`` and biases ``b``::

    sum_i s_i * loss_i / sum_i s_i + sum_k (
        l1_k * |W_k|_1 + l2_k / 2 * |W_k|_2 ** 2
        + group_l1_k * sum_g sqrt(size_g) * |W_g|_2 + l2_anchor_k / 2 * |W_k - A_k|_2 ** 2
    )
""",
    "references": """
.. [1] Kingma & Ba (2015). Adam: a method for stochastic optimization. ICLR.
.. [2] Srivastava et al. (2014). Dropout: a simple way to prevent neural networks from
   overfitting. JMLR 15.
.. [3] Loshchilov & Hutter (2019). Decoupled weight decay regularization. ICLR.
.. [4] Clevert, Unterthiner & Hochreiter (2016). Fast and accurate deep network learning by
   exponential linear units. ICLR.
.. [5] Klambauer et al. (2017). Self-normalizing neural networks. NeurIPS.
.. [6] Hendrycks & Gimpel (2016). Gaussian error linear units. arXiv:1606.08415.
.. [7] Loshchilov & Hutter (2017). SGDR: stochastic gradient descent with warm restarts. ICLR.
.. [8] Smith & Topin (2018). Super-convergence: very fast training of neural networks using
   large learning rates. arXiv:1708.07120.
.. [9] Yuan & Lin (2006). Model selection and estimation in regression with grouped variables.
   JRSS B 68.
.. [10] Scardapane et al. (2017). Group sparse regularization for deep neural networks.
   Neurocomputing 241.
.. [11] Li, Grandvalet & Davoine (2018). Explicit inductive bias for transfer learning with
   convolutional networks. ICML.
.. [12] Polyak & Juditsky (1992). Acceleration of stochastic approximation by averaging. SIAM
   Journal on Control and Optimization 30.
""",
}


def attribute_text(name):
    """Return what the docstrings say of a fitted attribute, or None."""
    lines = SHARED["attributes"].strip("\n").splitlines()
    first = next((place for place, line in enumerate(lines) if line.startswith(f"{name} : ")), None)
    if first is None:
        return None
    text = takewhile(lambda line: line.startswith(" "), lines[first + 1 :])
    return "\n".join(line.strip() for line in text)


def documented(**details):
    """Return a decorator that fills the shared parts into the docstring of an estimator.

    A line ``<name>`` becomes the part of that name, in which ``details`` take their places.
    """

    def fill(Estimator):
        lines = []
        for line in (Estimator.__doc__ or "").splitlines():
            name = line.strip()[1:-1]
            if line.strip() == f"<{name}>" and name in SHARED:
                indent = line[: line.index("<")]
                text = SHARED[name].strip("\n")
                for key, value in details.items():
                    text = text.replace(f"{{{key}}}", value)
                lines += [(indent + part).rstrip() for part in text.splitlines()]
            else:
                lines.append(line)
        Estimator.__doc__ = "\n".join(lines) or None
        return Estimator

    return fill


def doc_url():
    """Return the address of the documentation that links lead to, without a slash at its end."""
    if url := os.environ.get("SKREG_DOC_URL"):
        return url.rstrip("/")
    return BUILT_SITE.as_uri() if (BUILT_SITE / "index.html").is_file() else DOC_URL


class DocLinkMixin:
    """Lead scikit-learn's HTML representation of an object to the page of its class.

    From scikit-learn 1.8 on, every parameter that it shows is such a link, too, and from 1.9 on
    every fitted attribute that the docstring lists. Classes from outside of skreg get no link.
    """

    _doc_link_module = "skreg"
    _doc_link_template = "{site}/generated/{module}.{name}.html"
    _public_module = "skreg"  # what the class is imported from

    def _doc_link_url_param_generator(self):
        """Return what the template of the link asks for."""
        return {"site": doc_url(), "module": self._public_module, "name": type(self).__name__}
