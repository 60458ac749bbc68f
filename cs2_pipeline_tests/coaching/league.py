"""A made-up league of players with known skills, shared by the coach's tests."""

from functools import cache

from cs2_pipeline.coaching.simulation import Population, observe
from cs2_pipeline.coaching.skills import Skill

SKILLS = tuple(
    Skill(name, name.title(), "test", "made up", "a round", "rounds", better)
    for name, better in [("aim", True), ("trades", True), ("deaths", False), ("utility", True), ("luck", True)]
)
POPULATIONS = {
    "aim": Population(0.7, 0.08, 0.5, 22),
    "trades": Population(0.12, 0.03, 0.1, 22),
    "deaths": Population(0.66, 0.05, 0.22, 22),
    "utility": Population(12.0, 4.0, 300.0, 22),
    "luck": Population(0.1, 0.0, 0.1, 22),
}
MATCHES = tuple(5 + 7 * (number % 12) for number in range(150))


@cache
def contexts():
    """One skill of the same players on five maps that matter, of which each likes some best."""
    return observe(SKILLS[:1], POPULATIONS, MATCHES, seed=2, maps=5)


@cache
def league(seed: int):
    return observe(SKILLS, POPULATIONS, MATCHES, seed=seed)
