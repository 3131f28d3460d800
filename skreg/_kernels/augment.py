"""Augmentation: what changes a batch between its gathering and the forward pass.

A job lists its *transforms* as rows of numbers, a code and parameters. Every member of the team
changes its own rows of the batch, one transform after the other; where a row takes from others,
the team first copies the batch as it is. What is drawn depends on seed, step, the place of the
transform in the list and the row's place in the batch, never on who draws it.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.batch import (
    ADVERSARIAL,
    CUT_OUT,
    FEATURE_SWAP,
    GAUSSIAN_NOISE,
    IMAGE_TRANSFORM,
    MIXUP,
    N_PARAMETERS,
    copy,
    input_row,
    int_scratch_of,
    member_of,
    scratch_of,
)
from skreg._kernels.dropout import dropout_key
from skreg._kernels.gather import batch_targets
from skreg._kernels.images import change_images
from skreg._kernels.job import (
    BEFORE,
    LEAD,
    MEMORY,
    SAMPLE_WEIGHT,
    SWAP_COLUMNS,
    SWAP_STARTS,
    TABLES,
    TARGET,
    TRANSFORMS,
    UNITS,
    VALUES,
    doubles,
    integers,
    numbers,
    part,
)
from skreg._kernels.noise import N_GAPS, add_normals, choice, draw_places
from skreg._kernels.random import bits, halves, mix
from skreg._kernels.team import meet
from skreg._kernels.tiles import TILE_ROWS

# What stands in the row of a transform after its code; what is not named is 0.
SCALE = 1  # of noise
TABLE_AT = 1  # of mixup: where its quantiles begin
GAP_SCALE, FIRST_GROUP, N_GROUPS = range(1, 4)  # of swaps: see `draw_places`; its groups

QUANTILE_BITS = 12  # a table holds the quantiles of this many halvings of [0, 1], and the last
PARTNERS = 2**30  # the first of the draws that choose the other row of every cell


@jit
def augment(tid, team, job, n_rows, draw):
    """Change this member's rows of a batch; return False where the team was aborted.

    The same holds for the shorter programs below, which know some of the transforms only.

    Parameters
    ----------
    tid : int
    team : Team
    job : Job
    n_rows : int
        Of the batch, whose rows are divided as for gathering.
    draw : int
        Numbers the draws.
    """
    member = member_of(tid, team, n_rows)
    for t in range(count_transforms(job)):
        code, parameters, key = transform(job, t, draw)
        if code == MIXUP or code == FEATURE_SWAP:
            if not keep_rows(team, job, n_rows, member.rows, t):
                return False
            take_from_others(job, code, parameters, key, n_rows, member)
        elif code == GAUSSIAN_NOISE:
            add_noise(job, parameters, key, member.rows)
        else:
            change_images(job, code, parameters, key, member)
    return True


@jit
def augment_by_noise(tid, team, job, n_rows, draw):
    """Add noise; see `augment`."""
    member = member_of(tid, team, n_rows)
    for t in range(count_transforms(job)):
        _, parameters, key = transform(job, t, draw)
        add_noise(job, parameters, key, member.rows)
    return True


@jit
def augment_by_others(tid, team, job, n_rows, draw):
    """Mix rows and swap cells; see `augment`."""
    member = member_of(tid, team, n_rows)
    for t in range(count_transforms(job)):
        code, parameters, key = transform(job, t, draw)
        if not keep_rows(team, job, n_rows, member.rows, t):
            return False
        take_from_others(job, code, parameters, key, n_rows, member)
    return True


@jit
def augment_images(tid, team, job, n_rows, draw):
    """Change images; see `augment`."""
    member = member_of(tid, team, n_rows)
    for t in range(count_transforms(job)):
        code, parameters, key = transform(job, t, draw)
        change_images(job, code, parameters, key, member)
    return True


PROGRAMS = (
    ({GAUSSIAN_NOISE}, augment_by_noise),
    ({MIXUP, FEATURE_SWAP}, augment_by_others),
    ({CUT_OUT, IMAGE_TRANSFORM}, augment_images),
)


def program_for(transforms):
    """Return the smallest of the programs that knows all the transforms: it compiles soonest.

    Parameters
    ----------
    transforms : array of shape (n_transforms, N_PARAMETERS)

    Returns
    -------
    program : `augment` or one of the shorter ones (not compiled yet)
    """
    codes = {int(code) for code in transforms[:, 0]} - {ADVERSARIAL}
    for known, program in PROGRAMS:
        if codes <= known:
            return program
    unknown = codes.difference(*(known for known, _ in PROGRAMS))
    if unknown:  # `augment` would take them for transforms of images
        raise NotImplementedError(
            f"{__name__} has no program for the transforms {sorted(unknown)}; enter them in "
            "PROGRAMS."
        )
    return augment


@jit
def count_transforms(job):
    """Return the number of transforms, without an adversary, who comes last and later."""
    transforms = doubles(job, TRANSFORMS)
    n = transforms.size // N_PARAMETERS
    return n - 1 if transforms[(n - 1) * N_PARAMETERS] == ADVERSARIAL else n


@jit
def transform(job, t, draw):
    """Return code and parameters of transform ``t``, and the key of its draws."""
    parameters = part(doubles(job, TRANSFORMS), t * N_PARAMETERS, N_PARAMETERS)
    # Keys of dropout are those of the levels: after the last of them, nothing coincides.
    key = dropout_key(job, draw, job.layout.shape[1] + t)
    return np.int64(parameters[0]), parameters, key


@jit
def blend(out, own, other, ratio):
    """Store ``ratio * own + (1 - ratio) * other``, exact where both are equal."""
    for j in range(out.size):
        out[j] = other[j] + ratio * (own[j] - other[j])


@jit
def kept_parts(job, n_rows):
    """Return the parts of the copy of a batch of ``n_rows``: features, targets, weights."""
    before, n_features = numbers(job, BEFORE), n_rows * job.layout[UNITS, 0]
    n_targets = n_rows * batch_targets(job, job.train)
    return (
        part(before, 0, n_features),
        part(before, n_features, n_targets),
        part(before, n_features + n_targets, n_rows),
    )


@jit
def keep_rows(team, job, n_rows, rows, t):
    """Copy own rows for all members to read; return False where the team was aborted."""
    if t > 0 and not meet(team):  # others may still look at an earlier copy
        return False
    features, targets, weights = kept_parts(job, n_rows)
    n_units, n_targets = job.layout[UNITS, 0], batch_targets(job, job.train)
    first, last = rows
    for i in range(first, last):
        copy(part(features, i * n_units, n_units), input_row(job, i))
    size = (last - first) * n_targets
    mine = part(numbers(job, TARGET), first * n_targets, size)
    copy(part(targets, first * n_targets, size), mine)
    mine = part(numbers(job, SAMPLE_WEIGHT), first, last - first)
    copy(part(weights, first, last - first), mine)
    return meet(team)


@jit
def take_from_others(job, code, parameters, key, n_rows, member):
    """Mix own rows with others or swap cells with them."""
    if code == MIXUP:
        mix_rows(job, parameters, key, n_rows, member.rows)
    else:
        swap_cells(job, parameters, key, n_rows, member)


@jit
def quantile(table, draw):
    """Interpolate a table of quantiles at the probability that 32 random bits stand for."""
    rest = 32 - QUANTILE_BITS
    at = np.int64(draw) >> rest
    fraction = table.dtype.type((np.int64(draw) & ((1 << rest) - 1)) * 2.0**-rest)
    return table[at] + fraction * (table[at + 1] - table[at])


@jit
def pair(rows, i, k, size):
    """Return two of the rows of a vector."""
    return part(rows, i * size, size), part(rows, k * size, size)


@jit
def mix_rows(job, parameters, key, n_rows, rows):
    """Blend rows with others, all at the same distance in the batch (Zhang et al. 2018)."""
    features, targets, weights = kept_parts(job, n_rows)
    n_units, n_targets = job.layout[UNITS, 0], batch_targets(job, job.train)
    table = part(numbers(job, TABLES), np.int64(parameters[TABLE_AT]), 2**QUANTILE_BITS + 1)
    target, weight = numbers(job, TARGET), numbers(job, SAMPLE_WEIGHT)
    distance = 1 + choice(key, 0, n_rows - 1)
    for i in range(rows[0], rows[1]):
        low, high = halves(mix(key, i))
        ratio, k = quantile(table, bits(low, high, 0)), (i + distance) % n_rows
        own, other = pair(features, i, k, n_units)
        blend(input_row(job, i), own, other, ratio)
        own, other = pair(targets, i, k, n_targets)
        blend(part(target, i * n_targets, n_targets), own, other, ratio)
        weight[i] = weights[k] + ratio * (weights[i] - weights[k])


@jit
def swap_cells(job, parameters, key, n_rows, member):
    """Let cells, or groups of them, take the values of other rows, each of another one.

    The cells of a tile of rows are drawn together, as places in one long row.
    """
    first, last = member.rows
    groups = np.int64(parameters[FIRST_GROUP]), np.int64(parameters[N_GROUPS])
    n_cells = groups[1] if groups[1] > 0 else job.layout[UNITS, 0]
    scale = job.kind.dtype.type(parameters[GAP_SCALE])
    places = int_scratch_of(job, member, TILE_ROWS * n_cells)
    gaps = scratch_of(job, member, TILE_ROWS * n_cells, N_GAPS)
    for start in range(first, last, TILE_ROWS):
        tile_key = mix(key, start)
        cells = part(places, 0, min(TILE_ROWS, last - start) * n_cells)
        swapped = part(places, 0, draw_places(cells, tile_key, scale, gaps))
        if groups[1] > 0:
            swap_groups(job, start, n_rows, swapped, tile_key, groups)
        else:
            swap_columns(job, start, n_rows, swapped, tile_key)


@jit
def other_row(draw, i, n_rows):
    """Return the row other than row ``i`` that 32 random bits choose; a single row is its own."""
    other = i + 1 + ((np.int64(draw) * (n_rows - 1)) >> 32)
    return other if other < n_rows else other - n_rows


@jit
def swap_columns(job, start, n_rows, places, key):
    """Let single cells of the rows from ``start`` on take the values of other rows."""
    memory, n_units, lead = numbers(job, MEMORY), job.layout[UNITS, 0], job.layout[LEAD, 0]
    (features, _, _), (low, high) = kept_parts(job, n_rows), halves(key)
    i, before, row = start, 0, job.layout[VALUES, 0] + start * lead
    for c in range(places.size):
        column = np.int64(places[c]) - before
        while column >= n_units:
            column -= n_units
            before += n_units
            i, row = i + 1, row + lead
        other = other_row(bits(low, high, PARTNERS + c), i, n_rows)
        memory[row + column] = features[other * n_units + column]


@jit
def swap_groups(job, start, n_rows, places, key, groups):
    """Let groups of cells of the rows from ``start`` on take the values of other rows."""
    (features, _, _), (low, high) = kept_parts(job, n_rows), halves(key)
    starts, columns = integers(job, SWAP_STARTS), integers(job, SWAP_COLUMNS)
    for c in range(places.size):
        place = np.int64(places[c])
        i, group = start + place // groups[1], groups[0] + place % groups[1]
        row, other = input_row(job, i), other_row(bits(low, high, PARTNERS + c), i, n_rows)
        for k in range(starts[group], starts[group + 1]):
            row[columns[k]] = features[other * row.size + columns[k]]


@jit
def add_noise(job, parameters, key, rows):
    """Add Gaussian noise to all features (Bishop 1995)."""
    scale = job.kind.dtype.type(parameters[SCALE])
    for i in range(rows[0], rows[1]):
        add_normals(input_row(job, i), scale, mix(key, i))
