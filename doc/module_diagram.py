"""The map of the package, drawn from its imports: a picture in layers and a table of modules.

``conf.py`` writes what `render` returns to ``modules.inc``, which ``architecture.rst`` includes.
The picture is a layered drawing of a directed graph (Sugiyama, Tagawa & Toda 1981): what is implied
by other arrows is left out, every module stands right below the lowest one that imports it, long
arrows pass every layer at a place of their own, and the places of a layer are ordered by the mean
place of their neighbours.
"""

import ast
from html import escape
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent.parent / "skreg"

LETTER, PADDING, GAP, BEND = 7.3, 9, 13, 10  # widths in pixels
BOX_HEIGHT, LAYER_HEIGHT, MARGIN = 26, 58, 6
SWEEPS = 24

STYLE = """\
<style>
.module-map { overflow-x: auto; margin: 1rem 0; }
.module-map svg { display: block; margin: auto; }
.module-map rect { fill: var(--pst-color-surface, #f3f4f5); stroke: #56819e; }
.module-map text { fill: var(--pst-color-text-base, #222832); font: 12px monospace;
  text-anchor: middle; }
.module-map path { fill: none; stroke: #56819e; stroke-opacity: 0.6; }
</style>"""


class Bend(NamedTuple):
    """The place at which an arrow passes a layer."""

    importer: str
    imported: str
    layer: int


# From files to a graph.


def modules(package=PACKAGE):
    """Return the file of every module, by its path in the package without ``.py``."""
    files = sorted(path for path in package.rglob("*.py") if path.stem != "__init__")
    return {path.relative_to(package).with_suffix("").as_posix(): path for path in files}


def summary(path):
    """Return the first line of a module's docstring without its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text()))
    if not text:
        raise ValueError(f"{path} has no docstring; begin it with a line that says what it is.")
    return text.splitlines()[0].rstrip(".")


def imported_names(path, package="skreg"):
    """Yield the dotted names within the package that a file imports, longest first."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith(f"{package}."):
                yield name.removeprefix(f"{package}.").replace(".", "/")


def import_graph(files):
    """Return the set of modules that every module imports."""
    graph = {}
    for module, path in files.items():
        found = set()
        for name in imported_names(path, path.parents[module.count("/")].name):
            # The last part may be a module or a name inside of one.
            found |= {name, name.rpartition("/")[0]} & files.keys()
        graph[module] = found
    return graph


def fold(graph):
    """Return the graph with every subpackage as one node, named with a slash at its end."""
    folded = {}
    for module, imported in graph.items():
        targets = folded.setdefault(_outer(module), set())
        targets |= {_outer(name) for name in imported} - {_outer(module)}
    return folded


def _outer(module):
    head, slash, _ = module.partition("/")
    return head + slash


def inside(graph, folder):
    """Return the graph of the modules of a subpackage, by their short names."""
    prefix = f"{folder}/"
    return {
        module.removeprefix(prefix): {
            name.removeprefix(prefix) for name in imported if name.startswith(prefix)
        }
        for module, imported in graph.items()
        if module.startswith(prefix)
    }


# From a graph to layers.


def importers_first(graph):
    """Return the nodes in an order in which nothing comes before what imports it."""
    waiting, order = dict(graph), []
    while waiting:
        needed = set().union(*waiting.values())
        free = [node for node in waiting if node not in needed]
        if not free:
            raise ValueError(f"these modules import one another in a circle: {sorted(waiting)}")
        order += free
        for node in free:
            del waiting[node]
    return order


def reduced(graph):
    """Return the graph without the arrows that follow from others."""
    reach = {}
    for node in reversed(importers_first(graph)):
        reach[node] = graph[node].union(*(reach[other] for other in graph[node]))
    return {
        node: {name for name in imported if not any(name in reach[other] for other in imported)}
        for node, imported in graph.items()
    }


def layer_numbers(graph):
    """Return the layer of every node, 0 at the top: one below the lowest that imports it."""
    layer = {}
    for node in importers_first(graph):
        above = [layer[other] for other in layer if node in graph[other]]
        layer[node] = 1 + max(above, default=-1)
    return layer


def arrange(graph):
    """Return the layers, lists of nodes and bends from left to right, and the arrows.

    An arrow is the list of the places that it connects, from its importer down.
    """
    layer = layer_numbers(graph)
    layers = [[] for _ in range(1 + max(layer.values()))]
    for node in sorted(layer):
        layers[layer[node]].append(node)
    arrows = []
    for node in sorted(graph):
        for other in sorted(graph[node]):
            bends = [Bend(node, other, i) for i in range(layer[node] + 1, layer[other])]
            for bend in bends:
                layers[bend.layer].append(bend)
            arrows.append([node, *bends, other])
    return _ordered(layers, arrows), arrows


def _ordered(layers, arrows):
    """Order layers by the mean place of neighbours above, then below; keep what crosses least."""
    up, down = {}, {}
    for arrow in arrows:
        for upper, lower in zip(arrow, arrow[1:], strict=False):
            up.setdefault(lower, []).append(upper)
            down.setdefault(upper, []).append(lower)
    best = layers
    for sweep in range(SWEEPS):
        neighbours = down if sweep % 2 else up
        layers = _sorted_by_neighbours(layers, neighbours, downwards=sweep % 2 == 0)
        if _crossings(layers, down) < _crossings(best, down):
            best = layers
    return best


def _sorted_by_neighbours(layers, neighbours, downwards):
    place, out = {}, []
    for layer in layers if downwards else layers[::-1]:
        middle = {node: (i + 0.5) / len(layer) for i, node in enumerate(layer)}
        for node in layer:
            near = [place[other] for other in neighbours.get(node, []) if other in place]
            if near:
                middle[node] = sum(near) / len(near)
        layer = sorted(layer, key=middle.get)
        place |= {node: (i + 0.5) / len(layer) for i, node in enumerate(layer)}
        out.append(layer)
    return out if downwards else out[::-1]


def _crossings(layers, down):
    """Return how many pairs of arrows cross."""
    total = 0
    for layer, below in zip(layers, layers[1:], strict=False):
        place = {node: i for i, node in enumerate(below)}
        ends = [sorted(place[other] for other in down.get(node, [])) for node in layer]
        seen = []
        for row in ends:
            total += sum(other > end for end in row for other in seen)
            seen += row
    return total


# From layers to a picture.


def _width(node):
    return BEND if isinstance(node, Bend) else LETTER * len(node) + 2 * PADDING


def places(layers, arrows):
    """Return the middle of every node and bend, (x, y), and the size of the picture."""
    neighbours = {}
    for arrow in arrows:
        for upper, lower in zip(arrow, arrow[1:], strict=False):
            neighbours.setdefault(lower, []).append(upper)
            neighbours.setdefault(upper, []).append(lower)
    widths = [sum(map(_width, layer)) + GAP * (len(layer) - 1) for layer in layers]
    total = max(widths)
    x = {}
    for layer, width in zip(layers, widths, strict=True):
        left = (total - width) / 2
        for node in layer:
            x[node] = left + _width(node) / 2
            left += _width(node) + GAP
    for _ in range(SWEEPS):
        for layer in layers:
            _pull(layer, x, neighbours, total)
    y = {}
    for i, layer in enumerate(layers):
        y |= dict.fromkeys(layer, i * LAYER_HEIGHT + BOX_HEIGHT / 2)
    size = total, (len(layers) - 1) * LAYER_HEIGHT + BOX_HEIGHT
    return {node: (x[node] + MARGIN, y[node] + MARGIN) for node in x}, size


def _pull(layer, x, neighbours, total):
    """Move nodes towards their neighbours as far as those on their sides leave room."""
    for i, node in enumerate(layer):
        near = neighbours.get(node)
        half = _width(node) / 2
        low, high = half, total - half
        if i > 0:
            low = x[layer[i - 1]] + _width(layer[i - 1]) / 2 + GAP + half
        if i + 1 < len(layer):
            high = x[layer[i + 1]] - _width(layer[i + 1]) / 2 - GAP - half
        if near:
            x[node] = min(max(sum(x[other] for other in near) / len(near), low), high)


def draw(graph, label):
    """Return the picture of a graph as SVG; ``label`` says what it shows."""
    layers, arrows = arrange(reduced(graph))
    place, (width, height) = places(layers, arrows)
    width, height = round(width + 2 * MARGIN), round(height + 2 * MARGIN)
    lines = [f'<svg role="img" aria-label="{escape(label)}" width="{width}" height="{height}">']
    lines += [f'<path d="{_curve([place[node] for node in arrow])}"/>' for arrow in arrows]
    for node in (node for layer in layers for node in layer if not isinstance(node, Bend)):
        (x, y), wide = place[node], _width(node)
        lines.append(
            f'<rect x="{x - wide / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}" width="{wide:.0f}" '
            f'height="{BOX_HEIGHT}" rx="4"/><text x="{x:.0f}" y="{y + 4:.0f}">{escape(node)}</text>'
        )
    return "\n".join([*lines, "</svg>"])


def _curve(points):
    """Return the path through points, upright where it leaves and enters boxes and at bends."""
    (x, y), *rest = points
    y += BOX_HEIGHT / 2
    path = [f"M{x:.0f} {y:.0f}"]
    for i, (x_next, y_next) in enumerate(rest):
        y_next -= BOX_HEIGHT / 2
        middle = (y + y_next) / 2
        path.append(f"C{x:.0f} {middle:.0f} {x_next:.0f} {middle:.0f} {x_next:.0f} {y_next:.0f}")
        if i < len(rest) - 1:
            y_next += BOX_HEIGHT
            path.append(f"V{y_next:.0f}")
        x, y = x_next, y_next
    return "".join(path)


# The page.


def render(package=PACKAGE):
    """Return pictures and tables of the package and its subpackages as reStructuredText."""
    files = modules(package)
    graph = import_graph(files)
    parts = [_raw(STYLE)]
    for folder in ["", *sorted({name.partition("/")[0] for name in files if "/" in name})]:
        title = f"`{package.name}/{folder}`" if folder else f"`{package.name}`"
        inner = inside(graph, folder) if folder else fold(graph)
        picture = draw(inner, f"Imports among the modules of {title.strip('`')}")
        parts += [f".. rubric:: {title}", _raw(f'<div class="module-map">\n{picture}\n</div>')]
        parts.append(_table(inner, folder, files))
    return "\n\n".join(parts) + "\n"


def _raw(html):
    return ".. raw:: html\n\n" + "\n".join(f"   {line}" for line in html.splitlines())


def _table(graph, folder, files):
    """Return a table of the modules of a folder, importers first, with what they say they are."""
    prefix = f"{folder}/" if folder else ""
    lines = [".. list-table::", "   :widths: 30 70", ""]
    for node in importers_first(graph):
        if not node.endswith("/"):
            lines += [f"   * - `{node}`", f"     - {summary(files[prefix + node])}"]
    return "\n".join(lines)


if __name__ == "__main__":
    (Path(__file__).parent / "modules.inc").write_text(render())
