"""
Choosing inputs inside a pipeline
=================================

With ``group_l1`` on its first matrix a network drops whole inputs, and `SelectFromModel` reads
from it which. A second network learns from the rest. A randomized search decides how strict the
first one is, with the selection inside of the cross-validation, where it belongs.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import uniform
from sklearn.datasets import load_digits
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.4, random_state=0)
training = {
    "learning_rate": "cosine", "learning_rate_init": 0.01, "max_iter": 30, "batch_size": 50,
    "random_state": 0,
}  # fmt: skip
selector = SelectFromModel(MLPClassifier((32,), **training), threshold=1e-10)
model = Pipeline([("select", selector), ("mlp", MLPClassifier((64,), **training))])


def n_pixels(fitted, X, y):
    """Count the pixels that are left, as a scorer does."""
    return fitted["select"].get_support().sum()


# %%
# One strength per matrix: a zero leaves the second one alone. The pixels are scored, too.
space = {
    "select__estimator__group_l1": [[strength, 0.0] for strength in np.geomspace(1e-4, 0.01, 100)],
    "mlp__dropout": uniform(0, 0.5),
}
search = RandomizedSearchCV(
    model, space, n_iter=20, cv=3, scoring={"accuracy": "accuracy", "pixels": n_pixels},
    refit="accuracy", random_state=0,
).fit(X_train, y_train)  # fmt: skip
accuracy, pixels = (search.cv_results_[f"mean_test_{name}"] for name in ("accuracy", "pixels"))
kept = search.best_estimator_["select"].get_support()
print(f"best: {kept.sum()} of 64 pixels, test accuracy {search.score(X_test, y_test):.3f}")
for n in (50, 40, 30, 20):
    few = pixels <= n
    if few.any():
        print(f"at most {n} pixels: CV accuracy {accuracy[few].max():.3f}")

# %%
# All candidates, and the pixels of the best on the mean of all digits.
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
left.plot(pixels, accuracy, "o")
left.plot(pixels[search.best_index_], accuracy[search.best_index_], "o", color="C1", label="best")
left.set(xlabel="pixels that are left", ylabel="CV accuracy", title="20 candidates")
left.legend(loc="lower right")
right.imshow(X.mean(axis=0).reshape(8, 8), cmap="Greys")
rows, columns = np.divmod(np.flatnonzero(~kept), 8)
right.plot(columns, rows, "x", color="C1", markersize=12, markeredgewidth=2)
right.set(title="Crosses: dropped by the best", xticks=[], yticks=[])
plt.show()

# %%
# What to see: the best network does without three tenths of the pixels. They are at the margins,
# where there is seldom any ink. With fewer the accuracy falls, a little at first.
