"""Affine maps against SciPy and by hand where they are exact; squares cut out."""

import numba
import numpy as np
import pytest
from scipy import ndimage, stats

from skreg._jit import jit
from skreg._kernels.images import (
    FLIP_HORIZONTAL_DRAW,
    FLIP_VERTICAL_DRAW,
    HORIZONTAL_DRAW,
    MARGIN,
    SHEAR_DRAW,
    TURN_DRAW,
    VERTICAL_DRAW,
    ZOOM_DRAW,
    Affine,
    Ranges,
    Shape,
    WarpScratch,
    cut_out,
    fill_border,
    random_affine,
    warp,
    warp_scratch_size,
)
from skreg._kernels.noise import choice, uniform
from skreg._kernels.random import mix

JIT = not numba.config.DISABLE_JIT
DTYPES = (np.float32, np.float64)
SHAPES = (Shape(5, 7, 1), Shape(6, 6, 3), Shape(1, 9, 2), Shape(8, 1, 1))
IDENTITY = Affine(1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
NO_RANGES = Ranges(0.0, 0.0, 0.0, 0.0, 0.0, False, False)


def image_of(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def warped(image, affine, fill=0.0):
    """Return the affine map of an image (height, width, channels)."""
    shape, dtype = Shape(*image.shape), image.dtype
    framed = np.full((shape.height + MARGIN, shape.width + MARGIN, shape.channels), np.nan, dtype)
    line = np.empty(shape.width, dtype)
    corners = np.empty(shape.width, np.int32)
    scratch = WarpScratch(framed.reshape(-1), line, line.copy(), corners)
    assert warp_scratch_size(shape) == sum(part.size for part in scratch)
    fill_border(scratch.framed, shape, dtype.type(fill))
    row = np.append(image.reshape(-1), dtype.type(77))
    warp(row[:-1], scratch, shape, Affine(*map(float, affine)))
    assert row[-1] == 77
    return row[:-1].reshape(image.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_whole_pixel_shifts_are_exact(shape, dtype):
    image = image_of(shape, dtype)
    for down in range(-shape.height - 1, shape.height + 2):
        for right in range(-shape.width - 1, shape.width + 2):
            expected = np.full_like(image, 2.5)
            for y in range(shape.height):
                for x in range(shape.width):
                    if 0 <= y - down < shape.height and 0 <= x - right < shape.width:
                        expected[y, x] = image[y - down, x - right]
            affine = IDENTITY._replace(y0=-down, x0=-right)
            np.testing.assert_array_equal(warped(image, affine, 2.5), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_flips_are_exact(shape, dtype):
    image = image_of(shape, dtype)
    upside_down = IDENTITY._replace(yy=-1, y0=shape.height - 1)
    np.testing.assert_array_equal(warped(image, upside_down), image[::-1])
    mirrored = IDENTITY._replace(xx=-1, x0=shape.width - 1)
    np.testing.assert_array_equal(warped(image, mirrored), image[:, ::-1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", (1, 2, 7, 28))
def test_quarter_turns_are_exact(size, dtype):
    image = image_of((size, size, 2), dtype)
    last = size - 1
    counterclockwise = Affine(0, 1, 0, -1, 0, last)
    np.testing.assert_array_equal(warped(image, counterclockwise), np.rot90(image))
    clockwise = Affine(0, -1, last, 1, 0, 0)
    np.testing.assert_array_equal(warped(image, clockwise), np.rot90(image, -1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_half_a_pixel_is_the_mean_of_its_neighbours(dtype):
    image = image_of((4, 5, 3), dtype)
    framed = np.pad(image, [(0, 1), (0, 1), (0, 0)])
    down = (framed[:-1, :-1] + framed[1:, :-1]) / 2
    np.testing.assert_allclose(warped(image, IDENTITY._replace(y0=0.5)), down, rtol=1e-6)
    four = (down + (framed[:-1, 1:] + framed[1:, 1:]) / 2) / 2
    np.testing.assert_allclose(
        warped(image, IDENTITY._replace(y0=0.5, x0=0.5)), four, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_random_maps_are_those_of_scipy(shape, dtype):
    rng = np.random.default_rng(1)
    for fill in (0.0, -1.5):
        image = image_of(shape, dtype)
        matrix = rng.normal(size=(2, 2))
        offset = rng.normal(size=2) * shape[:2] / 2
        affine = Affine(*matrix[0], offset[0], *matrix[1], offset[1])
        expected = np.stack([
            ndimage.affine_transform(image[:, :, c].astype(np.float64), matrix, offset, order=1,
                                     mode="grid-constant", cval=fill)
            for c in range(shape.channels)
        ], axis=2)  # fmt: skip
        atol = 2e-5 if dtype == np.float32 else 1e-13
        np.testing.assert_allclose(warped(image, affine, fill), expected, rtol=0, atol=atol)


def test_places_far_away_are_filled():
    image = image_of((6, 6, 1), np.float32)
    for far in (1e4, 1e30, -1e30):
        assert (warped(image, IDENTITY._replace(y0=far, x0=-far), 0.25) == 0.25).all()


# Random maps.

SHAPE = Shape(9, 6, 1)
RANGES = Ranges(0.5, 0.2, 0.3, 2.0, 3.0, True, True)


def matrix_of(affine):
    return np.array([[affine.yy, affine.yx, affine.y0], [affine.xy, affine.xx, affine.x0],
                     [0, 0, 1]])  # fmt: skip


def forward_matrix(key, ranges):
    """Compose the map of an original's places, written down step by step."""
    angle, zoom, shear, vertical, horizontal = (
        largest * (2 * uniform(key, draw) - 1)
        for largest, draw in zip(
            ranges[:5], (TURN_DRAW, ZOOM_DRAW, SHEAR_DRAW, VERTICAL_DRAW, HORIZONTAL_DRAW),
            strict=True,
        )
    )  # fmt: skip
    down = -1 if ranges.flip_vertical and choice(key, FLIP_VERTICAL_DRAW, 2) else 1
    right = -1 if ranges.flip_horizontal and choice(key, FLIP_HORIZONTAL_DRAW, 2) else 1
    flip = np.diag([down, right])
    lean = np.array([[1, 0], [np.tan(shear), 1]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = (1 + zoom) * turn @ lean @ flip
    centre = np.array([SHAPE.height - 1, SHAPE.width - 1]) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre + [vertical, horizontal] - linear @ centre
    return matrix


@pytest.mark.parametrize("part", ("all", *range(7)))
def test_random_maps_lead_back_what_is_written_down_forwards(part):
    ranges = RANGES if part == "all" else NO_RANGES._replace(**{Ranges._fields[part]: RANGES[part]})
    seen = set()
    for seed in range(12):
        key = np.uint64(mix(np.uint64(5), seed))
        backward = matrix_of(random_affine(key, SHAPE, ranges))
        np.testing.assert_allclose(
            backward @ forward_matrix(key, ranges), np.eye(3), rtol=0, atol=1e-12
        )
        seen.add((backward + 0.0).tobytes())  # one zero only
    assert len(seen) == (2 if part in (5, 6) else 12)


def test_no_ranges_are_the_identity():
    assert random_affine(np.uint64(4), SHAPE, NO_RANGES) == IDENTITY


def test_a_positive_shift_moves_the_image_down_and_right():
    image = image_of((3, 3, 1))
    affine = IDENTITY._replace(y0=-1, x0=-1)
    np.testing.assert_array_equal(warped(image, affine)[1:, 1:], image[:-1, :-1])


# Squares.


@jit
def _cut_rows(images, shape, size, seed):
    for i in range(images.shape[0]):
        cut_out(images[i], shape, size, mix(seed, i))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", (1, 2, 3, 4, 20))
@pytest.mark.parametrize("shape", (Shape(6, 5, 1), Shape(4, 7, 3)))
def test_a_square_around_every_pixel_alike(shape, size, dtype):
    n = 30 * shape.height * shape.width if JIT else 200
    images = np.ones((n, np.prod(shape)), dtype)
    _cut_rows(images, shape, size, np.uint64(6))
    holes = images.reshape(n, *shape) == 0
    assert (holes == holes[..., :1]).all()  # all channels
    expected = {}
    for y in range(shape.height):
        for x in range(shape.width):
            hole = np.zeros(shape[:2], bool)
            top, left = y - size // 2, x - size // 2
            hole[max(top, 0) : top + size, max(left, 0) : left + size] = True
            expected.setdefault(hole.tobytes(), [0, 0])[0] += n / (shape.height * shape.width)
    for hole in holes[..., 0]:
        expected[hole.tobytes()][1] += 1  # no other hole exists
    law, found = np.array(list(expected.values())).T
    assert law.size == 1 or stats.chisquare(found, law).pvalue > 1e-5


def test_what_is_not_cut_stays():
    images = image_of((50, 24), np.float64, 3)
    before = images.copy()
    _cut_rows(images, Shape(4, 6, 1), 3, np.uint64(1))
    assert ((images == before) | (images == 0)).all()
    assert ((images == 0).sum(axis=1) <= 9).all() and (images == 0).sum(axis=1).max() == 9
