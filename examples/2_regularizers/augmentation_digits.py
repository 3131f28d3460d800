"""
Noise, mixup and moved images
=============================

100 labelled digits are few, but every batch can show them anew: with noise, blended, with a square
cut out, or turned and shifted a little. Which changes leave a digit what it is?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier
from skreg.augmentation import CutOut, GaussianNoise, ImageTransform, Mixup

X, y = load_digits(return_X_y=True)
X = X / 16
moved = ImageTransform((8, 8), rotation=15, shift=(0.3, 0.7))
transforms = {
    "none": [],
    "CutOut": [CutOut((8, 8), 2)],
    "Mixup": [Mixup(0.2)],
    "GaussianNoise": [GaussianNoise(0.3)],
    "ImageTransform": [moved],
    "ImageTransform,\nGaussianNoise": [moved, GaussianNoise(0.2)],
}


def accuracy(augmentation, seed):
    """Train on 100 digits and test on the other 1697, which are never changed."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=100, stratify=y, random_state=seed
    )
    network = MLPClassifier(
        (100,), augmentation=augmentation, learning_rate="cosine", learning_rate_init=0.01,
        batch_size=50, max_iter=300, random_state=seed,
    )  # fmt: skip
    return network.fit(X_train, y_train).score(X_test, y_test)


# %%
# Four draws of the training digits, the same for all transforms.
scores = {name: [accuracy(one, seed) for seed in range(4)] for name, one in transforms.items()}
plain = np.array(scores["none"])
print(f"{'augmentation':<30} {'accuracy':>8} {'gain, draw by draw':>28}")
for name, values in scores.items():
    gains = " ".join(f"{gain:+.3f}" for gain in values - plain)
    print(f"{name.replace(chr(10), ' '):<30} {np.mean(values):8.3f} {gains:>28}")


# %%
# ``sample`` shows what a network gets to see: the same ten digits as every transform changes them.
# Only Mixup is drawn with a larger ``alpha``: with 0.2 most digits stay, or become others, whole.
def sample(augmentation, rows):
    """Apply one transform after the other."""
    for transform in augmentation:
        rows = transform.sample(rows, random_state=1)
    return rows


shown = transforms | {"Mixup": [Mixup(2.0)]}
figure, axes = plt.subplots(len(shown), 1, figsize=(8, 4.6), layout="compressed")
for ax, (name, augmentation) in zip(axes, shown.items(), strict=True):
    images = sample(augmentation, X[:10]).reshape(-1, 8, 8)
    ax.imshow(np.hstack(np.pad(images, ((0, 0), (1, 1), (1, 1)))), cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.annotate(f"{np.mean(scores[name]):.3f}", (1.02, 0.5), xycoords="axes fraction", va="center")
axes[0].set_title("accuracy", loc="right", fontsize="medium")
plt.show()

# %%
# What to see: a turned digit is still that digit, and noise changes nothing about it: both help on
# every draw, and most together. A square that is cut out of 8 x 8 pixels can be what tells an 8
# from a 9, and two digits blended are no digit: neither helps here.
