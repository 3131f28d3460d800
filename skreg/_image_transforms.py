"""Transforms of images: random affine maps, squares cut out."""

from numbers import Integral, Real

import numpy as np

from skreg._augmenting import NOT_NEGATIVE, Transform
from skreg._kernels import batch, images
from skreg._sklearn import Interval


class OfImages(Transform):
    """Base of the transforms whose rows are images."""

    def _validate_params(self):
        super()._validate_params()
        given = self.image_shape
        if len(given) not in (2, 3) or not all(isinstance(n, Integral) and n > 0 for n in given):
            raise ValueError(
                f"image_shape={given!r} of {type(self).__name__} must be (height, width) or "
                "(height, width, channels), in numbers of at least 1."
            )


class ImageTransform(OfImages):
    """Replace images by random affine maps of them, with bilinear interpolation.

    An image is flipped, sheared, turned and zoomed about its centre, then shifted; every angle,
    factor and distance is uniform in its range and drawn anew for every image in every step.
    Places outside the image count as ``fill``.

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width)`` or ``(height, width, channels)`` of the images that the rows are, in
        this order: channels last. The product is the number of features.
    rotation : float, default=0
        Largest angle in degrees, in [0, 180], in both directions.
    zoom : float, default=0
        Largest relative change of the size, in [0, 1): factors lie in ``[1 - zoom, 1 + zoom]``,
        one for both directions, and those above 1 enlarge.
    shift : float or pair of float, default=0
        Largest shift in pixels, at least 0, in both directions; a pair is vertical, horizontal.
    shear : float, default=0
        Largest angle in degrees, in [0, 90), by which vertical lines lean to either side.
    flip_horizontal : bool, default=False
        Whether left and right are exchanged in half of the draws.
    flip_vertical : bool, default=False
        Whether top and bottom are exchanged in half of the draws.
    fill : float, default=0
        What lies outside the image.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skreg.augmentation import ImageTransform
    >>> X, _ = load_digits(return_X_y=True)
    >>> turned = ImageTransform((8, 8), rotation=15, shift=1).sample(X)
    >>> turned.shape
    (1797, 64)
    """

    _parameter_constraints: dict = {
        "image_shape": [list, tuple],
        "rotation": [Interval(Real, 0, 180, closed="both")],
        "zoom": [Interval(Real, 0, 1, closed="left")],
        "shift": [*NOT_NEGATIVE, list, tuple],
        "shear": [Interval(Real, 0, 90, closed="left")],
        "flip_horizontal": ["boolean"],
        "flip_vertical": ["boolean"],
        "fill": [Interval(Real, None, None, closed="neither")],
    }

    def __init__(self, image_shape, rotation=0, zoom=0, shift=0, shear=0, flip_horizontal=False,
                 flip_vertical=False, fill=0):  # fmt: skip
        self.image_shape = image_shape
        self.rotation = rotation
        self.zoom = zoom
        self.shift = shift
        self.shear = shear
        self.flip_horizontal = flip_horizontal
        self.flip_vertical = flip_vertical
        self.fill = fill

    def _is_off(self):
        ranges = self.rotation, self.zoom, self.shear, *self._both_shifts()
        return not (any(ranges) or self.flip_horizontal or self.flip_vertical)

    def _enter(self, plan):
        shape = plan.image(self)
        plan.reserve(images.warp_scratch_size(shape))
        vertical, horizontal = self._shifts()
        vertical_flip = images.FLIP_VERTICAL * bool(self.flip_vertical)
        return {
            0: batch.IMAGE_TRANSFORM,
            images.HEIGHT: shape.height,
            images.CHANNELS: shape.channels,
            images.ROTATION: np.deg2rad(self.rotation),
            images.ZOOM: self.zoom,
            images.SHEAR: np.deg2rad(self.shear),
            images.VERTICAL: vertical,
            images.HORIZONTAL: horizontal,
            images.FLIPS: vertical_flip + images.FLIP_HORIZONTAL * bool(self.flip_horizontal),
            images.FILL: self.fill,
        }

    def _both_shifts(self):
        return self.shift if isinstance(self.shift, (list, tuple)) else (self.shift,) * 2

    def _shifts(self):
        shifts = self._both_shifts()
        are_numbers = all(isinstance(shift, Real) and 0 <= shift < np.inf for shift in shifts)
        if len(shifts) != 2 or not are_numbers:
            raise ValueError(
                f"shift={self.shift!r} of ImageTransform must be a number of pixels of at least "
                "0, or a pair of them: vertical, horizontal."
            )
        return shifts


class CutOut(OfImages):
    """Set a square of every image to zero.

    The square's centre is a pixel drawn uniformly [1]_, so the square may reach over the border,
    and then less is cut out. Zero should be a plain background: the mean, where features are
    centred.

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width)`` or ``(height, width, channels)`` of the images that the rows are, in
        this order: channels last. The product is the number of features.
    size : int, default=8
        Length of the square's sides in pixels, at least 0.

    References
    ----------
    .. [1] DeVries & Taylor (2017), "Improved regularization of convolutional neural networks with
       cutout", arXiv:1708.04552.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg.augmentation import CutOut
    >>> holes = CutOut((28, 28), size=8).sample(np.ones((100, 784))) == 0
    >>> int(holes.sum(axis=1).max())
    64
    """

    _parameter_constraints: dict = {
        "image_shape": [list, tuple],
        "size": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(self, image_shape, size=8):
        self.image_shape = image_shape
        self.size = size

    def _is_off(self):
        return self.size == 0

    def _enter(self, plan):
        shape = plan.image(self)
        return {
            0: batch.CUT_OUT,
            images.HEIGHT: shape.height,
            images.CHANNELS: shape.channels,
            images.SIZE: min(self.size, 2 * max(shape)),  # which covers all, and is no huge number
        }
