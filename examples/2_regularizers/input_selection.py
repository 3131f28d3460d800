"""
Inputs that a linear model can't find
=====================================

Four of 50 columns decide about the class, but only together: the rows lie around the corners of a
cube in four dimensions, and the corners carry labels at random, as in the Madelon data. One column
alone says little, so the lasso finds little. ``group_l1`` removes whole inputs of a network.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LassoCV

from skreg import MLPClassifier

rng = np.random.default_rng(0)
n_samples, n_features, n_informative = 3000, 50, 4
corners = rng.integers(2, size=(n_samples, n_informative))
labels = rng.permutation(np.arange(16) % 2)  # of the 16 corners
y = labels[corners @ [1, 2, 4, 8]]
X = rng.normal(size=(n_samples, n_features))
X[:, :n_informative] = 2 * corners - 1 + 0.4 * X[:, :n_informative]
X_train, X_test, y_train, y_test = X[:2000], X[2000:], y[:2000], y[2000:]


def fit(group_l1, **settings):
    """Train a network whose inputs pay for being used."""
    network = MLPClassifier(
        (32,), group_l1=[group_l1, 0], learning_rate="cosine", learning_rate_init=0.02,
        random_state=0, **settings,
    )  # fmt: skip
    return network.fit(X_train, y_train)


# %%
# The second network repeats the first with prices of its own for every input, the higher the less
# the first one made of it: the adaptive group lasso (Wang and Leng 2008).
lasso = LassoCV(cv=5).fit(X_train, 2 * y_train - 1)
network = fit(0.005)
with np.errstate(divide="ignore"):
    prices = network.feature_importances_.max() / network.feature_importances_
adaptive = fit(0.005, feature_penalty=prices)

shares = abs(lasso.coef_) / abs(lasso.coef_).sum()
results = {
    "lasso": (shares, np.mean((lasso.predict(X_test) > 0) == y_test)),
    "group_l1": (network.feature_importances_, network.score(X_test, y_test)),
    "adaptive": (adaptive.feature_importances_, adaptive.score(X_test, y_test)),
}
print(f"{'':<10} {'accuracy':>8} {'inputs':>7} {'of them informative':>20}")
for name, (weights, accuracy) in results.items():
    used = np.flatnonzero(weights)
    print(f"{name:<10} {accuracy:8.3f} {len(used):7d} {np.sum(used < n_informative):20d}")

# %%
figure, axes = plt.subplots(3, 1, figsize=(7, 5), layout="constrained", sharex=True)
for ax, (name, (weights, accuracy)) in zip(axes, results.items(), strict=True):
    ax.bar(np.arange(n_informative), weights[:n_informative], label="informative")
    ax.bar(np.arange(n_informative, n_features), weights[n_informative:], label="noise")
    ax.set(title=f"{name}: accuracy {accuracy:.2f}", ylabel="importance")
axes[0].legend()
axes[-1].set(xlabel="input")
plt.show()

# %%
# What to see: whatever inputs the lasso keeps, a linear model classifies far fewer rows correctly.
# In the network the four inputs stand far above the rest, and with prices of their own only they
# are left.
