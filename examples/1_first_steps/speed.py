"""
Speed against scikit-learn
==========================

The same networks, trained in turns on one thread each. A first fit compiles the kernels, or reads
them from disk; it comes before the clock starts.
"""

import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn import neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import skreg

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen here

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
batch_sizes = [32, 64, 200]


def network(package, batch_size):
    """Return a network without a penalty, which both packages train for 20 epochs."""
    penalty = {"alpha": 0.0} if package is neural_network else {"l2": 0.0}
    return package.MLPClassifier(
        (100,), batch_size=batch_size, max_iter=20, tol=0.0, n_iter_no_change=20, random_state=0,
        **penalty,
    )  # fmt: skip


def seconds(package, batch_size):
    """Time one fit."""
    with threadpool_limits(1):
        start = perf_counter()
        network(package, batch_size).fit(X, y)
        return perf_counter() - start


# %%
# Alternating, and the fastest of four. The last column is the largest difference of two
# weights: both train the same networks.
network(skreg, 200).fit(X, y)
times = np.empty((4, 2, 3))  # repetitions, packages, batch sizes
for run in times:
    for k, batch_size in enumerate(batch_sizes):
        run[:, k] = seconds(skreg, batch_size), seconds(neural_network, batch_size)
ours, theirs = times.min(axis=0)

print(f"{'batch size':>10} {'skreg':>8} {'scikit-learn':>13} {'ratio':>6} {'difference':>11}")
for k, batch_size in enumerate(batch_sizes):
    one, other = (network(package, batch_size).fit(X, y) for package in (skreg, neural_network))
    difference = max(abs(a - b).max() for a, b in zip(one.coefs_, other.coefs_, strict=True))
    print(
        f"{batch_size:10d} {ours[k]:7.3f}s {theirs[k]:12.3f}s {theirs[k] / ours[k]:6.1f} "
        f"{difference:11.1e}"
    )

# %%
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
places = np.arange(len(batch_sizes))
ax.barh(places - 0.2, ours, height=0.38, label="skreg")
bars = ax.barh(places + 0.2, theirs, height=0.38, label="scikit-learn")
ax.bar_label(bars, [f"{ratio:.1f} times as long" for ratio in theirs / ours], padding=4)
ax.set_yticks(places, [f"batches of {batch_size}" for batch_size in batch_sizes])
ax.set(xlabel="seconds for 20 epochs of the digits", xlim=(0, 1.35 * theirs.max()))
ax.legend(loc="upper right")
plt.show()

# %%
# What to see: the smaller the batches, the more steps, and the more time goes into the Python
# around the arithmetic. Here a whole epoch is one call of compiled code.
