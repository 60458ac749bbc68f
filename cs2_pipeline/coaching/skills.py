"""What a skill is: a quantity of a player with a definition, a unit, an exposure and a direction.

Nothing here needs pandas: the gateway reads it.
"""

from dataclasses import dataclass


class CoachingError(Exception):
    """Something that keeps the coach from an answer; the message says what and what to do."""


@dataclass(frozen=True)
class Skill:
    """A quantity of a player.

    Attributes:
        name: identifier, unique in its game.
        title: what a player reads.
        category: the heading it stands under.
        definition: how it is computed, in a sentence.
        unit: of the value.
        exposure: what it is averaged over, in the plural: rounds, duels, minutes.
        higher_is_better: its direction.
        depends_on: what moves it besides the player.
        judged: whether less of it is a fault; a matter of role or style is shown, and never called a weakness.
    """

    name: str
    title: str
    category: str
    definition: str
    unit: str
    exposure: str
    higher_is_better: bool
    depends_on: tuple[str, ...] = ()
    judged: bool = True

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1
