"""The documentation as built: its links, its gallery, and what a browser makes of its pages."""

import ast
import functools
import http.server
import importlib.util
import json
import os
import threading
from pathlib import Path

import pytest

from tests.browser import Browser, find_chromium

ROOT = Path(__file__).parent.parent
SITE = Path(os.environ.get("SKREG_SITE", ROOT / "doc" / "_build" / "html"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
PAGES = sorted(
    page.relative_to(SITE).as_posix()
    for page in SITE.rglob("*.html")
    if "_static" not in page.parts
)
GALLERY = [page for page in PAGES if page.startswith("gallery/") and "index" not in page]
PHONE, DESKTOP = (375, 812), (1280, 900)

needs_site = pytest.mark.skipif(
    not PAGES, reason=f"no site in {SITE}; README.md says how to build it"
)
slow = pytest.mark.slow


def load(path):
    """Import a script that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check_links = load(ROOT / ".ci" / "check_links.py")
gallery_order = load(ROOT / "doc" / "gallery_order.py")

# What needs no browser.


def test_the_link_check_finds_what_is_broken(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "picture.png").touch()
    (tmp_path / "a.html").write_text(
        '<a href="sub/b.html#there"></a> <a href="https://elsewhere.test/x"></a> <a href="#"></a>'
        '<a href="sub/b.html#:~:text=found,-by%20the%20browser"></a> <a href="sub/"></a>'
        '<img src="picture.png" srcset="picture.png, large.png 2.00x">'
    )
    (tmp_path / "sub" / "b.html").write_text(
        '<h1 id="there"></h1> <a href="../a.html"></a> <a href="../c.html"></a> <a href="#no"></a>'
    )
    assert check_links.broken_links(tmp_path) == [
        "a.html: large.png",
        "a.html: sub/",
        "sub/b.html: #no",
        "sub/b.html: ../c.html",
    ]


def test_the_gallery_keeps_the_order_of_its_table():
    names = ["zeta.py", "dropout.py", "alpha.py", "exact_zeros.py"]
    assert sorted(names, key=gallery_order.place) == [
        "exact_zeros.py", "dropout.py", "alpha.py", "zeta.py",
    ]  # fmt: skip
    listed = {f"{folder}/{name}" for folder, names in gallery_order.ORDER.items() for name in names}
    assert listed <= {f"{path.parent.name}/{path.name}" for path in EXAMPLES}


@slow
@needs_site
def test_every_link_of_the_site_leads_somewhere():
    assert check_links.broken_links(SITE) == []


@slow
@needs_site
def test_every_example_ran_and_no_other():
    expected = {f"gallery/{path.parent.name}/{path.stem}.html" for path in EXAMPLES}
    assert set(GALLERY) == expected
    for page in GALLERY:
        assert "Total running time of the script:" in (SITE / page).read_text(), page


@slow
@needs_site
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_downloads_are_the_example(path):
    (script,) = (SITE / "_downloads").rglob(f"{path.stem}.py")
    assert script.read_bytes() == path.read_bytes()
    (notebook,) = (SITE / "_downloads").rglob(f"{path.stem}.ipynb")
    cells = json.loads(notebook.read_text())["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    statements = ast.parse(path.read_text()).body[1:]  # the docstring is a cell of text
    assert ast.dump(ast.parse(code)) == ast.dump(ast.Module(statements, []))
    assert list((SITE / "_downloads").rglob(f"{path.stem}.zip"))


# What needs one.


@pytest.fixture(scope="module")
def address():
    """Serve the site and return its address: pages from files may not read the search index."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    if not (command := find_chromium()):
        pytest.skip("no Chromium or Chrome to look at the site with; install chromium")
    with Browser(command) as browser:
        yield browser


@pytest.fixture
def desktop(browser):
    browser.resize(*DESKTOP)
    return browser


@pytest.fixture
def phone(browser):
    browser.resize(*PHONE, mobile=True)
    return browser


PICTURES = """[...document.querySelectorAll("%s")].map(
    picture => [picture.getBoundingClientRect().width, picture.naturalWidth])"""


@slow
@needs_site
def test_the_gallery_shows_a_thumbnail_of_every_example(desktop, address):
    desktop.open(f"{address}/gallery/index.html")
    pictures = desktop.run(PICTURES % ".sphx-glr-thumbcontainer img")
    assert len(pictures) == len(EXAMPLES)
    for shown, natural in pictures:
        assert natural >= shown >= 150
    sources = "[...document.querySelectorAll('.sphx-glr-thumbcontainer img')].map(i => i.src)"
    assert not [source for source in desktop.run(sources) if "no_image" in source]


@slow
@needs_site
@pytest.mark.parametrize("page", GALLERY)
def test_an_example_shows_code_output_and_pictures(page, desktop, address):
    desktop.open(f"{address}/{page}")
    for part in (".highlight-Python pre", ".sphx-glr-script-out pre"):
        texts = desktop.run(f"[...document.querySelectorAll('{part}')].map(e => e.innerText)")
        assert texts and all(text.strip() for text in texts), part
    pictures = desktop.run(PICTURES % "img.sphx-glr-single-img, img.sphx-glr-multi-img")
    assert pictures
    for shown, natural in pictures:  # letters of 10 points stay 9 pixels high or more
        assert shown >= 0.65 * natural > 0


@slow
@needs_site
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_a_phone_and_loads_nothing_from_elsewhere(page, phone, address):
    phone.open(f"{address}/{page}")
    assert phone.run("document.documentElement.scrollWidth") <= PHONE[0]
    assert phone.run(OUT_OF_REACH) == []
    loaded = phone.run("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded and all(name.startswith((address, "data:")) for name in loaded)


# What ends right of the window is cut off, unless a box around it scrolls: one that holds less
# than the whole article, which nobody wants to push to and fro line by line.
OUT_OF_REACH = """(() => {
    const scrolls = box => box && !box.querySelector("h1") && (
        box.tagName === "DIALOG" || scrolls(box.parentElement)
        || (["auto", "scroll"].includes(getComputedStyle(box).overflowX)
            && box.getBoundingClientRect().right <= innerWidth + 1));
    const seen = part => {
        const {width, height} = part.getBoundingClientRect();
        return width && height && getComputedStyle(part).visibility !== "hidden";
    };
    return [...document.querySelectorAll("body *")]
        .filter(part => part.getBoundingClientRect().right > innerWidth + 1)
        .filter(part => seen(part) && !scrolls(part.parentElement))
        .map(part => `${part.tagName} ${part.className}: ${part.textContent.slice(0, 40)}`);
})()"""


@slow
@needs_site
def test_search_finds_dropout(desktop, address):
    desktop.open(f"{address}/search.html?q=dropout")
    links = "[...document.querySelectorAll('#search-results li a')].map(link => link.pathname)"
    desktop.wait_for(f"{links}.length > 0 && /found|matching/.test(document.body.innerText)")
    found = desktop.run(links)
    assert "/gallery/2_regularizers/dropout.html" in found
    assert any(page.startswith("/generated/skreg.MLP") for page in found)


@slow
@needs_site
def test_formulas_are_drawn(desktop, address):
    pages = [page for page in PAGES if 'class="math' in (SITE / page).read_text()]
    assert pages
    for page in pages:
        desktop.open(f"{address}/{page}")
        n_formulas = desktop.run("document.querySelectorAll('.math').length")
        desktop.wait_for(f"document.querySelectorAll('mjx-container > svg').length == {n_formulas}")
        assert desktop.run("document.querySelectorAll('[data-mml-node=merror]').length") == 0, page


@slow
@needs_site
@pytest.mark.parametrize("name", ["l1", "early_stopping", "coefs_", "feature_importances_"])
def test_a_link_from_a_notebook_scrolls_to_its_entry(name, desktop, address, monkeypatch):
    import skreg

    monkeypatch.setenv("SKREG_DOC_URL", address)
    model = skreg.MLPClassifier()
    common = pytest.importorskip("sklearn.utils._repr_html.common")
    desktop.open(common.generate_link_to_param_doc(type(model), name, model._get_doc_link()))
    assert desktop.wait_for("scrollY > 200")
