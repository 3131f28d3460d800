"""
Columns that live and die together
==================================

A category becomes a block of indicator columns. ``l1`` leaves some columns of many blocks, so
every question must still be asked. With ``feature_groups`` a block is one group of ``group_l1``.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder, scale

from skreg import MLPRegressor

N_SAMPLES, N_LEVELS, CATEGORIES = 1200, 6, list("ABCDEFGHIJ")
rng = np.random.default_rng(0)
codes = rng.integers(N_LEVELS, size=(N_SAMPLES, len(CATEGORIES)))
effects = scale(rng.normal(size=(3, N_LEVELS)), axis=1)
A, D, G = effects[np.arange(3), codes[:, [0, 3, 6]]].T
y = A + D + np.where(codes[:, 0] < 3, 2 * G, G)  # what G does depends on A
y = y / y.std() + 0.5 * rng.normal(size=N_SAMPLES)

table = pd.DataFrame(codes, columns=CATEGORIES)
X = OneHotEncoder(sparse_output=False).set_output(transform="pandas").fit_transform(table)
blocks = [[f"{category}_{level}" for level in range(N_LEVELS)] for category in CATEGORIES]


def fit(**penalty):
    """Train on the first half of the table; penalties act on the first matrix alone."""
    network = MLPRegressor(
        (16,), l2=0.0, learning_rate="cosine", learning_rate_init=0.02, max_iter=100,
        random_state=0, **penalty,
    )  # fmt: skip
    return network.fit(X[: N_SAMPLES // 2], y[: N_SAMPLES // 2])


# %%
networks = {
    "l1": fit(l1=[0.015, 0]),
    "group_l1": fit(group_l1=[0.025, 0]),
    "with feature_groups": fit(group_l1=[0.025, 0], feature_groups=blocks),
}
norms = {
    name: np.linalg.norm(network.coefs_[0], axis=1).reshape(len(CATEGORIES), N_LEVELS)
    for name, network in networks.items()
}
print(f"{'':<20} {'test R2':>8} {'columns':>8} {'categories':>11}")
for name, norm in norms.items():
    score = networks[name].score(X[N_SAMPLES // 2 :], y[N_SAMPLES // 2 :])
    n_categories = norm.any(axis=1).sum()
    print(f"{name:<20} {score:8.3f} {np.count_nonzero(norm):8d} {n_categories:11d}")

# %%
# Norms of the weights that leave each column; blank where all of them are zero.
figure, axes = plt.subplots(1, 3, figsize=(9, 3.8), layout="constrained", sharey=True)
largest = max(norm.max() for norm in norms.values())
for ax, (name, norm) in zip(axes, norms.items(), strict=True):
    shown = np.where(norm > 0, norm, np.nan)
    image = ax.imshow(shown, cmap="viridis_r", vmin=0, vmax=largest, aspect="auto")
    ax.set(title=name, xlabel="level", xticks=range(N_LEVELS))
axes[0].set_yticks(range(len(CATEGORIES)), CATEGORIES)
axes[0].set_ylabel("category")
figure.colorbar(image, ax=axes, label="norm of outgoing weights")
plt.show()

# %%
# What to see: only A, D and G matter. ``l1`` and ``group_l1`` on single columns keep specks of
# categories that say nothing; with ``feature_groups`` the three blocks stay whole, the others go.
