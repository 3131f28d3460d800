"""
Bias and variance against the strength of l2
============================================

Fit a network to many bootstrap samples of 150 noisy rows. Variance is how far the networks lie
apart. Bias is how far their mean is from the truth, what is peculiar to these 150 rows included.
The error is the square of the bias plus the variance.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1

from skreg import MLPRegressor
from skreg.inspection import BiasVarianceDisplay

X, y = make_friedman1(150, n_features=10, noise=3.0, random_state=0)
X_test, y_test = make_friedman1(500, n_features=10, noise=0.0, random_state=100)
mean, std = y.mean(), y.std()
y, y_test = (y - mean) / std, (y_test - mean) / std

# %%
# Noise of the test targets would count as bias. These have none.
network = MLPRegressor(
    (50,), activation="tanh", batch_size=30, learning_rate="cosine", learning_rate_init=0.02,
    max_iter=100, random_state=0,
)  # fmt: skip
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
display = BiasVarianceDisplay.from_estimator(
    network, 2 * X - 1, y, param_name="l2", param_range=np.geomspace(1e-3, 0.3, 9),
    X_test=2 * X_test - 1, y_test=y_test, n_bootstraps=20, random_state=0, ax=ax,
)  # fmt: skip
result = display.result
print(f"{'l2':>7}{'bias^2':>9}{'variance':>10}{'error':>8}")
parts = result.bias, result.variance, result.error
for l2, bias, variance, error in zip(result.param_range, *parts, strict=True):
    print(f"{l2:7.3f}{bias:9.3f}{variance:10.3f}{error:8.3f}")
plt.show()

# %%
# What to see: from left to right the variance falls. What counts as bias is level at first, as much
# of it is the noise of these 150 rows, in which all samples share; then it rises steeply. The error
# is smallest in between.
