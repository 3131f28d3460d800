"""
l1 gives exact zeros, the same as the lasso's
=============================================

Without hidden layers and with ``l1``, a network for regression is the lasso. Its penalty acts
through the proximal operator, so weights do not become small: they become zero.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso
from sklearn.preprocessing import scale

from skreg import MLPRegressor

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
strengths = np.geomspace(0.005, 0.5, 16)


def coefficients(l1, **settings):
    """Return the weights of a network without hidden layers."""
    network = MLPRegressor((), l1=l1, l2=0.0, random_state=0, **settings)
    return network.fit(X, y).coefs_[0].ravel()


# %%
# ``lbfgs`` splits the weights into two parts that are bounded by zero. ``adam`` walks through
# mini-batches, with a threshold in its own metric, and ends with steps on all of the data.
decaying = {"learning_rate": "cosine", "learning_rate_init": 0.05, "max_iter": 300}
decaying |= {"batch_size": 50}
lasso = np.array([Lasso(alpha=l1, tol=1e-10).fit(X, y).coef_ for l1 in strengths])
lbfgs = np.array([coefficients(l1, solver="lbfgs", tol=1e-9) for l1 in strengths])
adam = np.array([coefficients(l1, **decaying) for l1 in strengths])

print(f"{'l1':>8} {'lasso':>6} {'lbfgs':>6} {'adam':>6}   nonzero weights of {X.shape[1]}")
for l1, *rows in zip(strengths, lasso, lbfgs, adam, strict=True):
    print(f"{l1:8.4f} " + " ".join(f"{np.count_nonzero(row):6d}" for row in rows))
print(f"largest difference to the lasso: lbfgs {abs(lbfgs - lasso).max():.1e}", end=", ")
print(f"adam {abs(adam - lasso).max():.1e}")

# %%
# The whole path of every coefficient.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
lines = ax.semilogx(strengths, lasso, color="0.7")
circles = ax.semilogx(strengths, lbfgs, "o", color="C0", markerfacecolor="none", markersize=8)
crosses = ax.semilogx(strengths, adam, "x", color="C1")
ax.set(xlabel="l1 of the network, alpha of the lasso", ylabel="weight")
ax.legend([lines[0], circles[0], crosses[0]], ["lasso", "network, lbfgs", "network, adam"])
plt.show()

# %%
# What to see: circles and crosses sit on the lines, and where the lasso has a zero, so have they.
