"""
Max-norm lets dropout learn fast
================================

Dropout likes high learning rates, until weights blow up and units die. ``max_norm`` scales the
incoming weights of a unit back whenever they grow longer than a bound (Srivastava et al. 2014).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, train_size=600, stratify=y, random_state=0
)
learning_rates = [0.02, 0.05, 0.1, 0.2, 0.3]


def accuracy(max_norm, learning_rate, seed):
    """Train with dropout, momentum and a learning rate that falls to zero."""
    network = MLPClassifier(
        (100, 100), solver="sgd", momentum=0.95, dropout=0.5, input_dropout=0.2, l2=0.0,
        max_norm=max_norm, learning_rate="cosine", learning_rate_init=learning_rate, batch_size=50,
        max_iter=30, random_state=seed,
    )  # fmt: skip
    return network.fit(X_train, y_train).score(X_test, y_test)


# %%
def mean_accuracies(max_norm):
    """Return the mean over two seeds for every learning rate."""
    return [
        np.mean([accuracy(max_norm, rate, seed) for seed in range(2)]) for rate in learning_rates
    ]


scores = {max_norm: mean_accuracies(max_norm) for max_norm in (None, 0.5, 1.0)}
print("learning rate     " + "".join(f"{rate:7}" for rate in learning_rates))
for max_norm, values in scores.items():
    print(f"max_norm = {max_norm!s:<7}" + "".join(f"{mean:7.3f}" for mean in values))

# %%
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for (max_norm, values), marker in zip(scores.items(), "so^", strict=True):
    ax.semilogx(learning_rates, values, marker + "-", label=f"max_norm = {max_norm}")
ax.set_xticks(learning_rates, learning_rates)
ax.minorticks_off()
ax.set(xlabel="learning rate at the start", ylabel="accuracy")
ax.legend()
plt.show()

# %%
# What to see: dropout alone falls apart at rates at which ``max_norm = 1.0`` trains nearly
# as well as at its best. A bound that is too tight, 0.5, costs accuracy at any rate.
