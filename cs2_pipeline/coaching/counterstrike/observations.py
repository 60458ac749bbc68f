"""How the events of rounds become observations of Counter-Strike's skills.

Prices are those of `prices`: what a round is worth by the players left and the bomb. What a match's source did not
record gives no observation of that match: never a 0.
"""

from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.coaching.counterstrike import prices
from cs2_pipeline.coaching.observed import OBSERVATIONS

TRADE_SECONDS: Final = 5.0
"""Within which the death of a player's killer counts as a trade."""
GROUP: Final = "all"


def observations(rounds: pd.DataFrame, people: pd.DataFrame, kills: pd.DataFrame, bombs: pd.DataFrame) -> pd.DataFrame:
    """What matches tell of their players' skills.

    Args:
        rounds: match_id, round_id, at, tick_rate, ct_wins.
        people: round_id, player, side (CT or T); damage, utility_damage, flash_assists, enemies_flashed, shots_fired,
            shots_hit, each null where it was not recorded.
        kills: round_id, tick, killer (null where nobody's), victim, headshot (null where not recorded), in order.
        bombs: round_id, tick, player, event.

    Returns:
        `skills.OBSERVATIONS`, a row for each player, match and skill with exposure. Bots are players here.
    """
    known = people.merge(rounds[["match_id", "round_id", "at", "ct_wins"]], on="round_id")
    known = known.assign(won=(known["ct_wins"] == 1) == (known["side"] == "CT"))
    priced = _priced(kills, rounds, known, bombs)
    events = pd.concat(
        [
            _of_rounds(known, priced, bombs, rounds),
            _of_duels(priced),
            _of_trades(known, priced),
            _of_clutches(known, priced),
            _of_plants(known, priced, bombs),
        ],
        ignore_index=True,
    ).dropna(subset=["player", "total", "exposure"])
    match = rounds.set_index("round_id")[["match_id", "at"]]
    events = events.join(match, on="round_id").rename(columns={"match_id": "match"})
    sums = events.groupby(["player", "match", "at", "skill"], as_index=False)[["total", "exposure"]].sum()
    sums = sums[sums["exposure"] > 0].assign(group=GROUP)
    return sums.astype({"player": "str", "match": "str"})[list(OBSERVATIONS)]


def _priced(kills: pd.DataFrame, rounds: pd.DataFrame, known: pd.DataFrame, bombs: pd.DataFrame) -> pd.DataFrame:
    """Deaths in order with both sides, players alive and CT's price before and after each, and seconds."""
    side = known.set_index(["round_id", "player"])["side"]
    deaths = kills[kills["round_id"].isin(rounds["round_id"])].astype({"tick": "float64"})
    deaths = deaths.sort_values(["round_id", "tick"], kind="stable")
    for role in ("killer", "victim"):
        keys = pd.MultiIndex.from_arrays([deaths["round_id"], deaths[role].astype("object")])
        deaths = deaths.assign(**{f"{role}_side": side.reindex(keys).to_numpy()})
    deaths = deaths.dropna(subset=["victim_side"]).drop_duplicates(["round_id", "victim"])
    planted = _plants(bombs).set_index("round_id")["tick"].astype("float64")
    down = deaths["tick"].to_numpy("float64") > deaths["round_id"].map(planted).to_numpy("float64", na_value=np.nan)
    size = _sizes(known)
    after, before = {}, {}
    for name in ("CT", "T"):
        own = deaths["victim_side"] == name
        dead = own.astype("int64").groupby(deaths["round_id"]).cumsum()
        after[name] = deaths["round_id"].map(size[name]) - dead
        before[name] = after[name] + own
    rate = deaths["round_id"].map(rounds.set_index("round_id")["tick_rate"]).astype("float64")
    enemy = deaths["killer_side"].notna() & (deaths["killer_side"] != deaths["victim_side"])
    then, now = (
        prices.ct_wins(one["CT"].to_numpy(), one["T"].to_numpy(), down.astype("float64")) for one in (before, after)
    )
    return deaths.assign(
        seconds=deaths["tick"] / rate, enemy=enemy, ct=after["CT"], t=after["T"], price=now, lost=np.abs(now - then)
    )


def _sizes(people: pd.DataFrame) -> pd.DataFrame:
    """How many of each side, by round."""
    return pd.crosstab(people["round_id"], people["side"]).reindex(columns=["CT", "T"], fill_value=0)


def _plants(bombs: pd.DataFrame) -> pd.DataFrame:
    return bombs[bombs["event"] == "planted"].sort_values("tick").drop_duplicates("round_id")


def _rows(
    rows: pd.DataFrame, skill: str, player: str, total: pd.Series | float, exposure: pd.Series | float = 1.0
) -> pd.DataFrame:
    table = pd.DataFrame({"round_id": rows["round_id"], "player": rows[player], "skill": skill})
    return table.assign(total=total, exposure=exposure).astype({"total": "float64", "exposure": "float64"})


def _of_rounds(known: pd.DataFrame, deaths: pd.DataFrame, bombs: pd.DataFrame, rounds: pd.DataFrame) -> pd.DataFrame:
    """A row for each player and round: what is averaged over rounds."""
    keys = pd.MultiIndex.from_frame(known[["round_id", "player"]])

    def per_round(values: pd.Series) -> pd.Series:
        return pd.Series(values.reindex(keys).fillna(0).to_numpy("float64"), index=known.index)

    duels = deaths[deaths["enemy"]]
    first = duels.drop_duplicates("round_id")
    by_killer, by_victim = (["round_id", role] for role in ("killer", "victim"))
    died = per_round(deaths.groupby(by_victim).size()) > 0
    gain, loss = duels.groupby(by_killer)["lost"].sum(), deaths.groupby(by_victim)["lost"].sum()
    opened, fell = first.groupby(by_killer)["lost"].sum(), first.groupby(by_victim)["lost"].sum()
    useful = ~died | (per_round(duels.groupby(by_killer).size()) > 0)
    useful |= per_round(_traded(duels).groupby(by_victim).size()) > 0
    lost, as_t = ~known["won"], known["side"] == "T"
    taken = per_round(first.groupby(by_killer).size()) + per_round(first.groupby(by_victim).size())
    found = [
        _rows(known, "opening_taken", "player", taken),
        _rows(known, "opening_gain", "player", per_round(opened) - per_round(fell)),
        _rows(known, "swing", "player", per_round(gain) - per_round(loss)),
        _rows(known, "survival", "player", ~died),
        _rows(known, "steady", "player", useful),
        _rows(known[lost], "saves", "player", ~died[lost]),
        *(
            _rows(known, skill, "player", known[column], known[column].notna())
            for skill, column in _RECORDED
            if column in known.columns
        ),
    ]
    if {"shots_fired", "shots_hit"} <= set(known.columns):
        found.append(_rows(known, "accuracy", "player", known["shots_hit"], known["shots_fired"]))
    planting = known[as_t & known["match_id"].isin(rounds.loc[rounds["round_id"].isin(bombs["round_id"]), "match_id"])]
    planted = _plants(bombs).assign(one=1.0).set_index(["round_id", "player"])["one"]
    keys_t = pd.MultiIndex.from_frame(planting[["round_id", "player"]])
    by_player = pd.Series(planted.reindex(keys_t).fillna(0).to_numpy("float64"), index=planting.index)
    return pd.concat([*found, _rows(planting, "plants", "player", by_player)])


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
            _rows(first, "opening_won", "killer", 1.0),
            _rows(first, "opening_won", "victim", 0.0),
            _rows(duels, "duels_won", "killer", 1.0),
            _rows(duels, "duels_won", "victim", 0.0),
            _rows(duels, "headshots", "killer", duels["headshot"]),
            _rows(deaths, "death_cost", "victim", deaths["lost"]),
        ]
    )


def _traded(duels: pd.DataFrame) -> pd.DataFrame:
    """Deaths whose killer died by an enemy within `TRADE_SECONDS`, with who did it as `trader`."""
    revenge = duels[["round_id", "victim", "killer", "seconds"]].set_axis(
        ["round_id", "killer", "trader", "then"], axis=1
    )
    both = duels.merge(revenge, on=["round_id", "killer"])
    gap = both["then"] - both["seconds"]
    return both[(gap >= 0) & (gap <= TRADE_SECONDS)]


def _of_trades(known: pd.DataFrame, deaths: pd.DataFrame) -> pd.DataFrame:
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
            _rows(got, "trades_got", "victim", got["traded"].fillna(0.0)),
            _rows(mates, "trades_given", "player", mates["did"].fillna(0.0)),
        ]
    )


def _of_clutches(known: pd.DataFrame, deaths: pd.DataFrame) -> pd.DataFrame:
    """Who was left alone against somebody: the round less its price at that moment."""
    own = deaths["ct"].where(deaths["victim_side"] == "CT", deaths["t"])
    others = deaths["t"].where(deaths["victim_side"] == "CT", deaths["ct"])
    alone = deaths[(own == 1) & (others > 0)][["round_id", "victim_side", "seconds", "price"]]
    last = alone.rename(columns={"victim_side": "side"}).merge(known, on=["round_id", "side"])
    fell = deaths[["round_id", "victim", "seconds"]].set_axis(["round_id", "player", "fell"], axis=1)
    last = last.merge(fell, on=["round_id", "player"], how="left")
    last = last[~(last["fell"] <= last["seconds"])]
    return _rows(last, "clutches", "player", last["won"].astype("float64") - _own(last))


def _of_plants(known: pd.DataFrame, deaths: pd.DataFrame, bombs: pd.DataFrame) -> pd.DataFrame:
    """Who was alive when the bomb was planted: the round less its price at that moment."""
    plants = _plants(bombs)[["round_id", "tick"]].rename(columns={"tick": "planted"})
    fell = deaths[["round_id", "victim", "tick"]].set_axis(["round_id", "player", "fell"], axis=1)
    there = known.merge(plants, on="round_id").merge(fell, on=["round_id", "player"], how="left")
    there = there[~(there["fell"] <= there["planted"])]
    alive = _sizes(there)
    count = {side: there["round_id"].map(alive[side]).to_numpy("float64") for side in ("CT", "T")}
    there = there.assign(price=prices.ct_wins(count["CT"], count["T"], np.ones(len(there))))
    return _rows(there, "bomb_rounds", "player", there["won"].astype("float64") - _own(there))


def _own(rows: pd.DataFrame) -> pd.Series:
    return rows["price"].where(rows["side"] == "CT", 1 - rows["price"])
