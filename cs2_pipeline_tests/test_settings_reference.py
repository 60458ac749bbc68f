"""The settings page is what the settings are."""

from pathlib import Path

from cs2_pipeline.settings import Settings
from cs2_pipeline.settings_reference import page

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_in_the_docs_is_up_to_date() -> None:
    written = (DOCS / "settings.md").read_text()
    assert written == page(), "run: python -m cs2_pipeline.settings_reference > docs/settings.md"


def test_every_setting_has_a_line_with_its_meaning_and_default() -> None:
    lines = page().splitlines()
    for name, field in Settings.model_fields.items():
        (line,) = [line for line in lines if line.startswith(f"| `CS2_{name.upper()}` |")]
        assert field.description in line
    assert "| `CS2_SNAPSHOT_INTERVAL` | seconds between two snapshots of a round | `10.0` | number, > 0 |" in lines
