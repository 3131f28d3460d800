"""
From scikit-learn: alpha becomes l2
===================================

scikit-learn's networks divide their penalty by the size of the batch. Here ``l2`` belongs to the
mean loss: with ``l2 = alpha / batch_size`` and the same seed, both train the same network.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn import neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

import skreg

warnings.simplefilter("ignore", ConvergenceWarning)  # the number of steps is chosen here
X, y = load_digits(return_X_y=True)
X, y = X[:1600] / 16, y[:1600]


def both(alpha, l2, batch_size, n_steps=800):
    """Train the two networks for the same number of steps, whatever the batch size."""
    settings = {"batch_size": batch_size, "max_iter": n_steps * batch_size // 1600, "tol": 0.0}
    settings |= {"n_iter_no_change": n_steps, "learning_rate_init": 0.01, "random_state": 0}
    theirs = neural_network.MLPClassifier((20,), alpha=alpha, **settings)
    ours = skreg.MLPClassifier((20,), l2=l2, **settings)
    return theirs.fit(X, y), ours.fit(X, y)


# %%
# One network, trained twice.
theirs, ours = both(alpha=0.1, l2=0.1 / 100, batch_size=100)
difference = max(abs(a - b).max() for a, b in zip(theirs.coefs_, ours.coefs_, strict=True))
print(f"largest difference between two weights: {difference:.1e}")


# %%
# Now ``alpha``, or ``l2``, stays what it is, while the batches grow.
def norm(network):
    """Return the Euclidean norm of all weights."""
    return np.sqrt(sum((coef**2).sum() for coef in network.coefs_))


batch_sizes = [25, 50, 100, 200, 400]
norms = []
print(f"{'batch_size':>10} {'norm with alpha=1':>18} {'with l2=0.01':>13}")
for batch_size in batch_sizes:
    norms.append([norm(network) for network in both(1.0, 0.01, batch_size)])
    print(f"{batch_size:10d} {norms[-1][0]:18.2f} {norms[-1][1]:13.2f}")

# %%
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
theirs, ours = np.transpose(norms)
ax.semilogx(batch_sizes, theirs, "s--", label="scikit-learn, alpha = 1")
ax.semilogx(batch_sizes, ours, "o-", label="skreg, l2 = 0.01")
ax.set_xticks(batch_sizes, batch_sizes)
ax.minorticks_off()
ax.set(xlabel="batch size", ylabel="norm of all weights", ylim=(0, None))
ax.legend(loc="lower right")
plt.show()

# %%
# What to see: with scikit-learn the same ``alpha`` leaves larger weights the larger the batches
# are: it regularizes less. The same ``l2`` means the same at every batch size. The two meet where
# ``l2 = alpha / batch_size``, at batches of 100.
