"""
Text: a sparse matrix stays sparse
==================================

Which part of scikit-learn does a docstring belong to? Rows of weighted word counts have some two
thousand columns, nearly all of them zero, and the network reads the sparse matrix as it is.
``group_l1`` leaves few of the words.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.utils.discovery import all_estimators, all_functions

from skreg import MLPClassifier

parts = ["cluster", "datasets", "ensemble", "linear_model", "metrics", "preprocessing"]
texts, y = [], []
for _, thing in all_functions() + all_estimators():
    part = thing.__module__.split(".")[1]
    if part in parts:
        lines = thing.__doc__.splitlines()
        # Lines that name modules, or link to examples of theirs, would make it too easy.
        lines = [line for line in lines if "sklearn" not in line and "sphx_glr" not in line]
        texts.append("\n".join(lines))
        y.append(part)
vectorizer = TfidfVectorizer(
    sublinear_tf=True, stop_words="english", min_df=3, token_pattern="[a-z]{3,}"
)
X = vectorizer.fit_transform(texts)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, test_size=0.4, random_state=0)
print(f"{X.shape[0]} docstrings, {X.shape[1]} words, {X.nnz / np.prod(X.shape):.1%} are not zero")

# %%
# A word is a row of the first matrix, and only that one is penalized.
print(f"{'group_l1':>8} {'words':>6} {'test accuracy':>14}")
for strength in (0.0, 1e-4, 3e-4, 1e-3):
    network = MLPClassifier(
        (32,), group_l1=[strength, 0.0], batch_size=20, learning_rate="cosine",
        learning_rate_init=0.01, max_iter=60, random_state=0,
    ).fit(X_train, y_train)  # fmt: skip
    n_words = network.active_features_.size
    print(f"{strength:8g} {n_words:6d} {network.score(X_test, y_test):14.3f}")

# %%
# The 30 most important words of the last network, and how much of them is in each part.
words = np.argsort(-network.feature_importances_)[:30]
rows = [X_train[np.array(y_train) == part][:, words].toarray().mean(axis=0) for part in parts]
shares = np.array(rows) / np.sum(rows, axis=0)
order = np.lexsort((-shares.max(axis=0), shares.argmax(axis=0)))
figure, ax = plt.subplots(figsize=(9, 3.6), layout="constrained")
image = ax.imshow(shares[:, order], cmap="Blues", vmin=0, vmax=1, aspect="auto")
names = vectorizer.get_feature_names_out()[words[order]]
ax.set_xticks(range(len(words)), labels=names, rotation=90)
ax.set_yticks(range(len(parts)), labels=parts)
figure.colorbar(image, label="share of the word's weight")
plt.show()

# %%
# What to see: most of the words that the network holds on to are at home in one part.
