"""
Callbacks and progress
======================

From scikit-learn 1.9 on a network tells the callbacks of ``sklearn.callback`` about every epoch,
and ends the fit when one of them returns True. ``ProgressBar()`` is such a callback (it needs the
package rich); this is one of our own, which stops a fit that is good enough.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X / 16, y, random_state=0)


class GoodEnough:
    """Stop as soon as other rows are classified well enough."""

    def __init__(self, X_val, y_val, target):
        self.X_val, self.y_val, self.target, self.scores = X_val, y_val, target, []

    def setup(self, estimator, context):
        """Note how many epochs there are at most."""
        self.max_iter = context.max_subtasks

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        """Score the network as it stands; return whether to stop."""
        if context.task_name != "epoch":  # the end of the whole fit
            return False
        self.scores.append(fitted_estimator.score(self.X_val, self.y_val))
        if len(self.scores) % 5 == 0:
            print(f"{len(self.scores):3} of {self.max_iter} epochs, accuracy {self.scores[-1]:.3f}")
        return self.scores[-1] >= self.target

    def teardown(self, estimator, context):
        """Do nothing."""


# %%
# Callbacks are set on the estimator; set on a pipeline or a search, those that ask for it (by an
# attribute ``max_propagation_depth``) hear of the fits inside.
network = MLPClassifier((64,), dropout=0.2, max_iter=100, random_state=0)
callback = GoodEnough(X_val, y_val, target=0.97)
if hasattr(network, "set_callbacks"):
    network.set_callbacks(callback)
else:
    print("This scikit-learn has no callbacks: they came with version 1.9.")
network.fit(X_train, y_train)
print(f"{network.n_iter_} epochs, accuracy {network.score(X_val, y_val):.3f}")

# %%
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
epochs = range(1, len(callback.scores) + 1)
ax.plot(epochs, callback.scores, ".-", label="seen by the callback")
ax.axhline(callback.target, color="0.5", linestyle="--", label="good enough")
ax.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0.5, 1))
ax.legend(loc="lower right")
plt.show()

# %%
# What to see: the fit ends with the first epoch whose accuracy is above the line, about a third
# before ``max_iter``. The callback was handed a network that predicts as if the fit had ended
# there.
