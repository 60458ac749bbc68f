"""docs/coaching.md defines every skill as the code does."""

from pathlib import Path

import pytest

from cs2_pipeline.coaching.counterstrike import skills as counterstrike
from cs2_pipeline.coaching.rocket_league import skills as rocket_league

PAGE = Path(__file__).parents[2] / "docs" / "coaching.md"


@pytest.mark.parametrize("skill", [*counterstrike.SKILLS, *rocket_league.SKILLS], ids=lambda skill: skill.name)
def test_a_skill_is_defined_in_the_page_as_in_the_code(skill):
    assert f"| `{skill.name}` | {skill.category} | {skill.definition} |" in PAGE.read_text(encoding="utf-8")
