"""
Images: an autoencoder that takes noise away
============================================

A regressor may have as many outputs as inputs. Trained to turn noisy digits into clean ones, with a
narrow layer in between, it learns what digits look like (Vincent et al. 2008). ``GaussianNoise``
draws other noise for every batch, so the network never sees the same noise twice.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPRegressor
from skreg.augmentation import GaussianNoise

X, y = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X / 16, test_size=0.4, random_state=0)
noisy = X_test + np.random.default_rng(0).normal(scale=0.4, size=X_test.shape)


def train(augmentation):
    """Return a network that was trained to reproduce its input."""
    network = MLPRegressor(
        (128, 32, 128), augmentation=augmentation, batch_size=50, learning_rate="cosine",
        learning_rate_init=0.005, max_iter=60, random_state=0,
    )  # fmt: skip
    return network.fit(X_train, X_train)


# %%
# The same network with clean and with noisy inputs; the outputs are clean for both.
networks = {"trained without noise": train(None), "trained with noise": train(GaussianNoise(0.4))}
images = {"noisy": noisy} | {name: network.predict(noisy) for name, network in networks.items()}
for name, image in images.items():
    print(f"{name:<22} mean squared error {np.mean((image - X_test) ** 2):.4f}")

# %%
# Ten test digits: clean, with noise, and what both networks make of that.
figure, axes = plt.subplots(4, 10, figsize=(8, 3.4), layout="constrained")
for line, (name, rows) in zip(axes, [("clean", X_test), *images.items()], strict=True):
    for ax, row in zip(line, rows, strict=False):
        ax.imshow(row.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name.replace(" ", "\n", 1), rotation=0, ha="right", va="center")
plt.show()

# %%
# What to see: the narrow layer alone takes away much of the noise, and turns the rest into strokes.
# The network that was trained with noise comes closer to the clean digits.
