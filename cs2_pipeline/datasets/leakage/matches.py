"""Checks (h) and (i), and (a) for matches: crimes against tables of series that published tables really commit.

(h) the same series stands in the table again, under a team's new name: a rating that learned from the first copy
"predicts" the second. (i) rows of a day stand in an order that gives the winners away: whoever lost already and plays
again has in truth won before. (j) rows were kept by their outcome, so that of two meetings on one day the first gives
the second away. (a) a statistic of the match itself among the features.
"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets.leakage import splits
from cs2_pipeline.datasets.leakage.report import Finding, Severity, finding, listed
from cs2_pipeline.datasets.leakage.table import SURE, AuditedTable, numbers_of
from cs2_pipeline.stats import metrics

MAX_COPIES: Final = 0.001
"""Share of series that stand in the table again under another name. In a clean table of 11,853 it is none."""
MAX_ORDERED: Final = 0.55
"""Share of neighbouring rows of a day whose winners' names are in the alphabet's order. In the order of play it is a
half, whatever day; sorted by the winner's name it is nine tenths (others sort letters otherwise)."""
BEST_MATCH_AUC: Final = 0.85
"""What one feature known before a match may reach. All features together reach .72 on professional series; where
teams are of very different strength, as in simulated play, more. One statistic of the match itself reaches .9."""
_EXAMPLES: Final = 3


def one_part_each(table: AuditedTable) -> Finding:
    """Whether a match is in two parts; a table of contests that is not split yet has none."""
    if table.tested is None:
        return finding("e", "one part for each match", False, "The table is not split into parts yet.", {})
    return splits.shared_groups(table)


def series_again(table: AuditedTable) -> Finding:
    """Whether a series stands in the table again under another name: same day, same ten players, same winners."""
    title, frame = "the same series again under a new name", table.frame
    if lacking := _lacking(frame, ("started_at", "first_players", "second_players", "first_name", "second_name")):
        return finding("h", title, False, f"The table does not tell: it has no {lacking}.", {})
    told = frame[(frame["first_players"] != "[]") & (frame["second_players"] != "[]")]
    sides = pd.DataFrame(
        {
            "row": told.index,
            "day": told["started_at"].dt.date,
            "winners": told["first_players"].where(told["first_wins"] == 1, told["second_players"]),
            "losers": told["second_players"].where(told["first_wins"] == 1, told["first_players"]),
            "names": [
                " – ".join(sorted(pair))
                for pair in zip(told["first_name"].astype("str"), told["second_name"].astype("str"), strict=True)
            ],
        }
    )
    key = ["day", "winners", "losers"]
    sides = sides.drop_duplicates([*key, "names"])
    copies = sides[sides.duplicated(key)].merge(sides.drop_duplicates(key), on=key, suffixes=("", "_before"))
    share = len(copies) / max(len(frame), 1)
    failed = share > MAX_COPIES
    sentence = f"{len(copies):,} of {len(frame):,} rows ({share:.2%}) are a series of the same day and the same players"
    sentence += " as another row, under another team name"
    if failed:
        examples = [f"{one.day}: {one.names_before} is also {one.names}" for one in copies.head(_EXAMPLES).itertuples()]
        sentence += f" ({'; '.join(examples)}). Keep each series once."
    else:
        sentence += "."
    return finding("h", title, failed, sentence, {"copies": len(copies), "share": share, "limit": MAX_COPIES})


def order_of_winners(table: AuditedTable) -> Finding:
    """Whether the order of a day's rows follows the winners' names."""
    title, frame = "an order within the day that gives winners away", table.frame
    if lacking := _lacking(frame, ("started_at", "first_name", "second_name")):
        return finding("i", title, False, f"The table does not tell: it has no {lacking}.", {})
    first = frame["first_wins"] == 1
    names = {
        "winners": frame["first_name"].where(first, frame["second_name"]),
        "losers": frame["second_name"].where(first, frame["first_name"]),
    }
    same_day = (frame["started_at"].dt.date == frame["started_at"].dt.date.shift()).to_numpy()
    shares, pairs = {}, 0
    for who, name in names.items():
        text = name.astype("str").str.casefold()
        told = same_day & name.notna().to_numpy() & (text != text.shift()).to_numpy()
        pairs = int(told.sum())
        shares[who] = float((text >= text.shift()).to_numpy()[told].mean()) if pairs else 0.5
    worst = max(shares, key=lambda who: abs(shares[who] - 0.5))
    distance = abs(shares[worst] - 0.5)
    failed = distance - SURE * 0.5 / np.sqrt(max(pairs, 1)) > MAX_ORDERED - 0.5
    sentence = f"Of {pairs:,} pairs of neighbouring rows of a day {shares['winners']:.1%} have their winners' names in "
    sentence += f"the alphabet's order, {shares['losers']:.1%} their losers'; in the order of play it is half"
    if failed:
        day = frame["started_at"].dt.date[same_day].iloc[0]
        those = names[worst][frame["started_at"].dt.date == day].astype("str").tolist()
        sentence += (
            f". The rows are sorted by outcome: on {day} the {worst} are {listed(those)}. Restore the order of play."
        )
    else:
        sentence += "."
    numbers = {f"{who} in order": share for who, share in shares.items()} | {"pairs": pairs, "limit": MAX_ORDERED}
    return finding("i", title, failed, sentence, numbers)


def rematches(table: AuditedTable) -> Finding:
    """Whether the first of two meetings on a day gives the second away, and a feature knows it.

    Of two teams the better one is the better one twice: the same side wins both meetings at least half the time. Where
    that is surely not so, rows were dropped by their outcome. That is worth a note, since nothing can be done about it
    in the table; it refuses the table once a feature tells the winners of second meetings.
    """
    title, frame = "a rematch whose winner follows from the first meeting", table.frame
    if lacking := _lacking(frame, ("started_at", "first_name", "second_name")):
        return finding("j", title, False, f"The table does not tell: it has no {lacking}.", {})
    again = _second_meetings(frame)
    same = float((again["winner"] == again["winner_before"]).mean()) if len(again) else 0.5
    numbers = {"second meetings": float(len(again)), "won by the same side": same, "limit": BEST_MATCH_AUC}
    sentence = f"Of {len(again):,} second meetings of two teams on a day {same:.1%} have the winner of the first"
    if same + SURE * 0.5 / np.sqrt(max(len(again), 1)) >= 0.5:
        return Finding("j", title, "pass", f"{sentence}; by chance it is at least half.", numbers)
    examples = [
        f"{one.day}: {one.winner_before} beat {one.loser_before}, then {one.winner} won"
        for one in again.head(_EXAMPLES).itertuples()
    ]
    sentence += f", where chance alone gives half ({'; '.join(examples)}): rows were kept by their outcome"
    rows = again["row"].to_numpy()
    found = {name: _separation(table.labels[rows], value[rows]) for name, value in _values(table).items()}
    telling = [name for name, (value, error) in found.items() if value - SURE * error > BEST_MATCH_AUC]
    severity: Severity = "fail" if telling else "note"
    if telling:
        sentence += (
            f". {listed(telling)} tell who wins second meetings: leave out what knows the day's earlier results."
        )
    else:
        sentence += (
            ". No feature tells it; use none of the day's earlier results, which mean nothing for a match to come."
        )
    return Finding("j", title, severity, sentence, numbers)


def _second_meetings(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of teams that met before on the day: ``row`` (its place), ``day``, and who won and lost now and before."""
    first = frame["first_wins"] == 1
    meetings = pd.DataFrame(
        {
            "row": np.arange(len(frame)),
            "day": frame["started_at"].dt.date.to_numpy(),
            "winner": frame["first_name"].where(first, frame["second_name"]).to_numpy(),
            "loser": frame["second_name"].where(first, frame["first_name"]).to_numpy(),
        }
    ).dropna()
    ordered = meetings["winner"].astype("str") <= meetings["loser"].astype("str")
    meetings["one"] = meetings["winner"].where(ordered, meetings["loser"])
    meetings["other"] = meetings["loser"].where(ordered, meetings["winner"])
    before = meetings.groupby(["day", "one", "other"], sort=False)[["winner", "loser"]].shift()
    meetings[["winner_before", "loser_before"]] = before
    return meetings[meetings["winner_before"].notna()]


def telling_match_features(table: AuditedTable) -> Finding:
    """Whether one feature, or the difference of one of both sides, tells who won: a statistic of the match itself."""
    found = {name: _separation(table.labels, value) for name, value in _values(table).items()}
    reached = {name: value for name, (value, _) in found.items()}
    telling = [name for name, (value, error) in found.items() if value - SURE * error > BEST_MATCH_AUC]
    best = max(reached, key=lambda name: reached[name])
    sentence = f"The most telling feature alone is {best}, with AUC {reached[best]:.3f}"
    if telling:
        sentence += (
            f"; {listed(telling)} tell more than can be known before a match ({BEST_MATCH_AUC}): they are statistics "
            "of the match itself. Leave them out, or take those of earlier matches."
        )
    else:
        sentence += f"; what is known before a match reaches at most {BEST_MATCH_AUC}."
    numbers = {f"AUC of {name}": value for name, value in reached.items()} | {"limit": BEST_MATCH_AUC}
    return finding("a", "a statistic of the match itself", bool(telling), sentence, numbers)


def _values(table: AuditedTable) -> dict[str, NDArray[np.float64]]:
    """Each feature, and the difference of the two sides where both have it."""
    values: dict[str, NDArray[np.float64]] = {name: table.matrix[:, place] for place, name in enumerate(table.features)}
    for name in list(values):
        other = name.replace("first", "second", 1)
        if other != name and other in values:
            values[f"{name} minus {other}"] = numbers_of(table.frame[name]) - numbers_of(table.frame[other])
    return values


def _separation(labels: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[float, float]:
    """AUC of a feature in whichever direction it tells more, where it is known, and its standard error."""
    known = ~np.isnan(values)
    outcome = labels[known] == 1
    if not 0 < outcome.sum() < outcome.size:
        return 0.5, 0.5
    reached = metrics.auc(outcome, values[known])
    reached = max(reached, 1.0 - reached)
    return reached, float(np.sqrt(max(reached * (1.0 - reached), 0.01) / outcome.size))


def _lacking(frame: pd.DataFrame, columns: tuple[str, ...]) -> str:
    return ", ".join(name for name in columns if name not in frame)
