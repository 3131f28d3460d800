"""
Weight decay is not l2, with Adam
=================================

``l2`` adds its pull to the gradient, ``weight_decay`` shrinks the weights beside it (AdamW,
Loshchilov and Hutter 2019). For plain gradient descent this is the same. Adam rescales gradients,
and so the pull of ``l2``, but not the decay.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X = X[:, X.std(axis=0) > 0] / 16


def fit(**settings):
    """Train a linear model, whose best weights are unique where ``l2`` is above zero."""
    settings = {"l2": 0.0} | settings
    network = MLPClassifier(
        (), learning_rate="cosine", batch_size=50, random_state=0, **settings,
    )  # fmt: skip
    return network.fit(X, y)


# %%
# Plain gradient descent, and Adam with decay of a strength that gives weights of similar size.
sgd = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1}
adam = {"solver": "adam", "learning_rate_init": 0.01}
pairs = {
    "sgd": (fit(**sgd, l2=0.01), fit(**sgd, weight_decay=0.01)),
    "adam": (fit(**adam, l2=0.01), fit(**adam, weight_decay=1.0)),
}
for name, (with_l2, with_decay) in pairs.items():
    difference = abs(with_l2.coefs_[0] - with_decay.coefs_[0]).max()
    print(f"{name:<5} largest difference of two weights: {difference:.1e}")

# %%
# For every pixel, the norm of its weights with ``l2`` and with ``weight_decay``.
figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained", sharex=True, sharey=True)
for ax, (name, networks) in zip(axes, pairs.items(), strict=True):
    norms = [np.linalg.norm(network.coefs_[0], axis=1) for network in networks]
    points = ax.scatter(*norms, c=X.std(axis=0), cmap="viridis", s=25, zorder=2)
    ax.plot([1e-3, 3], [1e-3, 3], color="0.6", linewidth=1)
    ax.set(xscale="log", yscale="log", title=name, xlabel="norm of a pixel's weights, l2")
axes[0].set_ylabel("the same, weight_decay")
figure.colorbar(points, ax=axes, label="standard deviation of the pixel")
plt.show()

# %%
# What to see: with sgd all pixels lie on the diagonal, up to rounding. With Adam, ``l2`` still ends
# in the minimum of its objective, where pixels that are seldom on have weights of nearly zero.
# Their gradients are small, and Adam magnifies them; the decay is the same for all weights and is
# not magnified, so against it such weights stay large.
