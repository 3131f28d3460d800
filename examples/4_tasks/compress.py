"""
Compressing a network
=====================

``group_l1`` empties whole rows of the weight matrices: pixels that nobody reads, hidden units that
nobody listens to. `compress` takes them out and returns a smaller network that predicts the same.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.4, random_state=0)
network = MLPClassifier(
    (256, 256), group_l1=3e-4, batch_size=50, learning_rate="cosine", learning_rate_init=0.005,
    max_iter=60, random_state=0,
).fit(X_train, y_train)  # fmt: skip
small = network.compress()

# %%
# Both take all 64 columns of X, and their probabilities agree up to rounding.
many = np.tile(X_test, (50, 1))
print(f"{'':<11}{'layers':>17}{'weights':>9}{'accuracy':>10}{'ms for 35,950 rows':>20}")
for name, each in {"trained": network, "compressed": small}.items():
    each.predict(many)
    start = perf_counter()
    each.predict(many)
    milliseconds = 1000 * (perf_counter() - start)
    layers = ", ".join(str(len(coef)) for coef in each.coefs_) + ", 10"
    print(f"{name:<11}{layers:>17}{sum(coef.size for coef in each.coefs_):>9}", end="")
    print(f"{each.score(X_test, y_test):>10.3f}{milliseconds:>20.0f}")
gap = abs(network.predict_proba(X_test) - small.predict_proba(X_test)).max()
print(f"largest difference between two probabilities: {gap:.1g}")

# %%
# The matrix between the hidden layers before and after, drawn to the same scale.
figure, axes = plt.subplots(1, 2, figsize=(8, 4.5), layout="constrained", sharex=True, sharey=True)
for ax, title, each in zip(axes, ("trained", "compressed"), (network, small), strict=True):
    n_in, n_out = each.coefs_[1].shape
    ax.imshow(each.coefs_[1] != 0, cmap="Blues", vmin=-0.2, interpolation="nearest",
              extent=(0, n_out, n_in, 0))  # fmt: skip
    ax.set(title=f"{title}: {n_in} x {n_out}", xlabel="unit of the second layer")
axes[0].set(ylabel="unit of the first layer", xlim=(0, 256), ylim=(256, 0))
plt.show()

# %%
# What to see: most rows at the left are empty (light), and what is left of the matrix without them,
# and without the columns that lead to units nobody listens to, is the small one at the right.
