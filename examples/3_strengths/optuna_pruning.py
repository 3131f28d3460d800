"""
Optuna stops hopeless trials early
==================================

`partial_fit` runs one epoch, so a trial can report its validation loss after each, and Optuna's
pruner can say: enough. Its sampler proposes the next strengths from what the trials before have
shown (Bergstra et al. 2011). Both come with ``pip install optuna``.
"""

import matplotlib.pyplot as plt
import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skreg import MLPClassifier

optuna.logging.set_verbosity(optuna.logging.WARNING)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X / 16, y, train_size=600, random_state=0)
rng = np.random.default_rng(0)
y_noisy = np.where(rng.uniform(size=600) < 0.2, rng.integers(10, size=600), y_train)
N_EPOCHS = 40


def objective(trial):
    """Return the validation loss of the strengths that the trial proposes."""
    network = MLPClassifier(
        (128,), batch_size=50, learning_rate_init=0.005, random_state=0,
        l1=trial.suggest_float("l1", 1e-6, 1e-1, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.8),
    )  # fmt: skip
    for epoch in range(N_EPOCHS):
        network.partial_fit(X_train, y_noisy, classes=range(10), X_val=X_val, y_val=y_val)
        loss = network.history_["validation_loss"][-1]
        trial.report(loss, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


# %%
# A trial is pruned when its best loss so far is above the median of the others at that epoch.
study = optuna.create_study(
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=5),
)
study.optimize(objective, n_trials=40)
curves = [list(trial.intermediate_values.values()) for trial in study.trials]
n_complete = sum(len(curve) == N_EPOCHS for curve in curves)
print(f"{len(curves)} trials, {n_complete} of them ran to the end")
print(f"{sum(map(len, curves))} epochs instead of {N_EPOCHS * len(curves)}")
print("best:", ", ".join(f"{name}={value:.2g}" for name, value in study.best_params.items()))
print(f"validation loss {study.best_value:.3f}")

# %%
# The validation loss of all trials, epoch by epoch; crosses end what was pruned.
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
epochs = np.arange(1, N_EPOCHS + 1)
for curve in sorted(curves, key=len):
    color = "C0" if len(curve) == N_EPOCHS else "0.7"
    ax.semilogy(epochs[: len(curve)], curve, color=color, linewidth=1)
    if len(curve) < N_EPOCHS:
        ax.semilogy(len(curve), curve[-1], "x", color="C1")
ax.semilogy(epochs, curves[study.best_trial.number], color="k", linewidth=2, label="best trial")
ax.set(xlabel="epoch", ylabel="validation loss", yticks=[0.5, 1, 2], yticklabels=[0.5, 1, 2])
ax.set_title("Blue ran to the end, grey was pruned")
ax.minorticks_off()
ax.legend()
plt.show()

# %%
# What to see: but for the first five, which run to the end to be compared with, trials that begin
# badly end after a few epochs. The line that stays at the top is one of these five: its ``l1`` is
# so strong that nothing is learned.
