"""
Dropout against overfitting
===========================

600 digits, a fifth of them with a label drawn at random. A wide network learns even those by
heart. With dropout each step trains another random part of it, and the wrong labels, which no
two parts agree on, are not learned.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(
    X / 16, y, train_size=600, stratify=y, random_state=0
)
rng = np.random.RandomState(0)
y_noisy = np.where(rng.uniform(size=600) < 0.2, rng.randint(10, size=600), y_train)


def fit(dropout):
    """Train for 100 epochs and watch the loss on digits whose labels are right."""
    network = MLPClassifier(
        (256, 256), dropout=dropout, l2=0.0, batch_size=50, learning_rate="cosine", max_iter=100,
        n_iter_no_change=100, random_state=0,
    )  # fmt: skip
    return network.fit(X_train, y_noisy, X_val=X_val, y_val=y_val)


# %%
# ``history_`` keeps the training loss and the validation loss of every epoch.
networks = {dropout: fit(dropout) for dropout in (0.0, 0.5, 0.75)}
print(f"{'dropout':>8} {'training loss':>14} {'validation loss':>16} {'accuracy':>9}")
for dropout, network in networks.items():
    history = network.history_
    print(
        f"{dropout:8.2f} {history['loss'][-1]:14.3f} {history['validation_loss'][-1]:16.3f} "
        f"{network.score(X_val, y_val):9.3f}"
    )

# %%
# Both losses over the epochs.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
for dropout, network in networks.items():
    left.plot(network.history_["loss"], label=f"dropout = {dropout}")
    right.plot(network.history_["validation_loss"], label=f"dropout = {dropout}")
left.set(title="600 digits for training, a fifth mislabelled", xlabel="epoch", ylabel="log loss")
right.set(title="1197 other digits", xlabel="epoch", ylim=(0, 1.5))
right.legend()
plt.show()

# %%
# What to see: without dropout the training loss falls to nothing, while the loss on other digits
# turns around and rises. With dropout the training loss looks worse, and the other one stays low.
