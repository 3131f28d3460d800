"""
Dropout against overfitting
===========================

A wide network learns 300 digits by heart in a few epochs. With dropout, each step trains another
random part of it, and the loss on unseen digits keeps falling.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

# The curves are the point, so every fit runs for the same number of epochs.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(
    X / 16, y, train_size=300, stratify=y, random_state=0
)


def fit(dropout):
    """Train on the 300 digits and watch the loss on all others."""
    network = MLPClassifier(
        (256, 256), dropout=dropout, l2=0.0, batch_size=50, max_iter=200, tol=0.0,
        n_iter_no_change=200, random_state=0,
    )  # fmt: skip
    return network.fit(X_train, y_train, X_val=X_val, y_val=y_val)


# %%
# ``history_`` keeps the training loss and the validation loss of every epoch.
networks = {dropout: fit(dropout) for dropout in (0.0, 0.25, 0.5)}
print(f"{'dropout':>8} {'training loss':>14} {'validation loss':>16} {'accuracy':>9}")
for dropout, network in networks.items():
    history = network.history_
    print(
        f"{dropout:8.2f} {history['loss'][-1]:14.4f} {history['validation_loss'][-1]:16.4f} "
        f"{network.score(X_val, y_val):9.4f}"
    )

# %%
# Both losses over the epochs.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharex=True)
for dropout, network in networks.items():
    left.semilogy(network.history_["loss"], label=f"dropout = {dropout}")
    right.plot(network.history_["validation_loss"], label=f"dropout = {dropout}")
left.set(title="300 digits for training", xlabel="epoch", ylabel="log loss")
right.set(title="1497 other digits", xlabel="epoch", ylim=(0.1, 0.6))
right.legend()
plt.show()

# %%
# What to see: without dropout the validation loss turns and rises while the training loss falls
# to nothing; with dropout it stays down, although the training loss looks worse.
