"""The table behind the API page: every public name, once, under the heading it belongs to.

A new public class needs one line here; a test compares the table with ``skreg.__all__``.
"""

SECTIONS = {
    "Estimators": (
        "Networks with the interface of scikit-learn's estimators. What they inherit from there, "
        "such as ``get_params``, ``set_params`` and ``set_fit_request``, is documented there.",
        ["MLPClassifier", "MLPRegressor"],
    ),
    "Search": (
        "Estimators that choose their strengths by cross-validation, paths of solutions over "
        "strengths, and the records that these return.",
        [
            "MLPClassifierCV",
            "MLPRegressorCV",
            "mlp_path",
            "MLPPath",
            "feature_importances_from_path",
            "stability_selection",
            "StabilitySelection",
        ],
    ),
    "Augmentation": (
        "What changes the rows of every training batch; for the parameter ``augmentation``.",
        [
            "augmentation.GaussianNoise",
            "augmentation.Mixup",
            "augmentation.FeatureSwap",
            "augmentation.Adversarial",
            "augmentation.ImageTransform",
            "augmentation.CutOut",
        ],
    ),
    "Inspection": (
        "Displays after the convention of scikit-learn's, which draw what a fit, a path or a "
        "search has done, and the bias and the variance of an estimator as numbers.",
        [
            "inspection.LossCurveDisplay",
            "inspection.SparsityDisplay",
            "inspection.WeightsDisplay",
            "inspection.RegularizationPathDisplay",
            "inspection.BiasVarianceDisplay",
            "inspection.UncertaintyDisplay",
            "inspection.bias_variance",
            "inspection.BiasVariance",
        ],
    ),
}


def modules(sections=SECTIONS):
    """Return the public modules that the names come from, which other pages refer to."""
    names = [f"skreg.{name}" for _, listed in sections.values() for name in listed]
    return sorted({name.rpartition(".")[0] for name in names})


def render(sections=SECTIONS):
    """Return the API page as reStructuredText."""
    lines = ["API reference", "=============", ""]
    lines += [f".. module:: {name}" for name in modules(sections)]
    lines += ["", ".. currentmodule:: skreg", ""]
    for title, (description, names) in sections.items():
        lines += [title, "-" * len(title), "", description, ""]
        lines += [".. autosummary::", "   :toctree: generated", ""]
        lines += [f"   {name}" for name in names] + [""]
    return "\n".join(lines)
