"""
Dropout and its rate
====================

600 digits, three in ten with a label drawn at random. A wide network learns even those by heart.
Dropout trains another random part of it with each step, and the wrong labels, which no two parts
agree on, are not learned. How much should be dropped?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(
    X / 16, y, train_size=600, stratify=y, random_state=0
)
rng = np.random.RandomState(0)
y_noisy = np.where(rng.uniform(size=600) < 0.3, rng.randint(10, size=600), y_train)


def fit(dropout):
    """Train for 80 epochs and watch the loss on digits whose labels are right."""
    network = MLPClassifier(
        (128, 128), dropout=dropout, l2=0.0, batch_size=50, learning_rate="cosine",
        learning_rate_init=0.003, max_iter=80, random_state=0,
    )  # fmt: skip
    return network.fit(X_train, y_noisy, X_val=X_val, y_val=y_val)


# %%
# Predictions drop nothing, so the training loss is taken from them: ``history_["loss"]`` is
# measured on networks that miss some of their units.
networks = {dropout: fit(dropout) for dropout in (0.0, 0.2, 0.4, 0.6, 0.8)}
rows = []
print(f"{'dropout':>8} {'training loss':>14} {'validation loss':>16} {'accuracy':>9}")
for dropout, network in networks.items():
    losses = (
        log_loss(y_noisy, network.predict_proba(X_train)),
        log_loss(y_val, network.predict_proba(X_val)),
    )
    rows.append(losses)
    print(f"{dropout:8.1f} {losses[0]:14.3f} {losses[1]:16.3f} {network.score(X_val, y_val):9.3f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
colors = "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#000000"
left.set_prop_cycle(color=colors, marker=list("os^Dv"))
for place, (dropout, network) in enumerate(networks.items()):
    curve = network.history_["validation_loss"]
    every = {"markersize": 6, "markevery": (2 * place, 10)}
    left.plot(range(1, curve.size + 1), curve, label=f"{dropout}", linewidth=1.2, **every)
left.set(xlabel="epoch", ylabel="log loss", ylim=(0, 1.8), title="Validation loss, epoch by epoch")
left.legend(title="dropout", ncols=3, loc="upper right")
training, validation = np.transpose(rows)
right.plot(list(networks), training, "o--", label="training")
right.plot(list(networks), validation, "s-", label="validation")
right.set(xlabel="dropout", title="Losses after the last epoch")
right.legend()
plt.show()

# %%
# What to see: without dropout the validation loss turns around and climbs, since the wrong labels
# are learned. The more is dropped, the higher the training loss; the validation loss is lowest in
# between. With 0.8 the network is far too unsure, so its loss is high again, although it is right
# more often than without dropout.
