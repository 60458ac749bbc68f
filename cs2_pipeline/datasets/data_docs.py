"""Great Expectations' data docs as pages that need nothing from elsewhere.

As Great Expectations writes them they load styles and scripts from six hosts, and the table of their first page is made
by one of those scripts. Here all of that is taken out, one style sheet is put in, and the first page is written anew.
"""

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Final

_SCRIPT: Final = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
_ELSEWHERE: Final = re.compile(r"<(?:link|img)\b[^>]*?(?:href|src)\s*=\s*[\"'](?:https?:)?//[^>]*>", re.IGNORECASE)
_STYLE: Final = """\
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 1.5rem auto; padding: 0 1rem; color: #1c2430;
  background: #fff; }
table { border-collapse: collapse; margin: .5rem 0 1rem; max-width: 100%; }
th, td { border: 1px solid #d4dae3; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td div { max-width: 34rem; overflow-x: auto; }
.navbar, .modal, footer, .d-none, .card:has(.btn-group), a[data-toggle] { display: none; }
</style>
"""


def make_self_contained(folder: Path, passed: Mapping[str, bool]) -> Path:
    """Take out what the pages of a folder load from other hosts, and write the first page.

    Args:
        folder: where Great Expectations wrote its data docs.
        passed: whether each table's suite passed.

    Returns:
        The first page: each table with its result and a link to its newest page.
    """
    for page in folder.rglob("*.html"):
        text = _ELSEWHERE.sub("", _SCRIPT.sub("", page.read_text(encoding="utf-8")))
        if _STYLE not in text:
            text = text.replace("</head>", f"{_STYLE}</head>", 1)
        page.write_text(text, encoding="utf-8")
    rows = "\n".join(_row(folder, table, good) for table, good in passed.items())
    first = folder / "index.html"
    first.write_text(
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Data docs</title>\n{_STYLE}'
        "</head>\n<body>\n<h1>Data docs</h1>\n<p>What Great Expectations found on all extracted rows.</p>\n"
        f"<table>\n<tr><th>Table</th><th>Result</th><th>Expectations</th></tr>\n{rows}\n</table>\n</body>\n</html>\n",
        encoding="utf-8",
    )
    return first


def _row(folder: Path, table: str, passed: bool) -> str:
    newest = max((folder / "validations" / table).rglob("*.html"), key=lambda page: page.parent.name)
    pages = (newest, folder / "expectations" / f"{table}.html")
    result, expectations = (f'<a href="{escape(page.relative_to(folder).as_posix())}">' for page in pages)
    word = "passed" if passed else "failed"
    return f"<tr><td>{escape(table)}</td><td>{result}{word}</a></td><td>{expectations}all of the suite</a></td></tr>"
