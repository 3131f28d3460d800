"""The user guide says of every regularizer what it does, when to use it, and when not."""

import re
from pathlib import Path

import pytest

from skreg import augmentation
from tests.names import NO_REGULARIZERS, own_parameters

DOC = Path(__file__).parent.parent / "doc"
PAGES = {path.stem: path.read_text() for path in sorted((DOC / "guide").glob("*.rst"))}
GUIDE = "\n".join(PAGES.values())
HEADING = re.compile(r"^(.+)\n([-=])\2+$", re.MULTILINE)


def sections(page):
    """Return the text below every heading of a page."""
    parts = HEADING.split(PAGES[page])
    return dict(zip(parts[1::3], parts[3::3], strict=True))


REGULARIZERS = {
    re.match(r"`(\w+)`", title)[1]: text
    for page in ("penalties", "noise", "training")
    for title, text in sections(page).items()
    if title.startswith("`")
}


def test_every_new_parameter_is_in_the_guide():
    assert len(own_parameters()) > 20
    forgotten = {name for name in own_parameters() if not re.search(rf"`{name}\b", GUIDE)}
    assert not forgotten, f"no page of doc/guide tells of {forgotten}"


def test_every_regularizer_has_a_section():
    forgotten = own_parameters() - NO_REGULARIZERS - REGULARIZERS.keys()
    assert not forgotten, f"penalties.rst, noise.rst or training.rst needs a section `{forgotten}`"
    assert set(REGULARIZERS) <= own_parameters()


# A price per input trades nothing, and each transform is a case of its own.
@pytest.mark.parametrize("name", sorted(set(REGULARIZERS) - {"feature_penalty", "augmentation"}))
def test_a_section_says_what_when_and_when_not(name):
    text = " ".join(REGULARIZERS[name].split())
    for words in ("*Bias and variance.* ", "*Use it* ", "*Avoid it* "):
        assert text.count(words) == 1, words


def test_every_transform_has_its_use():
    entries = re.split(r"^(?=`[A-Z])", REGULARIZERS["augmentation"], flags=re.MULTILINE)[1:]
    names = re.findall(r"`(\w+)\(", " ".join(entry.splitlines()[0] for entry in entries))
    forgotten = set(augmentation.__all__) - {"Transform"} - set(names)
    assert not forgotten, f"`augmentation` in doc/guide/noise.rst has no entry for {forgotten}"
    assert len(names) == len(augmentation.__all__) - 1
    assert all("*use " in entry.lower() for entry in entries)


def test_the_search_ranges_are_in_the_table():
    table = sections("choosing")["Ranges"]
    listed = re.findall(r"^`(\w+)` ", table, re.MULTILINE)
    strengths = set(REGULARIZERS) - {"feature_penalty", "frozen_layers", "augmentation"}
    transforms = {"GaussianNoise", "Mixup", "FeatureSwap", "Adversarial"}
    assert sorted(listed) == sorted(strengths | transforms)


def test_every_reference_is_cited_and_every_citation_is_listed():
    texts = [path.read_text() for path in [*DOC.glob("*.rst"), *(DOC / "guide").glob("*.rst")]]
    cited = set(re.findall(r"\[(\w+)\]_", "\n".join(texts)))
    listed = re.findall(r"^\.\. \[(\w+)\]", (DOC / "references.rst").read_text(), re.MULTILINE)
    assert listed == sorted(set(listed), key=str.lower)
    assert set(listed) == cited
