"""
Early stopping with one's own validation set
============================================

The rows of the digits come writer by writer. A random validation split holds digits of writers
the network trains on, so its loss is lower than that on any new writer. ``fit`` takes ``X_val``
and ``y_val`` instead: here, writers of whom the network sees nothing in training.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, shuffle=False)
X_fit, X_val, y_fit, y_val = train_test_split(X_train, y_train, test_size=0.4, shuffle=False)
settings = {"early_stopping": True, "scoring": "loss", "max_iter": 1000, "random_state": 0}

# %%
# The first network draws two fifths of the training rows at random, the second is given the writers
# of the last two fifths. Both stop when the validation loss has not improved for a while, and both
# keep the weights of their best epoch.
drawn = MLPClassifier((64,), validation_fraction=0.4, **settings).fit(X_train, y_train)
own = MLPClassifier((64,), **settings).fit(X_fit, y_fit, X_val=X_val, y_val=y_val)

networks = {"random rows": drawn, "other writers": own}
print(f"{'validation set':<15} {'epochs':>7} {'validation loss':>16} {'test loss':>10}")
for name, network in networks.items():
    lowest = network.history_["validation_loss"].min()
    test = log_loss(y_test, network.predict_proba(X_test))
    print(f"{name:<15} {network.n_iter_:7d} {lowest:16.4f} {test:10.4f}")

# %%
# The validation loss that each of them looked at, and what it met later.
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for color, (name, network) in zip(("C0", "C1"), networks.items(), strict=True):
    curve = network.history_["validation_loss"]
    ax.semilogy(range(1, curve.size + 1), curve, color=color, label=name)
    ax.semilogy(curve.argmin() + 1, curve.min(), "o", color=color)
    ax.axhline(log_loss(y_test, network.predict_proba(X_test)), color=color, linestyle=":")
ax.set(xlabel="epoch", ylabel="validation loss")
ax.set_title("Circles: the weights that are kept; dotted: their loss on new writers")
ax.legend(title="validation set")
plt.show()

# %%
# What to see: random rows promise less than half of the loss that new writers then bring. Writers
# kept apart say what to expect.
