"""Check a built site: every link and source within it leads to a file, and to an anchor in it.

    python .ci/check_links.py doc/_build/html

Addresses on the web are left alone: whether they answer is not ours to decide.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The addresses that a page names and the anchors that it offers."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.anchors = set(), {"", "top"}  # both mean the top of any page
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Collect from one element."""
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.addresses |= {values[name] for name in ("href", "src") if name in values}
        for candidate in values.get("srcset", "").split(","):
            self.addresses |= set(candidate.split()[:1])


def target(page, address):
    """Return the file and the anchor that an address on a page leads to, or None if on the web."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    # A text fragment ("#:~:text=...") asks the browser to search; it is no anchor.
    anchor = unquote(parts.fragment).split(":~:")[0]
    return (path / "index.html" if path.is_dir() else path), anchor


def leads_nowhere(pages, found):
    """Return whether there is no such file, or a page without that anchor."""
    if found is None:
        return False
    file, anchor = found
    return not file.is_file() or (file in pages and anchor not in pages[file].anchors)


def broken_links(site):
    """Return what leads nowhere in the pages below a folder.

    Parameters
    ----------
    site : Path
        A folder of HTML files.

    Returns
    -------
    broken : list of str
        A line for each, with the page and the address.
    """
    site = Path(site).resolve()
    # What the theme keeps in _static are templates, not pages.
    files = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    pages = {path: Page(path) for path in files}
    return [
        f"{path.relative_to(site)}: {address}"
        for path, page in pages.items()
        for address in sorted(page.addresses)
        if leads_nowhere(pages, target(path, address))
    ]


def main(site):
    """Print what is broken and exit accordingly."""
    broken = broken_links(site)
    n_pages = len(list(Path(site).rglob("*.html")))
    print("\n".join([*broken, f"{n_pages} pages, {len(broken)} broken links"]))
    sys.exit(1 if broken or not n_pages else 0)


if __name__ == "__main__":
    main(sys.argv[1])
