"""
Transfer: between training anew and not at all
==============================================

A machine has made 5,000 measurements, its successor 80. The two are not quite alike. Start the
successor's network from the weights of the first (``coef_init``) and let ``l2_anchor`` decide how
far they may go from there (Li et al. 2018).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import root_mean_squared_error

from skreg import MLPRegressor


def measure(rng, n_rows, slopes):
    """Return rows of a machine, Friedman's function with two slopes of its own."""
    X = rng.uniform(size=(n_rows, 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + X[:, 3:5] @ slopes
    return 2 * X - 1, (y + rng.normal(size=n_rows) - 14) / 5


def network(**parameters):
    """Return a network that has not learned anything."""
    settings = {
        "l2": 0.0, "batch_size": 20, "learning_rate": "cosine", "learning_rate_init": 0.01,
        "max_iter": 100, "random_state": 0,
    }  # fmt: skip
    return MLPRegressor((64,), **settings | parameters)


rng = np.random.default_rng(0)
source = network(max_iter=20).fit(*measure(rng, 5000, [10, 5]))
start = {"coef_init": source.coefs_, "intercept_init": source.intercepts_}
samples = [measure(rng, 80, [5, 10]) for _ in range(5)]
X_test, y_test = measure(rng, 5000, [5, 10])


def error(parameters, start):
    """Return the test error, a mean over the samples of 80 rows."""
    fits = [network(**parameters).fit(X, y, **start) for X, y in samples]
    return np.mean([root_mean_squared_error(y_test, fit.predict(X_test)) for fit in fits])


# %%
# Without the old machine, without the new one, and with both.
strengths = np.geomspace(1e-4, 10, 11)
anchored = [error({"l2_anchor": strength}, start) for strength in strengths]
others = {
    "new rows only, best of 4 l2": min(error({"l2": l2}, {}) for l2 in (0.003, 0.01, 0.03, 0.1)),
    "old network as it is": root_mean_squared_error(y_test, source.predict(X_test)),
    "first layer frozen": error({"frozen_layers": [0]}, start),
    "no anchor": error({}, start),
}
for name, value in others.items():
    print(f"{name:<27} {value:.3f}")
print(f"{f'l2_anchor={strengths[np.argmin(anchored)]:.2g}':<27} {min(anchored):.3f}")

# %%
# The error against the strength of the anchor; lines are the ways without it.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.semilogx(strengths, anchored, "o-", color="C0")
for style, (name, value) in zip(("-", "--", "-.", ":"), others.items(), strict=True):
    ax.axhline(value, color="0.3", linestyle=style, linewidth=1, label=name)
ax.set(xlabel="l2_anchor", ylabel="error on the new machine (RMSE)", ylim=(0.2, 0.5))
figure.legend(loc="outside upper center", ncols=2)
plt.show()

# %%
# What to see: a weak anchor is as good as none, a strong one leaves little but the biases to learn,
# and the lowest error lies between them, far below what either machine's rows give alone.
