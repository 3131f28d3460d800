"""
One standard error: the simplest of the equals
==============================================

Cross-validated scores are means over a few folds, and the first of them is seldom better than the
next beyond doubt. ``selection="one_se"`` takes the strongest regularization whose score lies at
most one standard error below the best (Breiman et al. 1984).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skreg import MLPClassifierCV
from skreg.inspection import RegularizationPathDisplay

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(scale(X), y, random_state=0)

# %%
# The same scores, two choices.
searches = {
    selection: MLPClassifierCV(
        (16,), l1s=np.geomspace(3e-4, 0.05, 15), selection=selection, cv=10, max_iter=60,
        batch_size=50, learning_rate="cosine", learning_rate_init=0.01, random_state=0,
    ).fit(X_train, y_train)
    for selection in ("best", "one_se")
}  # fmt: skip
print(f"{'selection':<11}{'l1':>8}{'weights':>9}{'features':>10}{'test accuracy':>15}")
for selection, search in searches.items():
    network = search.best_estimator_
    print(f"{selection:<11}{search.l1_:>8.4f}{network.n_nonzero_:>9}", end="")
    print(f"{network.active_features_.size:>10}{search.score(X_test, y_test):>15.3f}")

# %%
# The scores, the best of them, and one standard error below it.
results, best = searches["best"].cv_results_, searches["best"].best_index_
scores = np.array([results[f"split{fold}_test_score"][best] for fold in range(10)])
limit = scores.mean() - scores.std(ddof=1) / np.sqrt(10)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
RegularizationPathDisplay.from_estimator(searches["one_se"], ax=ax)
ax.plot(searches["best"].l1_, scores.mean(), "o", color="C1", markersize=9, label="best")
ax.axhline(limit, color="C1", linestyle="--", label="one standard error below it")
ax.legend(loc="lower left")
plt.show()

# %%
# What to see: the dotted line is the last strength whose score is not below the dashed one. Ten
# folds can't tell it from the best, and it needs far fewer weights.
