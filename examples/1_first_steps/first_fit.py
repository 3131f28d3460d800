"""
A first fit in a pipeline
=========================

Networks want inputs of one scale, so a scaler stands before them. In a pipeline both are one
estimator: it learns the scale from the training rows only, and takes data frames as they are.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import MLPClassifier
from skreg.inspection import LossCurveDisplay

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# ``group_l1`` makes every input cost something, ``l2`` keeps weights small. ``set_output`` hands
# the names of the columns on to the network.
network = MLPClassifier(
    (16,), group_l1=[0.02, 0], l2=1e-3, learning_rate="cosine", learning_rate_init=0.02,
    random_state=0,
)  # fmt: skip
model = make_pipeline(StandardScaler(), network).set_output(transform="pandas")
model.fit(X_train, y_train)

# %%
# The picture above is what a notebook shows of a fitted model: open the parts to see parameters
# and what was learned, with links to the documentation.
print(f"test accuracy {model.score(X_test, y_test):.3f}")
print(model.predict(X_test[:3]))
print(model.predict_proba(X_test[:3]).round(3))

# %%
# Names that end in an underscore say what was learned.
print("classes_          ", network.classes_.tolist())
print("feature_names_in_ ", network.feature_names_in_[:3].tolist(), "...")
print("coefs_            ", [coef.shape for coef in network.coefs_])
print("n_nonzero_        ", network.n_nonzero_, "weights")
print("active_features_  ", network.active_features_.tolist())
print("n_iter_           ", network.n_iter_, "epochs")
print("loss_             ", round(network.loss_, 4))

# %%
# Two more of them as pictures: ``history_`` and ``feature_importances_``.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
LossCurveDisplay.from_estimator(model, ax=left)
order = np.argsort(network.feature_importances_)
names = [name.replace("_", " ").split("/")[0] for name in network.feature_names_in_[order]]
right.barh(names, network.feature_importances_[order])
right.set(xlabel="feature importance")
plt.show()

# %%
# What to see: the loss falls to less than a tenth, and most of what remains are penalties. Inputs
# that are not worth their price have an importance of exactly zero.
