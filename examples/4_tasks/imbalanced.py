"""
Rare classes: what class weights change
=======================================

One row in twenty is positive. ``class_weight="balanced"`` counts the rows of both classes as if
there were equally many. Does the network tell the classes apart any better then?
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

X, y = make_classification(
    20_000, n_informative=6, n_clusters_per_class=3, weights=[0.95], flip_y=0.0, class_sep=0.7,
    random_state=0,
)  # fmt: skip
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
probability = {}
for class_weight in (None, "balanced"):
    network = MLPClassifier(
        (64,), class_weight=class_weight, l2=1e-3, learning_rate="cosine", learning_rate_init=0.01,
        max_iter=30, random_state=0,
    )  # fmt: skip
    probability[class_weight] = network.fit(X_train, y_train).predict_proba(X_test)[:, 1]

# %%
# The weights make both classes equally likely before a row is seen. Without them the same can be
# had by a threshold at the share of positive rows, 0.05, where ``predict`` has one half.
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
print(f"{'class_weight':<13}{'threshold':>10}{'precision':>10}{'recall':>8}{'mean precision':>16}")
points = [(None, 0.5, "C0", "o"), (None, 0.05, "C0", "s"), ("balanced", 0.5, "C1", "o")]
for class_weight, threshold, color, marker in points:
    p = probability[class_weight]
    at = recall_score(y_test, p > threshold), precision_score(y_test, p > threshold)
    area = average_precision_score(y_test, p)
    print(f"{class_weight!s:<13}{threshold:>10}{at[1]:>10.3f}{at[0]:>8.3f}{area:>16.3f}")
    label = f"{class_weight!r}, threshold {threshold}"
    ax.plot(*at, marker, color=color, markersize=10, label=label)
for class_weight, color in ((None, "C0"), ("balanced", "C1")):
    precision, recall, _ = precision_recall_curve(y_test, probability[class_weight])
    ax.plot(recall, precision, color=color, zorder=1, label=f"{class_weight!r}, all thresholds")
ax.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
figure.legend(loc="outside upper center", ncols=2, title="class_weight")
plt.show()

# %%
# What to see: the curve does not rise. The weights move the circle along it, from few false alarms
# to few misses, and the threshold (square) does the same without another fit.
