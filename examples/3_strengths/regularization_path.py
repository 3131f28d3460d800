"""
The path of a network
=====================

Five of 15 features matter (Friedman 1991): two through a product, one through a parabola, two along
straight lines. `mlp_path` fits a network at every strength of ``group_l1``, from weak to strong,
each from the solution before it, and one feature after the other dies.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.preprocessing import scale

from skreg import feature_importances_from_path, mlp_path
from skreg.inspection import RegularizationPathDisplay

X, y = make_friedman1(1300, n_features=15, noise=2.0, random_state=0)
X, y = scale(X), scale(y)
names = ["product, one", "product, two", "parabola", "slope 10", "slope 5"]
names += [f"noise {j}" for j in range(1, 11)]

# %%
# 300 rows to learn from, 1,000 to score each network on.
path = mlp_path(
    X[:300], y[:300], group_l1s=np.geomspace(3e-4, 0.1, 25), X_val=X[300:], y_val=y[300:],
    hidden_layer_sizes=(32,), activation="tanh", batch_size=50, max_iter=200, random_state=0,
)  # fmt: skip
best = np.argmax(path.validation_score)
for title, place in {"weakest": 0, "best": best, "strongest": -1}.items():
    print(f"{title:<10} group_l1={path.strengths[place]:.4f}:", end="")
    print(f" {path.active_features[place].size:2d} features,", end="")
    print(f" validation R2 {path.validation_score[place]:.3f}")

# %%
# The strength at which each feature dies ranks them; the last ones die together, with the network.
# Strong penalties leave little but straight lines, so the parabola, which has no slope, dies no
# later than noise that has one by chance.
deaths = feature_importances_from_path(path)
for j in np.argsort(-deaths, kind="stable")[:8]:
    print(f"{names[j]:<14}{deaths[j]:.3f}")

# %%
# The norm of what goes out of each feature, and the score of the validation rows.
figure, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
display = RegularizationPathDisplay.from_path(path, n_named=0, ax=ax)
colors = ["#0072B2", "#56B4E9", "#009E73", "#D55E00", "#E69F00"]
for line, name, color in zip(display.lines_, names, colors, strict=False):
    line.set(label=name, color=color, linewidth=2, zorder=3)
figure.legend(loc="outside upper center", ncols=5)
plt.show()

# %%
# What to see: up to the dotted line all norms shrink, those of the noise, in grey, to nearly
# nothing, and the validation score rises. Beyond, the features that matter fade, and it falls.
