"""The order of the examples within each folder of the gallery.

The folders follow their numbers. What the table does not name yet comes last, by the alphabet.
"""

UNLISTED = 1000  # behind everything in the table
ORDER = {
    "1_first_steps": [
        "first_fit.py",
        "from_scikit_learn.py",
        "overfitting.py",
        "validation_set.py",
        "callbacks.py",
        "speed.py",
    ],
    "2_regularizers": [
        "exact_zeros.py",
        "input_selection.py",
        "feature_groups.py",
        "weight_decay.py",
        "dropout.py",
        "max_norm.py",
        "label_smoothing.py",
        "augmentation_digits.py",
        "adversarial.py",
    ],
    "3_strengths": [
        "grid_search.py",
        "regularization_path.py",
        "one_standard_error.py",
        "halving.py",
        "bias_variance.py",
        "stability_selection.py",
        "select_features.py",
        "optuna_pruning.py",
    ],
    "4_tasks": [
        "sparse_text.py",
        "imbalanced.py",
        "quantiles.py",
        "uncertainty.py",
        "denoising.py",
        "transfer_learning.py",
        "compress.py",
    ],
    "5_scale": [
        "out_of_core.py",
        "dask_partitions.py",
    ],
}


def place(name):
    """Return the sort key of an example, given the name of its file."""
    listed = next((names for names in ORDER.values() if name in names), [])
    return (listed.index(name) if name in listed else UNLISTED, name)
