"""
Halving: bad strengths train for a short time
=============================================

27 candidates begin with three epochs each. The best third goes on, from where it stood, for three
times as many, and so on: nobody trains for long without a reason (Jamieson and Talwalkar 2016).
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPClassifierCV

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.4, random_state=0)
settings = {
    "l1s": np.geomspace(1e-5, 1e-2, 9), "dropouts": [0.0, 0.25, 0.5], "scoring": "neg_log_loss",
    "cv": 3, "max_iter": 81, "batch_size": 50, "learning_rate": "cosine",
    "learning_rate_init": 0.005, "random_state": 0,
}  # fmt: skip


def search(name, **how):
    """Search, and print what was found and what it took."""
    start = perf_counter()
    found = MLPClassifierCV((32,), **how, **settings).fit(X_train, y_train)
    seconds = perf_counter() - start
    n_epochs = 3 * np.sum(found.cv_results_.get("n_epochs", 27 * 81))
    print(f"{name:<9}{n_epochs:>7}{seconds:>9.1f}{found.l1_:>10.1e}{found.dropout_:>9}", end="")
    print(f"{-found.score(X_test, y_test):>15.3f}")
    return found.cv_results_


# %%
# The same search twice. ``cv_results_["n_epochs"]`` says what each candidate got on each fold.
print(f"{'search':<9}{'epochs':>7}{'seconds':>9}{'l1':>10}{'dropout':>9}{'test log loss':>15}")
full = search("full")
halved = search("halving", halving=True)

# %%
# The loss of each candidate in the full search, and how long it trained in the other one. Heights
# are shifted a little, so that symbols do not cover one another.
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
markers = {0.0: "o", 0.25: "s", 0.5: "^"}
for k, (dropout, marker) in enumerate(markers.items()):
    of_it = full["param_dropout"] == dropout
    loss, n_epochs = -full["mean_test_score"][of_it], halved["n_epochs"][of_it]
    nudged = n_epochs * 1.12 ** (k - 1)
    ax.loglog(loss, nudged, marker, color=("C0", "C1", "0.3")[k], alpha=0.7, label=f"{dropout}")
ax.set_yticks([3, 9, 27, 81], labels=[3, 9, 27, 81])
ax.set_ylim(2.2, 110)
ax.set_xticks([0.1, 0.2, 0.5, 1], labels=[0.1, 0.2, 0.5, 1])
ax.minorticks_off()
ax.set(xlabel="log loss after 81 epochs, in the full search", ylabel="epochs, with halving")
ax.legend(title="dropout")
plt.show()

# %%
# What to see: candidates that trained long are near the left, where the full search has its best.
# But the very best of it were dropped after three or nine epochs, and all of these have dropout: it
# learns slowly. What halving chose is nearly as good, for a fraction of the epochs.
