"""What all displays share: matplotlib on demand, axes, colours, scales, labels."""

import numpy as np

# Okabe & Ito (2008), "Color universal design": colour-blind readers tell them apart as well.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
BLACK, GREY, LIGHT_GREY = "#000000", "#6E6E6E", "#D4D4D4"

MARK = {"color": GREY, "linestyle": ":", "linewidth": 1.5}  # a vertical line at what was chosen
DECADES = 5  # values that lie further apart than by this factor get a logarithmic axis
LABEL_SIZE = 9  # points
LETTER_WIDTH = 0.6  # of a letter, relative to its height
LONGEST_NAME = 25  # letters
MOST_ROOM = 0.4  # of the axes, for names
LEGEND_SIZES = 7, 10  # points
LINES_PER_AXES = 24


def check_matplotlib(caller):
    """Refuse to go on without matplotlib; ``caller`` is who needs it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib; install it with: pip install matplotlib"
        ) from error


def open_axes(display, ax):
    """Return the axes to draw on, new ones for None, and write them down in the display."""
    check_matplotlib(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        _, ax = plt.subplots(layout="constrained")
    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax is of type {type(ax).__name__}, not one Axes of matplotlib; give one of several, "
            "axes.flat[0] for example, or None for a new figure."
        )
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def colour(place):
    """Return the colour of a line by its place."""
    return COLOURS[place % len(COLOURS)]


def dashes(place):
    """Return the style of a line by its place: another one where colours begin anew."""
    return ("-", "--", "-.", ":")[place // len(COLOURS) % 4]


def through(n_points, style="-"):
    """Return the style of a line through so many points; one point alone is a dot."""
    return style if n_points > 1 else "o"


def shown(name):
    """Return a name that is not too long to stand in a picture: its beginning and its end."""
    name = " ".join(str(name).split())  # long representations have line breaks
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def is_number(value):
    """Return whether a value has a place of its own on an axis."""
    return np.isscalar(value) and np.isreal(value) and not isinstance(value, bool | np.bool_ | str)


def positions(values):
    """Return where values stand on an axis: themselves if they are numbers, else 0, 1, 2, ..."""
    values = list(values)
    if all(is_number(value) for value in values):
        return np.array(values, dtype=np.float64)
    return np.arange(len(values), dtype=np.float64)


def scale_strengths(ax, values):
    """Scale the x axis to strengths: logarithmic, with a place for zero where there is one.

    Parameters
    ----------
    ax : matplotlib Axes
    values : array-like
        Strengths; where they are not numbers, they become the labels of the axis.
    """
    places = positions(values)
    if not all(is_number(value) for value in values):
        name_places(ax, places, [shown(value) for value in values])
        return
    positive = places[places > 0]
    if places.min() < 0 or positive.size < 2 or positive.max() <= DECADES * positive.min():
        return
    if places.min() == 0:
        ax.set_xscale("symlog", linthresh=positive.min(), linscale=0.5)
    else:
        ax.set_xscale("log")


def scale_epochs(ax):
    """Scale the x axis to epochs: no ticks between whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("epoch")
    if isinstance(ax.xaxis.get_major_locator(), MaxNLocator):  # not one of the user's own
        ax.locator_params("x", integer=True)


def name_places(ax, places, names):
    """Write names below the axis, slanted where they would run into one another."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    letter = LETTER_WIDTH * FontProperties(size=rcParams["xtick.labelsize"]).get_size_in_points()
    each = size_in_points(ax)[0] / len(names)
    slant = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
    too_long = letter * (max(map(len, names)) + 1) > each
    ax.set_xticks(places, names, **(slant if too_long else {}))


def mark(ax, x, label):
    """Draw a dotted vertical line at ``x`` and say what it is below the axis.

    A label inside the axes would cover data, and one above them the title.
    """
    ax.set_xlabel(f"{ax.get_xlabel()}\n(dotted: {label})")
    return ax.axvline(x, **MARK)


def label_ends(ax, x, heights, labels, side):
    """Write names beside the ends of lines, inside the axes, where room is made for them.

    Outside of the axes a figure without a layout engine would cut them off.

    Parameters
    ----------
    ax : matplotlib Axes
        With its final scales and vertical limits.
    x : float
        Where the lines end.
    heights : array-like of shape (n_lines,)
        How high they end.
    labels : list of tuples of str
        Names and colours.
    side : {"left", "right"}
        Which end of the lines it is.

    Returns
    -------
    texts : list of matplotlib Annotation
    """
    names = [shown(name) for name, _ in labels]
    width = LETTER_WIDTH * LABEL_SIZE * (max(map(len, names)) + 2)
    _make_room(ax, x, min(width / size_in_points(ax)[0], MOST_ROOM), side)
    away, anchor = (-4, "right") if side == "left" else (4, "left")
    return [
        ax.annotate(
            name, (x, y), (away, 0), ("data", "axes fraction"), "offset points",
            color=ink, ha=anchor, va="center", fontsize=LABEL_SIZE,
        )
        for name, y, (_, ink) in zip(names, spread(ax, heights), labels, strict=True)
    ]  # fmt: skip


def _make_room(ax, x, share, side):
    """Move a horizontal limit so that a share of the axes lies beyond ``x``."""
    transform, limits = ax.xaxis.get_transform(), ax.get_xlim()
    near, far = transform.transform(np.array([x, limits[side == "left"]], dtype=np.float64))
    beyond = near + (near - far) * share / (1 - share)
    ax.set_xlim(**{side: float(transform.inverted().transform(np.array([beyond]))[0])})


def spread(ax, heights):
    """Return heights in fractions of the axes, moved apart so that lines of text fit between.

    Parameters
    ----------
    ax : matplotlib Axes
    heights : array-like of shape (n_lines,)
        In data coordinates.
    """
    heights = np.asarray(heights, dtype=np.float64)
    points = np.column_stack([np.full(heights.size, ax.get_xlim()[1]), heights])
    at = ax.transAxes.inverted().transform(ax.transData.transform(points))[:, 1]
    order = np.argsort(at, kind="stable")
    gap = min(1.2 * LABEL_SIZE / size_in_points(ax)[1], 1 / heights.size)
    steps = gap * np.arange(heights.size)
    at = at[order] - steps
    # What moved only upwards and what moved only downwards, and the middle of both.
    at = (np.maximum.accumulate(at) + np.minimum.accumulate(at[::-1])[::-1]) / 2
    result = np.empty(heights.size)
    result[order] = np.clip(at, gap / 2, 1 - gap / 2 - steps[-1]) + steps
    return result


def draw_legend(ax):
    """Draw a legend where it covers least, in small letters where the axes are small."""
    return ax.legend(loc="best", fontsize=_legend_size(ax))


def draw_legend_above(ax):
    """Draw a legend at the top of the axes, in room that is made above the data.

    The limits stay automatic: what is drawn later is not cut off.

    Parameters
    ----------
    ax : matplotlib Axes
        With a linear y axis.
    """
    size, (width, height) = _legend_size(ax), size_in_points(ax)
    _, labels = ax.get_legend_handles_labels()
    # Beside a label stand its symbol and gaps, which are about five letters high.
    entry = size * (LETTER_WIDTH * max(map(len, labels)) + 5)
    n_columns = int(np.clip(width // entry, 1, len(labels)))
    share = min(size * (1.5 * -(-len(labels) // n_columns) + 0.8) / height, MOST_ROOM)
    data = ax.dataLim
    top = data.y1 + data.height * share / (1 - share)
    ax.update_datalim([(data.x0, top)], updatex=False)
    ax.autoscale_view()
    return ax.legend(loc="upper center", ncols=n_columns, fontsize=size)


def _legend_size(ax):
    return float(np.clip(size_in_points(ax)[1] / LINES_PER_AXES, *LEGEND_SIZES))


def size_in_points(ax):
    """Return width and height of the axes in points."""
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi
