"""How the events of rounds become observations of Counter-Strike's skills that are counted; `priced` tells the others.

What a match's source did not record gives no observation of that match: never a 0.
"""

from typing import Final

import pandas as pd

from cs2_pipeline.coaching.counterstrike.play import Play, plants, play, rows, summed
from cs2_pipeline.game.rules import TRADE_TIME


def observations(rounds: pd.DataFrame, people: pd.DataFrame, kills: pd.DataFrame, bombs: pd.DataFrame) -> pd.DataFrame:
    """What matches tell of their players' skills.

    Args:
        rounds: match_id, round_id, at, tick_rate, ct_wins, map_name (null where not known).
        people: round_id, player, side (CT or T); damage, utility_damage, flash_assists, enemies_flashed, shots_fired,
            shots_hit, each null where it was not recorded; rank where ranks are known.
        kills: round_id, tick, killer (null where nobody's), victim, headshot (null where not recorded), in order.
        bombs: round_id, tick, player, event.

    Returns:
        `observed.OBSERVATIONS`, a row for each player, match, context and skill with exposure. Bots are players here.
    """
    played = play(rounds, people, kills, bombs)
    return summed([_of_rounds(played), _of_duels(played.deaths), _of_trades(played)], played)


def _of_rounds(played: Play) -> pd.DataFrame:
    """A row for each player and round: what is averaged over rounds."""
    known, deaths, bombs = played.known, played.deaths, played.bombs
    keys = pd.MultiIndex.from_frame(known[["round_id", "player"]])

    def per_round(values: pd.Series) -> pd.Series:
        return pd.Series(values.reindex(keys).fillna(0).to_numpy("float64"), index=known.index)

    duels = deaths[deaths["enemy"]]
    first = duels.drop_duplicates("round_id")
    by_killer, by_victim = (["round_id", role] for role in ("killer", "victim"))
    died = per_round(deaths.groupby(by_victim).size()) > 0
    useful = ~died | (per_round(duels.groupby(by_killer).size()) > 0)
    useful |= per_round(_traded(duels).groupby(by_victim).size()) > 0
    lost = ~known["won"]
    taken = per_round(first.groupby(by_killer).size()) + per_round(first.groupby(by_victim).size())
    found = [
        rows(known, "opening_taken", "player", taken),
        rows(known, "survival", "player", ~died),
        rows(known, "steady", "player", useful),
        rows(known[lost], "saves", "player", ~died[lost]),
        *(
            rows(known, skill, "player", known[column], known[column].notna())
            for skill, column in _RECORDED
            if column in known.columns
        ),
    ]
    if {"shots_fired", "shots_hit"} <= set(known.columns):
        found.append(rows(known, "accuracy", "player", known["shots_hit"], known["shots_fired"]))
    with_bombs = played.rounds.loc[played.rounds["round_id"].isin(bombs["round_id"]), "match_id"]
    planting = known[(known["side"] == "T") & known["match_id"].isin(with_bombs)]
    planted = plants(bombs).assign(one=1.0).set_index(["round_id", "player"])["one"]
    keys_t = pd.MultiIndex.from_frame(planting[["round_id", "player"]])
    by_player = pd.Series(planted.reindex(keys_t).fillna(0).to_numpy("float64"), index=planting.index)
    return pd.concat([*found, rows(planting, "plants", "player", by_player)])


_RECORDED: Final = (
    ("damage", "damage"),
    ("utility_damage", "utility_damage"),
    ("flash_assists", "flash_assists"),
    ("blinded", "enemies_flashed"),
)


def _of_duels(deaths: pd.DataFrame) -> pd.DataFrame:
    duels = deaths[deaths["enemy"]]
    first = duels.drop_duplicates("round_id")
    return pd.concat(
        [
            rows(first, "opening_won", "killer", 1.0),
            rows(first, "opening_won", "victim", 0.0),
            rows(duels, "duels_won", "killer", 1.0),
            rows(duels, "duels_won", "victim", 0.0),
            rows(duels, "headshots", "killer", duels["headshot"]),
        ]
    )


def _traded(duels: pd.DataFrame) -> pd.DataFrame:
    """Deaths whose killer died by an enemy within `TRADE_TIME`, with who did it as `trader`."""
    revenge = duels[["round_id", "victim", "killer", "seconds"]].set_axis(
        ["round_id", "killer", "trader", "then"], axis=1
    )
    both = duels.merge(revenge, on=["round_id", "killer"])
    gap = both["then"] - both["seconds"]
    return both[(gap >= 0) & (gap <= TRADE_TIME)]


def _of_trades(played: Play) -> pd.DataFrame:
    known, deaths = played.known, played.deaths
    duels = deaths[deaths["enemy"]]
    traded = _traded(duels)
    got = duels.merge(traded[["round_id", "victim"]].assign(traded=1.0), on=["round_id", "victim"], how="left")
    fell = deaths[["round_id", "victim", "seconds"]].set_axis(["round_id", "player", "fell"], axis=1)
    mates = duels.merge(known[["round_id", "player", "side"]], on="round_id")
    mates = mates[(mates["side"] == mates["victim_side"]) & (mates["player"] != mates["victim"])]
    mates = mates.merge(fell, on=["round_id", "player"], how="left")
    mates = mates[~(mates["fell"] <= mates["seconds"])]
    did = traded[["round_id", "victim", "trader"]].assign(did=1.0).rename(columns={"trader": "player"})
    mates = mates.merge(did, on=["round_id", "victim", "player"], how="left")
    return pd.concat(
        [
            rows(got, "trades_got", "victim", got["traded"].fillna(0.0)),
            rows(mates, "trades_given", "player", mates["did"].fillna(0.0)),
        ]
    )
