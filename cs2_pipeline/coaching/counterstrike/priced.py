"""How the prices of a round's moments become observations of the skills that are told in win probability.

Prices are CT's probability of winning the round, as a round model gives them for the whole state: players alive, their
health and equipment, money, bomb, time. Rounds that nobody priced give no observation: never a 0.
"""

from typing import Final

import pandas as pd

from cs2_pipeline.coaching.counterstrike.play import Play, plants, play, rows, summed

PRICED: Final = ("opening_gain", "swing", "clutches", "death_cost", "bomb_rounds", "saved_price", "lost_price")
"""The skills told here."""


def observations(
    rounds: pd.DataFrame,
    people: pd.DataFrame,
    kills: pd.DataFrame,
    bombs: pd.DataFrame,
    *,
    prices: pd.DataFrame,
    equipment: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What prices tell of players' skills.

    Args:
        rounds, people, kills, bombs: as `counterstrike.observations` takes them.
        prices: round_id, ``victim`` (a player; null for the plant), ``moved`` (how the death or plant moved CT's
            price), ``after`` (CT's price after it). A round that was priced has at least one row, and may have one
            without a victim and without figures.
        equipment: round_id, player, ``worth`` (what the player's equipment adds to the own side's price of the next
            round): of players in lost rounds; null where the next round was not priced.

    Returns:
        `observed.OBSERVATIONS`.
    """
    priced = set(prices["round_id"])
    rounds, people, kills, bombs = (table[table["round_id"].isin(priced)] for table in (rounds, people, kills, bombs))
    played = play(rounds, people, kills, bombs)
    by_victim = prices.dropna(subset=["victim"]).astype({"victim": "object"})
    by_victim = by_victim.drop_duplicates(["round_id", "victim"])
    deaths = played.deaths.merge(by_victim, on=["round_id", "victim"], how="left")
    lost = deaths["moved"].where(deaths["victim_side"] == "T", -deaths["moved"])
    deaths = deaths.assign(lost=lost)
    found = [
        _of_duels(played, deaths),
        rows(deaths, "death_cost", "victim", deaths["lost"]),
        _clutches(played, deaths),
        _bomb_rounds(played, prices),
        *([] if equipment is None else _economy(played, deaths, equipment)),
    ]
    return summed(found, played)


def _of_duels(played: Play, deaths: pd.DataFrame) -> pd.DataFrame:
    """Per round: what a player's duels and opening duels gained less what they lost; none with an unpriced death."""
    known, duels = played.known, deaths[deaths["enemy"]]
    known = known[~known["round_id"].isin(deaths.loc[deaths["lost"].isna(), "round_id"])]
    keys = pd.MultiIndex.from_frame(known[["round_id", "player"]])
    first = duels.drop_duplicates("round_id")

    def net(won: pd.DataFrame, lost: pd.DataFrame) -> pd.Series:
        gain = won.groupby(["round_id", "killer"])["lost"].sum().reindex(keys).fillna(0).to_numpy("float64")
        loss = lost.groupby(["round_id", "victim"])["lost"].sum().reindex(keys).fillna(0).to_numpy("float64")
        return pd.Series(gain - loss, index=known.index)

    return pd.concat(
        [
            rows(known, "opening_gain", "player", net(first, first)),
            rows(known, "swing", "player", net(duels, deaths)),
        ]
    )


def _clutches(played: Play, deaths: pd.DataFrame) -> pd.DataFrame:
    """Who was left alone against somebody: the round less its price at that moment."""
    own = deaths["ct"].where(deaths["victim_side"] == "CT", deaths["t"])
    others = deaths["t"].where(deaths["victim_side"] == "CT", deaths["ct"])
    alone = deaths[(own == 1) & (others > 0)][["round_id", "victim_side", "seconds", "after"]]
    last = alone.rename(columns={"victim_side": "side"}).merge(played.known, on=["round_id", "side"])
    fell = deaths[["round_id", "victim", "seconds"]].set_axis(["round_id", "player", "fell"], axis=1)
    last = last.merge(fell, on=["round_id", "player"], how="left", suffixes=("", "_own"))
    last = last[~(last["fell"] <= last["seconds"])]
    return rows(last, "clutches", "player", last["won"].astype("float64") - _own(last))


def _bomb_rounds(played: Play, prices: pd.DataFrame) -> pd.DataFrame:
    """Who was alive when the bomb was planted: the round less its price at that moment."""
    after = prices[prices["victim"].isna() & prices["after"].notna()].drop_duplicates("round_id")
    planted = plants(played.bombs)[["round_id", "tick"]].rename(columns={"tick": "planted"})
    planted = planted.merge(after[["round_id", "after"]], on="round_id")
    fell = played.deaths[["round_id", "victim", "tick"]].set_axis(["round_id", "player", "fell"], axis=1)
    there = played.known.merge(planted, on="round_id").merge(fell, on=["round_id", "player"], how="left")
    there = there[~(there["fell"] <= there["planted"])]
    return rows(there, "bomb_rounds", "player", there["won"].astype("float64") - _own(there))


def _economy(played: Play, deaths: pd.DataFrame, equipment: pd.DataFrame) -> list[pd.DataFrame]:
    """In lost rounds whose next one was priced: what the equipment brought along, or lost by dying, is worth in it."""
    lost = played.known[~played.known["won"]].merge(equipment, on=["round_id", "player"]).dropna(subset=["worth"])
    worth = lost["worth"].astype("float64")
    died = pd.MultiIndex.from_frame(lost[["round_id", "player"]]).isin(
        pd.MultiIndex.from_frame(deaths[["round_id", "victim"]])
    )
    return [
        rows(lost, "saved_price", "player", worth.mask(died, 0.0)),
        rows(lost, "lost_price", "player", worth.where(died, 0.0)),
    ]


def _own(of: pd.DataFrame) -> pd.Series:
    return of["after"].where(of["side"] == "CT", 1 - of["after"])
