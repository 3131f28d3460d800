"""The map of the package in the documentation: every module, its imports, a readable picture."""

import importlib.util
import re
from pathlib import Path

import pytest

import skreg

PACKAGE = Path(skreg.__file__).parent
SOURCE = Path(__file__).parent.parent / "doc" / "module_diagram.py"
SPEC = importlib.util.spec_from_file_location("module_diagram", SOURCE)
diagram = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(diagram)

# Imports: a -> b, c, d; b -> d; c -> d; the arrow a -> d follows from the others.
DIAMOND = {"a": {"b", "c", "d"}, "b": {"d"}, "c": {"d"}, "d": set()}


@pytest.fixture
def package(tmp_path):
    """Return a package of three modules, one of them in a folder."""
    root = tmp_path / "toy"
    (root / "inner").mkdir(parents=True)
    (root / "__init__.py").write_text("")
    (root / "inner" / "__init__.py").write_text('"""The inside."""')
    (root / "top.py").write_text(
        '"""The top.\n\nMore of it."""\n'
        "import os\nfrom toy import base\nfrom toy.inner.leaf import f\n"
    )
    (root / "base.py").write_text('"""The `base` & bottom."""\n')
    (root / "inner" / "leaf.py").write_text('"""A leaf."""\ndef f():\n    import toy.base\n')
    return root


def test_every_module_has_a_row_and_a_box():
    text = diagram.render()
    rows = re.findall(r"^   \* - `(\w+)`$", text, re.MULTILINE)
    boxes = re.findall(r"<text [^>]*>(\w+)</text>", text)
    modules = sorted(path.stem for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    assert sorted(rows) == sorted(boxes) == modules


def test_imports_are_found_wherever_they_stand(package):
    graph = diagram.import_graph(diagram.modules(package))
    assert graph == {"top": {"base", "inner/leaf"}, "base": set(), "inner/leaf": {"base"}}
    assert diagram.fold(graph) == {"top": {"base", "inner/"}, "base": set(), "inner/": {"base"}}
    assert diagram.inside(graph, "inner") == {"leaf": set()}


def test_the_page_of_a_small_package(package):
    text = diagram.render(package)
    assert ".. rubric:: `toy`" in text and ".. rubric:: `toy/inner`" in text
    assert "   * - `top`\n     - The top\n" in text
    assert "   * - `base`\n     - The `base` & bottom\n" in text
    assert text.index("`top`") < text.index("`base`")  # importers first
    assert text.count("<path") == 2  # top -> base follows from top -> inner/ -> base
    assert len(re.findall("<rect", text)) == 4


def test_arrows_that_follow_are_left_out():
    assert diagram.reduced(DIAMOND) == {"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}


def test_layers_lie_below_the_lowest_importer():
    graph = DIAMOND | {"e": {"d"}, "d": {"f"}, "f": set(), "c": {"d", "b"}}
    numbers = {"a": 0, "e": 0, "c": 1, "b": 2, "d": 3, "f": 4}
    assert diagram.layer_numbers(graph) == numbers


def test_a_circle_is_refused():
    with pytest.raises(ValueError, match=r"circle: \['a', 'b'\]"):
        diagram.importers_first({"a": {"b"}, "b": {"a"}, "c": {"a"}})


def test_a_module_without_a_docstring_is_refused(tmp_path):
    (tmp_path / "bare.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"bare\.py has no docstring; begin it"):
        diagram.summary(tmp_path / "bare.py")


def test_the_order_within_layers_avoids_crossings():
    # As written, all three arrows cross; turned round, none does.
    layers, arrows = diagram.arrange(
        {"a": {"z"}, "b": {"y"}, "c": {"x"}, **dict.fromkeys("xyz", ())}
    )
    down = {arrow[0]: [arrow[1]] for arrow in arrows}
    assert diagram._crossings([["a", "b", "c"], ["x", "y", "z"]], down) == 3
    assert diagram._crossings(layers, down) == 0


def test_long_arrows_bend_in_every_layer_between():
    graph = {"a": {"b", "d"}, "b": {"c"}, "c": set(), "x": {"y", "c"}, "y": {"d"}, "d": {"c"}}
    layers, arrows = diagram.arrange(graph)
    bends = [node for layer in layers for node in layer if isinstance(node, diagram.Bend)]
    (long,) = [arrow for arrow in arrows if arrow[0] == "x" and arrow[-1] == "c"]
    assert long[1:-1] == [diagram.Bend("x", "c", 1), diagram.Bend("x", "c", 2)]
    assert set(long[1:-1]) <= set(bends)


def test_boxes_do_not_overlap_and_stay_inside():
    graph = diagram.fold(diagram.import_graph(diagram.modules()))
    layers, arrows = diagram.arrange(diagram.reduced(graph))
    place, (width, height) = diagram.places(layers, arrows)
    for layer in layers:
        edges = [(place[n][0] - diagram._width(n) / 2, place[n][0] + diagram._width(n) / 2)
                 for n in layer]  # fmt: skip
        assert edges[0][0] >= 0 and edges[-1][1] <= width + 2 * diagram.MARGIN
        assert all(right < left for (_, right), (left, _) in zip(edges, edges[1:], strict=False))
    assert max(y for _, y in place.values()) < height
