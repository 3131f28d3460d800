"""The first weight matrix, as images or as a map of features and units."""

import numpy as np

from skreg._displays._axes import (
    LIGHT_GREY,
    check_matplotlib,
    name_places,
    open_axes,
    shown,
    size_in_points,
)
from skreg._displays._unwrap import first_weights, input_names, output_names, unwrap
from skreg._parameters import is_integer

N_IMAGES = 16
TICK_SIZE = 8  # points


class WeightsDisplay:
    """What the units of the first layer look at: their incoming weights.

    With ``image_shape``, one image per unit; without, a map with a row per feature and a column
    per unit. Units, and the features of a map, are sorted by their norms, the largest first;
    those without a weight that is not zero are left out and counted below. Blue is negative, red
    positive, white zero, on one scale for all.

    Parameters
    ----------
    weights : array-like of shape (n_features, n_units)
        The first weight matrix.
    image_shape : tuple of two int, default=None
        Height and width in pixels of the images that the rows of X are; None draws a map.
    feature_names : list of str, default=None
        Names of the features, for a map.
    unit_names : list of str, default=None
        Names of the units, for a map: of the outputs where there are no hidden layers.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.
    figure_ : matplotlib Figure
        Its figure.
    image_ : matplotlib AxesImage
        The map, or all images in one, row by row with a line between.
    colorbar_ : matplotlib Colorbar
        Its scale.
    units_, features_ : arrays of int
        Which units and features are drawn, in this order.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skreg import MLPClassifier
    >>> from skreg.inspection import WeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> network = MLPClassifier((20,), max_iter=5, random_state=0).fit(X / 16, y)
    >>> display = WeightsDisplay.from_estimator(network, image_shape=(8, 8))
    >>> display.image_.get_array().shape  # 4 x 4 images of 8 x 8 pixels and lines between them
    (35, 35)
    """

    def __init__(self, *, weights, image_shape=None, feature_names=None, unit_names=None):
        self.weights = weights
        self.image_shape = image_shape
        self.feature_names = feature_names
        self.unit_names = unit_names

    @classmethod
    def from_estimator(cls, estimator, *, image_shape=None, feature_names=None, n_units=None,
                       n_features=None, cmap="RdBu_r", ax=None):  # fmt: skip
        """Draw the first weight matrix of a fitted network.

        Parameters
        ----------
        estimator : object
            A fitted network, a pipeline that ends with one, or a fitted search over either.
        image_shape : tuple of two int, default=None
            Height and width in pixels of the images that the network reads; None draws a map.
        feature_names : array-like of str of shape (n_features,), default=None
            Names of what the network reads; None takes those that it was fitted with, or those of
            the steps before it.
        n_units : int, default=None
            How many units to draw; None draws 16 images, or a map of all.
        n_features : int, default=None
            How many features to draw in a map; None draws all.
        cmap : str or Colormap, default="RdBu_r"
            Colours, with white in the middle.
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.

        Returns
        -------
        display : WeightsDisplay
            With what was drawn as attributes.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        network, transformers, _ = unwrap(estimator, "coefs_", cls)
        names = input_names(network, transformers, feature_names)
        display = cls(
            weights=first_weights(network),
            image_shape=image_shape,
            feature_names=names,
            unit_names=output_names(network) if len(network.coefs_) == 1 else None,
        )
        return display.plot(ax, n_units=n_units, n_features=n_features, cmap=cmap)

    def plot(self, ax=None, *, n_units=None, n_features=None, cmap="RdBu_r"):
        """Draw the weights.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None opens a new figure.
        n_units : int, default=None
            How many units to draw; None draws 16 images, or a map of all.
        n_features : int, default=None
            How many features to draw in a map; None draws all.
        cmap : str or Colormap, default="RdBu_r"
            Colours, with white in the middle.

        Returns
        -------
        display : WeightsDisplay
            This object, with what was drawn as attributes.
        """
        weights = np.asarray(self.weights, dtype=np.float64)
        check_number("n_units", n_units)
        check_number("n_features", n_features)
        self._check_shapes(weights)
        ax = open_axes(self, ax)
        units, features = by_norm(weights, axis=0), by_norm(weights, axis=1)
        if self.image_shape is None:
            self.units_, self.features_ = units[:n_units], features[:n_features]
            picture = weights[np.ix_(self.features_, self.units_)]
        else:
            self.units_ = units[: N_IMAGES if n_units is None else n_units]
            self.features_ = np.arange(weights.shape[0])
            picture = mosaic(weights[:, self.units_].T.reshape(-1, *self.image_shape))
        self._draw(ax, picture, cmap)
        self._name(ax, (weights.shape[0] - features.size, weights.shape[1] - units.size))
        return self

    def _check_shapes(self, weights):
        if self.image_shape is not None and np.shape(self.image_shape) != (2,):
            raise ValueError(
                f"image_shape={self.image_shape!r} is not a height and a width; give both, "
                "(8, 8) for example."
            )
        if self.image_shape is not None and np.prod(self.image_shape) != weights.shape[0]:
            raise ValueError(
                f"image_shape={self.image_shape!r} has {np.prod(self.image_shape)} pixels, but the "
                f"network reads {weights.shape[0]} features; give the height and the width of the "
                "images."
            )
        if not weights.any():
            raise ValueError(
                "There is nothing to draw: all weights of the first layer are zero; fit with a "
                "smaller l1 or group_l1."
            )

    def _draw(self, ax, picture, cmap):
        from matplotlib import colormaps

        colours = colormaps[cmap] if isinstance(cmap, str) else cmap
        largest = np.nanmax(np.abs(picture))
        self.image_ = ax.imshow(
            picture, cmap=colours.with_extremes(bad=LIGHT_GREY), vmin=-largest, vmax=largest,
            interpolation="nearest", aspect="auto" if self.image_shape is None else "equal",
        )  # fmt: skip
        self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax, label="weight")

    def _name(self, ax, n_dead):
        """Label the axes, say what is left out, and name rows and columns where there is room."""
        ax.set(xticks=[], yticks=[])
        n_features, n_units = np.shape(self.weights)
        what = "units" if self.unit_names is None else "outputs"
        ax.set_xlabel(f"{self.units_.size} of {n_units} {what}, by norm" + left_out(n_dead[1]))
        if self.image_shape is not None:
            return
        if self.unit_names is not None:
            names = [shown(self.unit_names[place]) for place in self.units_]
            name_places(ax, range(len(names)), names)
        ax.set_ylabel(f"{self.features_.size} of {n_features} features, by norm"
                      + left_out(n_dead[0]))  # fmt: skip
        has_room = 1.1 * TICK_SIZE * self.features_.size <= size_in_points(ax)[1]
        if self.feature_names is not None and has_room:
            names = [shown(self.feature_names[place]) for place in self.features_]
            ax.set_yticks(range(len(names)), names, fontsize=TICK_SIZE)


def check_number(name, value):
    """Refuse a number of units or features that is not at least 1."""
    if value is not None and not (is_integer(value) and value > 0):
        raise ValueError(f"{name}={value!r} draws nothing; give an int from 1 on, or None.")


def left_out(n_dead):
    """Return the end of a label that counts what has no weight that is not zero."""
    return f"\n({n_dead} without weights left out)" if n_dead else ""


def by_norm(weights, axis):
    """Return the columns (axis 0) or rows (axis 1) that are not zero, the largest norm first."""
    norms = np.linalg.norm(weights, axis=axis)
    order = np.argsort(-norms, kind="stable")
    return order[norms[order] > 0]


def mosaic(images):
    """Return images (n, height, width) as one, row by row, with lines of NaN between them."""
    n_images, height, width = images.shape
    n_columns = int(np.ceil(np.sqrt(n_images)))
    n_rows = -(-n_images // n_columns)
    picture = np.full((n_rows * (height + 1) - 1, n_columns * (width + 1) - 1), np.nan)
    for number, image in enumerate(images):
        row, column = divmod(number, n_columns)
        top, left = row * (height + 1), column * (width + 1)
        picture[top : top + height, left : left + width] = image
    return picture
