"""A card to plan from, and somebody signed in as its player, shared by the coach's tests of the gateway."""

from datetime import UTC, datetime

from sqlalchemy import update

from cs2_pipeline.coaching.cards import Card, line
from cs2_pipeline.coaching.counterstrike.skills import GAME, SKILLS
from cs2_pipeline.coaching.estimates import Known, Peers
from cs2_pipeline.coaching.reliability import Reliability
from cs2_pipeline.records import coaching
from cs2_pipeline.records.tables import USERS
from cs2_pipeline.stats.intervals import Interval

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RELIABLE = Interval(0.6, 0.5, 0.7)


def card(player, *, weak=("duels_won",), skills=SKILLS, shown=("duels_won", "trades_given")):
    """A card of two skills; the weak ones are far below the peers, the others average."""
    lines = []
    for skill in skills:
        if skill.name not in shown:
            continue
        peers = Peers(skill.name, "all", 100, 900, mean=0.5, spread=0.1, noise=1.0, exposure=25.0, mean_error=0.01)
        seen = Known(0.3 if skill.name in weak else 0.5, 0.02, 40, 900.0, 0.3)
        lines.append(
            line(skill, seen, peers, reliability=Reliability(skill.name, 99, RELIABLE, RELIABLE), worth_per_unit=0.2)
        )
    return Card(player, "all", 40, tuple(lines), {"damage": "none of the player's matches records it"}).document()


def keep(records, *cards, game=GAME):
    coaching.replace_cards(records, game, {one["player"]: one for one in cards}, at=NOW)


def link(records, username, steam_id):
    """As after signing in through Steam."""
    with records.writing() as connection:
        connection.execute(update(USERS).where(USERS.c.username == username).values(steam_id=steam_id))
