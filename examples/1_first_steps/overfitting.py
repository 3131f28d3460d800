"""
Overfitting, and what stops it
==============================

100 points and a network of 10,000 weights: it learns nearly every point by heart. The same network
is trained again with one regularizer at a time.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay

from skreg import MLPClassifier
from skreg.augmentation import GaussianNoise

X, y = make_moons(1100, noise=0.35, random_state=0)
X_train, X_val, y_train, y_val = X[:100], X[100:], y[:100], y[100:]
regularizers = {
    "none": {},
    "l1": {"l1": 5e-4},
    "l2": {"l2": 1e-2},
    "dropout": {"dropout": 0.75},
    "noise": {"augmentation": GaussianNoise(0.35)},
}


def fit(regularizer):
    """Train for 300 epochs; the validation points are only watched."""
    settings = {"l2": 0.0, "random_state": 0} | regularizer
    network = MLPClassifier(
        (100, 100), batch_size=50, learning_rate="cosine", learning_rate_init=3e-3, max_iter=300,
        **settings,
    )  # fmt: skip
    return network.fit(X_train, y_train, X_val=X_val, y_val=y_val)


networks = {name: fit(regularizer) for name, regularizer in regularizers.items()}
print(f"{'':<8} {'training loss':>14} {'validation loss':>16} {'accuracy':>9}")
for name, network in networks.items():
    history = network.history_
    print(
        f"{name:<8} {history['loss'][-1]:14.3f} {history['validation_loss'][-1]:16.3f} "
        f"{network.score(X_val, y_val):9.3f}"
    )

# %%
# The losses, and the probability of the blue class over the plane.
epochs = np.arange(1, 301)
figure, axes = plt.subplots(2, 5, figsize=(11, 4.8), layout="constrained", sharey="row")
for (name, network), (top, bottom) in zip(networks.items(), axes.T, strict=True):
    top.plot(epochs, network.history_["loss"], color="C1", label="training")
    top.plot(epochs, network.history_["validation_loss"], color="k", label="validation")
    top.set(title=name, xlabel="epoch", ylim=(0, 1))
    DecisionBoundaryDisplay.from_estimator(
        network, X_train, response_method="predict_proba", cmap="RdBu", alpha=0.7, ax=bottom,
        levels=np.linspace(0, 1, 11), eps=0.3,
    )  # fmt: skip
    for label, color, marker in ((0, "darkred", "^"), (1, "navy", "o")):
        bottom.scatter(*X_train[y_train == label].T, color=color, marker=marker, s=10)
    bottom.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("log loss")
axes[0, -1].legend()
plt.show()

# %%
# What to see: without a regularizer the validation loss soon turns around and climbs, while the
# training loss goes on falling; the boundary is sharp and bends around single points. With each of
# the four regularizers the validation loss stays lower, and the boundary is mostly smoother and
# softer. The accuracy hardly changes: what they mend here are the probabilities.
