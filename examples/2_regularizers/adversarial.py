"""
Small attacks, and training against them
========================================

Move every pixel a little in the direction that hurts most, and a network that seemed good is
fooled. ``Adversarial`` shows such rows to the network while it learns (Goodfellow et al. 2015).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier
from skreg.augmentation import Adversarial, GaussianNoise

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
attacks = np.linspace(0, 0.3, 7)


def fit(augmentation):
    """Train for 100 epochs."""
    network = MLPClassifier(
        (100,), augmentation=augmentation, learning_rate="cosine", learning_rate_init=0.01,
        max_iter=100, random_state=0,
    )  # fmt: skip
    return network.fit(X_train, y_train)


def attacked(network, epsilon):
    """Return test digits, each pixel moved by epsilon against this network."""
    return Adversarial(epsilon).sample(X_test, y_test, estimator=network)[0]


# %%
# Each network is attacked through its own gradient.
networks = {
    "plain": fit(None),
    "GaussianNoise(0.15)": fit(GaussianNoise(0.15)),
    "Adversarial(0.15)": fit(Adversarial(0.15)),
}
accuracies = {
    name: [network.score(attacked(network, epsilon), y_test) for epsilon in attacks]
    for name, network in networks.items()
}
print("pixels moved by     " + "".join(f"{epsilon:6.2f}" for epsilon in attacks))
for name, values in accuracies.items():
    print(f"{name:<20}" + "".join(f"{value:6.2f}" for value in values))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for (name, values), marker in zip(accuracies.items(), "so^", strict=True):
    left.plot(attacks, values, marker + "-", label=name)
left.set(xlabel="pixels moved by", ylabel="accuracy", ylim=(0, 1))
figure.legend(loc="outside upper left", ncols=3)

shown = np.concatenate([X_test[:5], *(attacked(one, 0.15)[:5] for one in networks.values())])
images = np.pad(shown.reshape(4, 5, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
right.imshow(images.transpose(0, 2, 1, 3).reshape(40, 50), cmap="gray_r", vmin=-0.15, vmax=1.15)
right.set(xticks=[], title="Moved by 0.15 against each network")
right.set_yticks(np.arange(5, 40, 10) - 0.5, ["as they are", *networks])
plt.show()

# %%
# What to see: on digits as they are all three are equally good. Moved by 0.15, which hardly
# troubles the eye, nearly all fool the plain network; training with noise helps a little, training
# against the attack a lot, also beyond the strength it was trained for.
