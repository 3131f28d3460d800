"""
Stability selection: which inputs are no accident
=================================================

The strength that predicts best selects too much. Stability selection counts on many random halves
of the rows how often each input survives, and keeps those that nearly always do (Meinshausen and
Bühlmann 2010). Here the ten columns of the diabetes data stand among 60 copies with shuffled rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from skreg import MLPRegressorCV, stability_selection

data = load_diabetes()
shuffled = np.random.default_rng(0).permuted(np.tile(data.data, 6), axis=0)
X, y = scale(np.hstack([data.data, shuffled])), scale(data.target)

# %%
# Without hidden layers the network is the lasso, and quick; ``hidden_layer_sizes=(16,)`` and
# ``group_l1s`` work the same way.
best = MLPRegressorCV((), solver="lbfgs", l1s=np.geomspace(0.01, 0.5, 12), l2=0.0).fit(X, y)
selection = stability_selection(
    X, y, hidden_layer_sizes=(), n_strengths=8, eps=0.15, n_subsamples=50, threshold=0.8,
    complementary_pairs=True, random_state=0,
)  # fmt: skip
choices = {
    "best score": best.best_estimator_.active_features_,
    "stable": selection.stable_features,
}
for title, kept in choices.items():
    real = [data.feature_names[j] for j in kept if j < 10]
    print(f"{title:<11} {np.sum(kept >= 10)} shuffled columns and", *real)
print(f"at most {selection.error_bound:.1f} stable columns are expected to be accidents")

# %%
# The share of the halves on which a column survives, against the strength. Lines differ in width,
# so that those that coincide can be told apart.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
stable, shares = selection.stable_features, selection.probabilities
colors = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
for k, (color, j) in enumerate(zip(colors, stable, strict=False)):
    look = {"color": color, "markersize": 10 - 1.8 * k, "linewidth": 4 - 0.7 * k}
    ax.semilogx(selection.strengths, shares[:, j], "o-", **look, label=data.feature_names[j])
others = shares[:, np.setdiff1d(np.arange(10), stable)]
dashed = ax.semilogx(selection.strengths, others, "--", color="0.3", linewidth=1)
grey = ax.semilogx(selection.strengths, shares[:, 10:], color="0.8", linewidth=1, zorder=1)
dashed[0].set_label("other real")
grey[0].set_label("shuffled")
ax.axhline(selection.threshold, color="k", linestyle=":", label="threshold")
ax.set(xlabel="l1", ylabel="share of 50 halves")
ax.set_xticks([0.1, 0.2, 0.5], labels=[0.1, 0.2, 0.5])
ax.minorticks_off()
figure.legend(loc="outside right upper")
plt.show()

# %%
# What to see: a few columns are far above the rest wherever l1 is weak enough for them. The
# shuffled ones, in grey, stay far below the threshold, and so do the other real ones, dashed.
