"""
Learning from the partitions of a Dask dataframe
================================================

A Dask dataframe is a list of partitions that are computed when somebody asks for them, on this
machine or on a cluster. The network asks for one after the other and forgets it: ten lines, and
nothing to adapt in the estimator.
"""

import dask.dataframe as dd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skreg import MLPRegressor


def load(part):
    """Return one partition; in real life it reads a file."""
    rng = np.random.default_rng(part)
    X = rng.uniform(-2, 2, size=(5000, 4))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + rng.normal(scale=0.1, size=len(X))
    return pd.DataFrame({**{f"x{j}": X[:, j] for j in range(4)}, "y": y})


frame = dd.from_map(load, range(12), meta=load(0).iloc[:0])
print(frame)

# %%
# The last partition is for validation. Each pass over the others is eleven calls of `partial_fit`,
# each of which counts as an epoch.

parts = frame.partitions
validation = parts[11].compute()
X_val, y_val = validation.drop(columns="y"), validation["y"]

network = MLPRegressor((64, 32), learning_rate_init=3e-3, dropout=0.0, random_state=0)
scores = []
for _ in range(3):
    for k in range(11):
        block = parts[k].compute()
        network.partial_fit(block.drop(columns="y"), block["y"], X_val=X_val, y_val=y_val)
    scores.append(network.score(X_val, y_val))
print("R2 on the validation partition after each pass:", np.round(scores, 3))

# %%
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
loss = network.history_["validation_loss"]
ax.plot(range(1, loss.size + 1), loss)
for end in (11.5, 22.5):
    ax.axvline(end, color="0.8", zorder=0)
ax.set(xlabel="partitions seen", ylabel="validation loss", yscale="log", title="Three passes")
plt.show()

# %%
# What to see: most is learned in the first pass; later passes, beyond the grey lines, refine it.
