"""
Search for the strength of regularization
=========================================

A pipeline, a grid over ``l1``, ``l2`` and ``dropout``, and the digits: nothing here is new to
someone who knows scikit-learn, except the names of the three parameters.
"""

from joblib import parallel_config
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
network = MLPClassifier(
    (64,), batch_size=50, learning_rate="cosine", learning_rate_init=0.005, max_iter=60,
    random_state=0,
)  # fmt: skip
model = Pipeline([("scale", StandardScaler()), ("mlp", network)])
strengths = {
    "mlp__dropout": [0.0, 0.25, 0.5],
    "mlp__l1": [0.0, 3e-4, 1e-3],
    "mlp__l2": [0.0, 1e-3, 1e-2],
}

# %%
# The kernels release the GIL, so the fits of a search run as threads over the same data.
search = GridSearchCV(model, strengths, cv=5, n_jobs=-1)
with parallel_config("threading"):
    search.fit(X_train, y_train)
candidates, scores = search.cv_results_["params"], search.cv_results_["mean_test_score"]


def report(name, i):
    """Fit candidate ``i`` to all training rows and print what it is and what it is worth."""
    fitted = model.set_params(**candidates[i]).fit(X_train, y_train)
    weights = [w for layer in fitted["mlp"].coefs_ for w in layer.ravel()]
    chosen = "".join(f"{candidates[i][strength]:>9g}" for strength in strengths)
    accuracies = f"{scores[i]:>13.4f} {fitted.score(X_test, y_test):>14.4f}"
    print(f"{name:<18}{chosen}{accuracies}{weights.count(0):>9} of {len(weights)}")


print(f"{len(candidates)} candidates, 5 folds each\n")
print(f"{'network':<18}{'dropout':>9}{'l1':>9}{'l2':>9}", end="")
print(f"{'CV accuracy':>13} {'test accuracy':>14} {'zero weights':>16}")
report("not regularized", candidates.index(dict.fromkeys(strengths, 0.0)))
report("best", search.best_index_)
report("best with most l1", max(range(27), key=lambda i: (candidates[i]["mlp__l1"], scores[i])))

# %%
# A table for each strength of dropout, drawn when matplotlib is there.
try:
    import matplotlib.pyplot as plt
except ModuleNotFoundError:
    raise SystemExit from None

figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharey=True)
for ax, dropout, table in zip(
    axes, strengths["mlp__dropout"], scores.reshape(3, 3, 3), strict=True
):
    image = ax.imshow(table, vmin=scores.min(), vmax=scores.max(), origin="lower")
    ax.set(title=f"dropout = {dropout}", xlabel="l2")
    ax.set(xticks=range(3), xticklabels=strengths["mlp__l2"])
axes[0].set(ylabel="l1", yticks=range(3), yticklabels=strengths["mlp__l1"])
figure.colorbar(image, label="CV accuracy")
plt.show()

# %%
# What to see: the lower left corner of the first table, the network without regularization, is not
# the best one. A strong l1 costs little accuracy and most of the weights.
