"""
Learning from more data than fits into memory
=============================================

The table below lies in a file. `partial_fit` runs one epoch over the rows that it is given, so the
network sees block after block, and no two blocks are in memory at once. Rows at the end of the
file, which it never learns from, tell when to stop: ``stopped_early_``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skreg import MLPClassifier

N_BLOCKS, N_ROWS, N_FEATURES = 40, 25_000, 50
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "table.npy"

# %%
# Write a table of 200 MB, block by block: two classes separated by a curved surface.
rng = np.random.default_rng(0)
table = np.lib.format.open_memmap(path, "w+", np.float32, (N_BLOCKS * N_ROWS, N_FEATURES + 1))
for block in range(N_BLOCKS):
    X = rng.normal(size=(N_ROWS, N_FEATURES)).astype(np.float32)
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + rng.normal(scale=0.5, size=N_ROWS) > 0
    table[block * N_ROWS : (block + 1) * N_ROWS] = np.c_[X, y]
del table


def read(block):
    """Return X and y of one block; the file is open only meanwhile."""
    rows = np.load(path, mmap_mode="r")[block * N_ROWS : (block + 1) * N_ROWS]
    return np.ascontiguousarray(rows[:, :-1]), np.array(rows[:, -1])


# %%
# Early stopping needs a validation set of one's own here. The first call compiles the kernels,
# which takes memory of its own, so it comes before a limit of a tenth of the table (on Linux only).
X_val, y_val = read(N_BLOCKS - 1)
network = MLPClassifier((64, 32), learning_rate_init=3e-3, early_stopping=True, scoring="loss",
                        random_state=0, n_jobs=1)  # fmt: skip
network.partial_fit(*read(0), classes=[0, 1], X_val=X_val, y_val=y_val)
status = Path("/proc/self/status")
if status.exists():
    import resource

    words, before = status.read_text().split(), resource.getrlimit(resource.RLIMIT_DATA)
    most = 1024 * int(words[words.index("VmData:") + 1]) + path.stat().st_size // 10
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        np.array(np.load(path, mmap_mode="r"))
    except MemoryError:
        print(f"{path.stat().st_size / 2**20:.0f} MB do not fit into a tenth of that. By blocks:")
else:
    print("Only Linux says how much memory is taken: there is no limit here. By blocks:")
while not network.stopped_early_ and network.n_iter_ < 5 * (N_BLOCKS - 1):
    network.partial_fit(*read(network.n_iter_ % (N_BLOCKS - 1)), X_val=X_val, y_val=y_val)
if status.exists():
    resource.setrlimit(resource.RLIMIT_DATA, before)
print(f"{network.n_iter_} blocks, validation accuracy {network.score(X_val, y_val):.3f}")

# %%
loss = network.history_["validation_loss"]
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
seen = np.arange(1, loss.size + 1)
ax.plot(seen, np.c_[network.history_["loss"], loss], label=["training block", "validation rows"])
ax.plot(seen[np.argmin(loss)], loss.min(), "ko", label="weights that were kept")
ax.set(xlabel="blocks seen", ylabel="log loss", title="Block after block from a file")
ax.legend()
plt.show()

# %%
# What to see: the validation loss falls while the network reads, block by block, a file ten times
# larger than the memory it may take. Once it no longer falls, the best weights come back.
folder.cleanup()
