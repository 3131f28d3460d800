"""
Label smoothing against wrong labels
====================================

A fifth of the labels is drawn at random. The surer a network is, the more a wrong label costs it,
without bound; so it bends until it fits. With ``label_smoothing`` no label is certain, and to be
sure does not pay.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, train_size=600, stratify=y, random_state=0
)
rng = np.random.RandomState(0)
y_noisy = np.where(rng.uniform(size=600) < 0.2, rng.randint(10, size=600), y_train)


def fit(label_smoothing):
    """Train for 60 epochs on labels of which some are wrong."""
    network = MLPClassifier(
        (128,), label_smoothing=label_smoothing, batch_size=50, learning_rate="cosine",
        learning_rate_init=0.01, max_iter=60, random_state=0,
    )  # fmt: skip
    return network.fit(X_train, y_noisy)


# %%
# The confidence in a prediction is the largest of its probabilities.
smoothings = [0.0, 0.1, 0.2, 0.4, 0.6]
rows, confidences = [], {}
print(f"{'label_smoothing':>15} {'accuracy':>9} {'mean confidence':>16} {'log loss':>9}")
for smoothing in smoothings:
    network = fit(smoothing)
    probabilities = network.predict_proba(X_test)
    confidences[smoothing] = probabilities.max(axis=1)
    rows.append((network.score(X_test, y_test), confidences[smoothing].mean()))
    loss = log_loss(y_test, probabilities)
    print(f"{smoothing:15.1f} {rows[-1][0]:9.3f} {rows[-1][1]:16.3f} {loss:9.3f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for smoothing, style in ((0.0, "-"), (0.2, "--"), (0.6, ":")):
    left.hist(
        confidences[smoothing], bins=np.linspace(0, 1, 41), histtype="step", linestyle=style,
        linewidth=1.5, label=smoothing,
    )  # fmt: skip
left.set(xlabel="confidence", ylabel="test digits")
left.legend(title="label_smoothing", loc="upper left")
accuracies, means = np.transpose(rows)
right.plot(smoothings, accuracies, "o-", label="accuracy")
right.plot(smoothings, means, "s--", label="mean confidence")
right.set(xlabel="label_smoothing", ylim=(0, 1))
right.legend(loc="lower left")
plt.show()

# %%
# What to see: the more labels are smoothed, the less the wrong ones are learned, and the accuracy
# rises. The confidence falls far below it: probabilities, and with them the log loss, get worse.
