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
network = MLPClassifier((64,), learning_rate="cosine", max_iter=60, random_state=0)
model = Pipeline([("scale", StandardScaler()), ("mlp", network)])
strengths = {
    "mlp__l1": [0.0, 1e-4, 1e-3],
    "mlp__l2": [0.0, 1e-3, 1e-2],
    "mlp__dropout": [0.0, 0.25, 0.5],
}

# %%
# The kernels release the GIL, so the fits of a search run as threads over the same data.
search = GridSearchCV(model, strengths, cv=5, n_jobs=-1)
with parallel_config("threading"):
    search.fit(X_train, y_train)
plain = model.set_params(mlp__l1=0.0, mlp__l2=0.0, mlp__dropout=0.0).fit(X_train, y_train)


def report(name, cv_accuracy, fitted):
    """Print one row: how good the network is, and how many of its weights are zero."""
    weights = [w for layer in fitted["mlp"].coefs_ for w in layer.ravel()]
    accuracy = fitted.score(X_test, y_test)
    zeros = f"{weights.count(0)} of {len(weights)}"
    print(f"{name:<18} {cv_accuracy:>11.4f} {accuracy:>14.4f} {zeros:>15}")


results = search.cv_results_
unregularized = results["params"].index(dict.fromkeys(strengths, 0.0))
print(f"{len(results['params'])} candidates, 5 folds each\n")
print("best: " + ", ".join(f"{k[5:]}={v:g}" for k, v in sorted(search.best_params_.items())) + "\n")
print(f"{'network':<18} {'CV accuracy':>11} {'test accuracy':>14} {'zero weights':>15}")
report("regularized", search.best_score_, search.best_estimator_)
report("not regularized", results["mean_test_score"][unregularized], plain)

# %%
# One picture per strength of ``l1``, when matplotlib is there.
try:
    import matplotlib.pyplot as plt
except ModuleNotFoundError:
    raise SystemExit from None

scores = results["mean_test_score"].reshape(3, 3, 3)  # dropout, l1, l2: in alphabetical order
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharey=True)
for ax, l1, table in zip(axes, strengths["mlp__l1"], scores.swapaxes(0, 1), strict=True):
    image = ax.imshow(table, vmin=scores.min(), vmax=scores.max(), origin="lower")
    ax.set(title=f"l1 = {l1:g}", xlabel="l2", xticks=range(3), xticklabels=strengths["mlp__l2"])
axes[0].set(ylabel="dropout", yticks=range(3), yticklabels=strengths["mlp__dropout"])
figure.colorbar(image, label="CV accuracy")
plt.show()

# %%
# What to see: the best network is not in the corner without regularization, and the search pays
# for itself on data that it has not seen.
