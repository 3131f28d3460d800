"""
Quantile regression: a band from three networks
===============================================

A network that minimizes squared error says what to expect, and nothing about how far off it will
be. With ``loss="quantile"`` it learns a quantile of the target instead; the 5 % and the 95 %
quantile hold nine tenths of the targets between them, wherever there is more noise or less.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from skreg import MLPRegressor

rng = np.random.default_rng(0)


def sample(n_rows):
    """Return rows, and targets whose noise is skewed and grows to the right."""
    x = rng.uniform(0, 10, size=n_rows)
    return x[:, np.newaxis], np.sin(x) + 0.1 * x * rng.gamma(2.0, 0.5, size=n_rows)


X, y = sample(1000)
X_test, y_test = sample(5000)

# %%
# Three networks that differ in ``quantile`` alone.
scaler = StandardScaler().fit(X)
networks = {
    quantile: MLPRegressor(
        (32, 32), loss="quantile", quantile=quantile, activation="tanh", batch_size=50,
        learning_rate="cosine", learning_rate_init=0.01, max_iter=150, random_state=0,
    ).fit(scaler.transform(X), y)
    for quantile in (0.05, 0.5, 0.95)
}  # fmt: skip
print(f"{'quantile':>8} {'test targets below':>19} {'left half':>10} {'right half':>11}")
is_left = X_test[:, 0] < 5
for quantile, network in networks.items():
    is_below = y_test < network.predict(scaler.transform(X_test))
    shares = is_below.mean(), is_below[is_left].mean(), is_below[~is_left].mean()
    print(f"{quantile:8.0%} {shares[0]:19.1%} {shares[1]:10.1%} {shares[2]:11.1%}")

# %%
# The band, the median and the rows they were learned from.
grid = np.linspace(0, 10, 400)[:, np.newaxis]
low, median, high = (network.predict(scaler.transform(grid)) for network in networks.values())
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(X, y, ".", color="0.6", markersize=3, label="training rows")
ax.fill_between(grid[:, 0], low, high, color="C0", alpha=0.25, label="5 % to 95 %")
ax.plot(grid, median, color="C0", label="median")
ax.set(xlabel="x", ylabel="y", xlim=(0, 10), title="Noise that grows to the right")
ax.legend(loc="upper left")
plt.show()

# %%
# What to see: the band is narrow at the left and wide at the right, as the noise is, and reaches
# higher above the median than below it, because the noise is skewed.
