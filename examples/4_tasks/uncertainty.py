"""
Monte-Carlo dropout: where a network is not sure
================================================

Train with dropout, and go on dropping units when you predict: every draw is another network, and
the draws agree where there were data (Gal and Ghahramani 2016). How far they lie apart is the
uncertainty of the network; the noise of the targets comes on top of it.
"""

import matplotlib.pyplot as plt
import numpy as np

from skreg import MLPRegressor
from skreg.inspection import UncertaintyDisplay

rng = np.random.default_rng(0)
x = rng.uniform(-3, 3, size=200)
X, y = x[:, np.newaxis], x * np.sin(x) + rng.normal(scale=0.1, size=200)
network = MLPRegressor(
    (256,), dropout=0.2, batch_size=50, learning_rate="cosine", learning_rate_init=0.005,
    max_iter=300, random_state=0,
).fit(X, y)  # fmt: skip

# %%
# ``return_std=True`` gives the mean and the standard deviation of the draws.
grid = np.array([[-6.0], [-4.5], [-2.0], [0.0], [2.0], [4.5], [6.0]])
means, stds = network.predict(grid, return_std=True, n_draws=500)
print(f"{'x':>5} {'x sin x':>8} {'mean':>6} {'std':>5}")
for place, mean, std in zip(grid[:, 0], means, stds, strict=True):
    print(f"{place:5.1f} {place * np.sin(place):8.2f} {mean:6.2f} {std:5.2f}")

# %%
# Bands that hold half of the draws, and nearly all of them.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
truth = np.linspace(-6, 6, 300)
UncertaintyDisplay.from_estimator(network, X, y=y, grid=truth, n_draws=1000, ax=ax)
ax.plot(truth, truth * np.sin(truth), "--", color="k", linewidth=1)
ax.set(xlabel="x", title="Dashed: x sin x")
plt.show()

# %%
# What to see: the band is narrow among the data and opens beyond them. Dropout shows where the
# network has to guess; it can't know how far off the guess is, and the truth leaves the band.
