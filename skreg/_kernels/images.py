"""What happens to images: random affine maps with bilinear interpolation, squares cut out.

An image is a row of the batch, channels last. Coordinates are (vertical, horizontal), pixels
stand at integers, and an affine map leads from places in the result to places in the original, so
that every pixel of the result is computed once.
"""

from typing import NamedTuple

import numpy as np

from skreg._jit import jit
from skreg._kernels.batch import CUT_OUT, input_row, int_scratch_of, scratch_of
from skreg._kernels.job import UNITS, part
from skreg._kernels.noise import choice, uniform
from skreg._kernels.random import mix

# What stands in the row of a transform after its code; what is not named is 0.
HEIGHT, CHANNELS, SIZE = range(1, 4)
ROTATION, ZOOM, SHEAR, VERTICAL, HORIZONTAL, FLIPS, FILL = range(3, 10)
FLIP_VERTICAL, FLIP_HORIZONTAL = 1, 2

MARGIN = 3  # a border of one pixel before the image and two behind it, where a clamped place ends
(
    TURN_DRAW,
    ZOOM_DRAW,
    SHEAR_DRAW,
    VERTICAL_DRAW,
    HORIZONTAL_DRAW,
    FLIP_VERTICAL_DRAW,
    FLIP_HORIZONTAL_DRAW,
) = range(7)


class Shape(NamedTuple):
    """Extents of an image."""

    height: int
    width: int
    channels: int


class Ranges(NamedTuple):
    """How far a random map may go; 0 turns a part off."""

    turn: float  # largest angle, in radians
    zoom: float  # largest relative change of size, below 1
    shear: float  # largest angle, in radians
    vertical: float  # largest shift, in pixels
    horizontal: float
    flip_vertical: bool  # with probability one half
    flip_horizontal: bool


class Affine(NamedTuple):
    """The map ``(y, x) -> (yy y + yx x + y0, xy y + xx x + x0)``."""

    yy: float
    yx: float
    y0: float
    xy: float
    xx: float
    x0: float


class WarpScratch(NamedTuple):
    """Scratch of `warp`."""

    framed: np.ndarray  # (height + MARGIN, width + MARGIN, channels): a copy with a border
    down: np.ndarray  # (width,): fractions of a pixel
    along: np.ndarray  # (width,)
    corner: np.ndarray  # (width,), int32: places in the copy


def warp_scratch_size(shape):
    """Return how many numbers of scratch a `WarpScratch` takes (not compiled)."""
    framed = (shape.height + MARGIN) * (shape.width + MARGIN) * shape.channels
    return framed + 3 * shape.width


@jit
def framed_size(shape):
    """Return how many numbers an image with its border has."""
    return (shape.height + MARGIN) * (shape.width + MARGIN) * shape.channels


@jit
def symmetric(key, column):
    """Return a uniform number in (-1, 1)."""
    return 2.0 * uniform(key, column) - 1.0


@jit
def about_centre(shape, linear, shift):
    """Return the map of a result that is the original under ``p -> linear(p) + shift``.

    Parameters
    ----------
    shape : Shape
        The map is linear about the centre of the image.
    linear : tuple of four floats
        The inverse of the linear part: ``(yy, yx, xy, xx)``.
    shift : tuple of two floats
        By how much the image moves, vertically and horizontally.
    """
    yy, yx, xy, xx = linear
    y_centre, x_centre = 0.5 * (shape.height - 1), 0.5 * (shape.width - 1)
    y, x = y_centre + shift[0], x_centre + shift[1]
    return Affine(yy, yx, y_centre - yy * y - yx * x, xy, xx, x_centre - xy * y - xx * x)


@jit
def random_affine(key, shape, ranges):
    """Draw the map of one image: it is flipped, sheared, turned, zoomed, then shifted."""
    angle = ranges.turn * symmetric(key, TURN_DRAW)
    size = 1.0 + ranges.zoom * symmetric(key, ZOOM_DRAW)
    slope = np.tan(ranges.shear * symmetric(key, SHEAR_DRAW))
    cosine, sine = np.cos(angle) / size, np.sin(angle) / size
    down = -1.0 if ranges.flip_vertical and choice(key, FLIP_VERTICAL_DRAW, 2) else 1.0
    right = -1.0 if ranges.flip_horizontal and choice(key, FLIP_HORIZONTAL_DRAW, 2) else 1.0
    # From the result back: turn by the opposite angle, then x - slope * y, then the flips.
    linear = (
        down * cosine,
        down * sine,
        right * (-sine - slope * cosine),
        right * (cosine - slope * sine),
    )
    shift = (
        ranges.vertical * symmetric(key, VERTICAL_DRAW),
        ranges.horizontal * symmetric(key, HORIZONTAL_DRAW),
    )
    return about_centre(shape, linear, shift)


@jit
def fill_border(framed, shape, fill):
    """Set the scratch to ``fill``; `frame` writes the image only."""
    for j in range(framed_size(shape)):
        framed[j] = fill


@jit
def frame(framed, image, shape):
    """Copy an image into the middle of the scratch."""
    size, lead = shape.width * shape.channels, (shape.width + MARGIN) * shape.channels
    for y in range(shape.height):
        out = part(framed, (y + 1) * lead + shape.channels, size)
        line = part(image, y * size, size)
        for j in range(size):
            out[j] = line[j]


@jit
def find_corners(scratch, shape, affine, y):
    """Find where the pixels of line ``y`` of the result come from.

    Its places in the original are clamped to what the border can answer for. Each is noted as the
    pixel before it and how far it lies beyond, downwards and to the right.
    """
    number = scratch.framed.dtype.type
    lead = np.int32(shape.width + MARGIN)
    low, bottom, right = number(0), number(shape.height + 1), number(shape.width + 1)
    down, along = number(affine.yx), number(affine.xx)
    y_start = number(affine.y0 + affine.yy * y + 1)
    x_start = number(affine.x0 + affine.xy * y + 1)
    for x in range(np.int32(shape.width)):
        place_y = min(max(y_start + down * number(x), low), bottom)
        place_x = min(max(x_start + along * number(x), low), right)
        top, left = np.int32(place_y), np.int32(place_x)
        scratch.down[x], scratch.along[x] = place_y - number(top), place_x - number(left)
        scratch.corner[x] = top * lead + left


@jit
def interpolate(line, scratch, shape, channel):
    """Write a channel of a line of the result, blending the four pixels around each place."""
    framed, channels = scratch.framed, np.uint64(shape.channels)
    below = np.uint64((shape.width + MARGIN) * shape.channels)
    for x in range(shape.width):
        # Unsigned, so that nobody asks whether the index counts from the end.
        at = np.uint64(scratch.corner[x]) * channels + np.uint64(channel)
        along, down = scratch.along[x], scratch.down[x]
        a, b = framed[at], framed[at + channels]
        c, d = framed[at + below], framed[at + below + channels]
        upper = a + along * (b - a)
        lower = c + along * (d - c)
        line[x * shape.channels + channel] = upper + down * (lower - upper)


@jit
def warp(image, scratch, shape, affine):
    """Replace an image by its affine map, with bilinear interpolation.

    Parameters
    ----------
    image : array of shape (height * width * channels,)
        Overwritten.
    scratch : WarpScratch
        Its border as left by `fill_border`: what lies outside the image.
    shape : Shape
    affine : Affine
        From places in the result to places in the original. Whole-pixel maps are exact.
    """
    frame(scratch.framed, image, shape)
    size = shape.width * shape.channels
    for y in range(shape.height):
        find_corners(scratch, shape, affine, y)
        for channel in range(shape.channels):
            interpolate(part(image, y * size, size), scratch, shape, channel)


@jit
def cut_out(image, shape, size, key):
    """Set a square around a pixel, drawn uniformly, to zero as far as it lies in the image."""
    top = choice(key, 0, shape.height) - size // 2
    left = choice(key, 1, shape.width) - size // 2
    first, last = max(left, 0), min(left + size, shape.width)
    n_numbers = (last - first) * shape.channels
    for y in range(max(top, 0), min(top + size, shape.height)):
        line = part(image, (y * shape.width + first) * shape.channels, n_numbers)
        for j in range(n_numbers):
            line[j] = 0


@jit
def change_images(job, code, parameters, key, member):
    """Cut squares out of images or replace them by affine maps."""
    if code == CUT_OUT:
        cut_images(job, parameters, key, member.rows)
    else:
        warp_images(job, parameters, key, member)


@jit
def cut_images(job, parameters, key, rows):
    """Cut a square out of every image (DeVries & Taylor 2017)."""
    shape = image_shape(job, parameters)
    for i in range(rows[0], rows[1]):
        cut_out(input_row(job, i), shape, np.int64(parameters[SIZE]), mix(key, i))


@jit
def image_shape(job, parameters):
    """Return the shape of the images that rows are."""
    height, channels = np.int64(parameters[HEIGHT]), np.int64(parameters[CHANNELS])
    return Shape(height, job.layout[UNITS, 0] // (height * channels), channels)


@jit
def warp_scratch(job, shape, member):
    """Return a member's part of the scratch, divided for an image."""
    size, width = framed_size(shape), shape.width
    return WarpScratch(
        scratch_of(job, member, 3 * width, size),
        scratch_of(job, member, width, width),
        scratch_of(job, member, 2 * width, width),
        int_scratch_of(job, member, width),
    )


@jit
def warp_images(job, parameters, key, member):
    """Replace every image by a random affine map of it."""
    shape, flips = image_shape(job, parameters), np.int64(parameters[FLIPS])
    scratch = warp_scratch(job, shape, member)
    ranges = Ranges(
        parameters[ROTATION],
        parameters[ZOOM],
        parameters[SHEAR],
        parameters[VERTICAL],
        parameters[HORIZONTAL],
        flips & FLIP_VERTICAL > 0,
        flips & FLIP_HORIZONTAL > 0,
    )
    fill_border(scratch.framed, shape, job.kind.dtype.type(parameters[FILL]))
    for i in range(member.rows[0], member.rows[1]):
        warp(input_row(job, i), scratch, shape, random_affine(mix(key, i), shape, ranges))
