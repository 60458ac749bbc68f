"""A small league for tests: four teams of five, two maps, and a forecaster that knows how strong everybody is."""

import math
from datetime import UTC, datetime

from cs2_pipeline.forecasting.forecasts import Price
from cs2_pipeline.records import directories
from cs2_pipeline.records.directories import MAP, PLAYER, TEAM, Entry

AT = datetime(2026, 1, 18, 12, tzinfo=UTC)
MAPS = ("de_ancient", "de_dust2", "de_inferno", "de_mirage", "de_nuke")
TEAMS = {"t1": "Northern Lights", "t2": "Lotus", "t3": "Quiet Storm", "t4": "Fifth Wheel"}


def players(team):
    return [f"{team}p{number}" for number in range(1, 6)]


def entries():
    for name in MAPS:
        yield Entry(MAP, name, name, 40, AT, {"ct_share": 0.52})
    for team, name in TEAMS.items():
        yield Entry(TEAM, team, name, 20, AT, {"names": [name, f"old {name}"], "player_ids": players(team), "won": 10})
        for player in players(team):
            yield Entry(PLAYER, player, f"nick of {player}", 20, AT, {"team_id": team})


def fill(records):
    directories.replace(records, entries())


class Strengths:
    """Prices by the players' numbers: a low-numbered team is better; every unknown player widens the interval."""

    name = "match_forecaster"

    def __init__(self, version="1"):
        self.version = version

    def prices(self, asked):
        return [[self.price(name, one.first, one.second) for name in one.map_names] for one in asked]

    def price(self, map_name, first, second):
        def strength(line_up):
            return sum(5 - int(player[1]) for player in line_up) / 5

        latent = 0.4 * (strength(first) - strength(second))
        if map_name == "de_nuke":
            latent *= 1.5
        width = 0.3 + 0.2 * (10 - len(first) - len(second))

        def odds(value):
            return 1 / (1 + math.exp(-value))

        swapped = latent < 0
        p, low, high = odds(abs(latent)), odds(abs(latent) - width), odds(abs(latent) + width)
        return Price(1 - p, 1 - high, 1 - low) if swapped else Price(p, low, high)
