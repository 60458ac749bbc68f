"""What README and docs point at is there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cs2_pipeline.cli.commands import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "clients").rglob("*.md"))]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").glob("*.png")), ids=lambda path: path.name)
def test_every_picture_is_shown_somewhere(picture):
    assert any(picture.name in page.read_text(encoding="utf-8") for page in PAGES)


def commands(group, words=()):
    """Every command of `cs2` as the words that name it, groups included."""
    for name, command in group.commands.items():
        yield (*words, name)
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))


def test_every_command_that_a_text_names_exists():
    known = set(commands(get_command(app)))
    groups = {words[:-1] for words in known if len(words) > 1}
    texts = [*PAGES, *(path for part in ("cs2_pipeline", "bento") for path in (ROOT / part).rglob("*.py"))]
    named = {
        tuple(found.split())
        for path in texts
        for found in re.findall(
            r"(?:`|^|\$ )cs2 ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", path.read_text(encoding="utf-8"), re.M
        )
    }
    templates = (ROOT / "bento").rglob("*.html")
    named |= {(word,) for path in templates for word in re.findall(r"\bcs2 ([a-z]+)", path.read_text(encoding="utf-8"))}
    wrong = {words for words in named if words[:1] not in known or (words[:1] in groups and words[:2] not in known)}
    assert len(named) > 20
    assert wrong == set()
