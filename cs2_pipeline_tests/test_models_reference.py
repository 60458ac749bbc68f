"""The page of models is what the table of models is."""

from pathlib import Path

from cs2_pipeline.models_reference import page

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_in_the_docs_is_up_to_date():
    written = (DOCS / "models.md").read_text()
    assert written == page(), "run: python -m cs2_pipeline.models_reference > docs/models.md"
