"""The coach against truth and against the usual way; then, where real matches are given, what its cards predict.

The usual way names a weakness where a player's plain average lies in the lowest quarter of all players': once as a
threshold, once learned by a random forest from labels made by that threshold, each player left to a forest that did
not see that player. A trial's usual way is a t-test of the
matches since against those before, looked at after every match.

``python -m benchmarks.coaching [FOLDER]``: the folder, by default ``../shared/data`` where it exists, holds
``pro_demos_2024`` (CS Demo Manager's exports as Parquet), ``rocket_league`` (``rlcs``, a row for each player and game;
``career_totals_by_rank_2017.csv.gz``) and ``player_maps`` (a line for each player and map, players not named); without
it the simulated part is run alone.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict

from benchmarks import players_left
from cs2_pipeline.coaching import estimates, trials
from cs2_pipeline.coaching.cards import MOST_WEAKNESSES
from cs2_pipeline.coaching.counterstrike import priced
from cs2_pipeline.coaching.counterstrike import skills as counterstrike
from cs2_pipeline.coaching.counterstrike.observations import observations
from cs2_pipeline.coaching.counterstrike.play import play
from cs2_pipeline.coaching.estimates import Known, Peers
from cs2_pipeline.coaching.league import league
from cs2_pipeline.coaching.observed import OBSERVATIONS
from cs2_pipeline.coaching.reliability import reliability
from cs2_pipeline.coaching.rocket_league import skills as rocket_league
from cs2_pipeline.coaching.rocket_league.observations import of_professionals
from cs2_pipeline.coaching.simulation import Population, observe
from cs2_pipeline.coaching.skills import Skill
from cs2_pipeline.coaching.trials import After, Answer
from cs2_pipeline.stats.intervals import GroupBootstrap

SEEDS: Final = (11, 12, 13, 14)
MATCHES: Final = tuple(5 + 7 * (number % 12) for number in range(150))
BINS: Final = ((5, 12), (19, 33), (40, 61), (68, 82))
"""Matches seen, first and last of each class."""
POPULATIONS: Final = {
    "duels_won": Population(0.5, 0.033, 0.28, 27),
    "headshots": Population(0.5, 0.088, 0.26, 14),
    "trades_given": Population(0.09, 0.012, 0.09, 33),
    "survival": Population(0.34, 0.04, 0.22, 21),
    "opening_gain": Population(0.0, 0.006, 0.012, 21),
    "swing": Population(0.0, 0.016, 0.06, 21),
    "steady": Population(0.68, 0.028, 0.21, 21),
    "clutches": Population(0.04, 0.0, 0.14, 2),
}
"""Spread and noise as in professional play of 2024; clutches without any difference between players."""
SKILLS: Final = tuple(skill for skill in counterstrike.SKILLS if skill.name in POPULATIONS)
TRIALS, LOOKS, BEFORE = 400, 120, 30
MAPS, TIERS = 7, 3
SHARED: Final = Path(__file__).parents[2] / "shared" / "data"
LEAST_MATCHES: Final = 6
FOLDS: Final = 10

TEAM_SKILLS: Final = tuple(
    skill for skill in counterstrike.SKILLS if skill.name in ("duels_won", "headshots", "damage", "survival", "steady")
)
"""What lines of players on maps tell of."""
RATIOS: Final = {
    "goals per shot": ("goals", "shots"),
    "saves per goal": ("saves", "goals"),
    "assists per goal": ("assists", "goals"),
    "most valuable player, per win": ("mvps", "wins"),
}
"""Careers' totals by others of theirs: games played are not among them."""
DOUBLES: Final = 11
RESAMPLES: Final = 1000

Named = Mapping[str, Sequence[str]]


def main() -> None:
    """Print the report."""
    simulated()
    contexts()
    no_effect()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    if folder.is_dir():
        real("Counter-Strike: 248 professional demos of 2024", *professionals(folder), counterstrike.SKILLS)
        games = rlcs(folder)
        real("Rocket League: professional 3v3 games", games, None, rocket_league.SKILLS)
        real("Counter-Strike: teams, from lines of players without names", *teams(folder), TEAM_SKILLS)
        careers(folder)


def simulated() -> None:
    """Coverage, false weaknesses and true ones found, for the coach and for the usual ways."""
    held: list[bool] = []
    false: dict[str, int] = dict.fromkeys(("coach", "threshold", "random forest"), 0)
    found = {way: np.zeros((len(BINS), 2)) for way in false}
    for seed in SEEDS:
        rows, truth = observe(SKILLS, POPULATIONS, MATCHES, seed=seed)
        known = league(rows, SKILLS, reference="swing")
        players = sorted(known.cards)
        ways: dict[str, Named] = {
            "coach": {one: [line.skill.name for line in known.cards[one].weaknesses] for one in players}
        }
        ways |= usual(rows, players)
        for card in known.cards.values():
            for line in card.lines:
                low, high = line.known.interval()
                held.append(low <= truth[line.skill.name][players.index(card.player)] <= high)
        for way, named in ways.items():
            score(named, players, truth, false, found, way)
    cards = len(SEEDS) * len(MATCHES)
    print("### Against truth\n")
    print(f"{cards} simulated players of {min(MATCHES)} to {max(MATCHES)} matches, {len(SKILLS)} skills.")
    print(f"90 % intervals hold the true skill in {100 * np.mean(held):.1f} % of {len(held)} cases.\n")
    classes = " | ".join(f"{low}–{high} matches" for low, high in BINS)
    print(f"| Way | False weaknesses per 100 cards | found: {classes} |\n|---|---|{'---|' * len(BINS)}")
    for way, count in false.items():
        shares = " | ".join(f"{100 * there / max(all_, 1):.0f} %" for there, all_ in found[way])
        print(f"| {way} | {100 * count / cards:.1f} | {shares} |")
    print(
        "\nFalse: the true skill is at or above the median. Found: the share named of skills truly more than one "
        "standard deviation below it.\n"
    )


def contexts() -> None:
    """The same with maps, sides and tiers that matter, each pooled in turn; the truth is a player's gap to the tier."""
    figures: dict[str, list[float]] = {}
    for seed in SEEDS:
        rows, truth = observe(SKILLS, POPULATIONS, MATCHES, seed=seed, maps=MAPS, tiers=TIERS)
        ways = {
            "tier, map and side": rows,
            "tier alone": rows.assign(context=""),
            "neither": rows.assign(context="", group="all"),
        }
        for way, seen in ways.items():
            summed = seen.groupby(list(OBSERVATIONS[:-2]), as_index=False)[["total", "exposure"]].sum()
            known = league(summed, SKILLS, reference="swing")
            counts = figures.setdefault(way, [0.0] * 5)
            for card in known.cards.values():
                number = int(card.player.removeprefix("player"))
                weak = {line.skill.name for line in card.weaknesses}
                for line in card.lines:
                    population, sign = POPULATIONS[line.skill.name], line.skill.sign
                    median = population.mean + sign * population.spread * (number % TIERS)
                    own = truth[line.skill.name][number]
                    low, high = line.known.interval()
                    counts[0] += low <= own <= high
                    counts[1] += 1
                    counts[2] += line.skill.name in weak and sign * (own - median) >= 0
                    really = population.spread > 0 and sign * (own - median) < -population.spread
                    counts[3] += really and line.skill.name in weak
                    counts[4] += really
    cards = len(SEEDS) * len(MATCHES)
    print("### Maps, sides and tiers\n")
    print(
        f"{cards} simulated players of {TIERS} tiers, a standard deviation apart, on {MAPS} maps that move values by as"
    )
    print("much as players of a tier differ, on each side; players have favourite maps.\n")
    print("| Pooled by | 90 % intervals hold | false weaknesses per 100 cards | true ones found |\n|---|---|---|---|")
    for way, (held, lines, false, found, real_) in figures.items():
        print(
            f"| {way} | {100 * held / lines:.1f} % | {100 * false / cards:.1f} | {100 * found / max(real_, 1):.0f} % |"
        )
    print()


def usual(rows: pd.DataFrame, players: Sequence[str]) -> dict[str, Named]:
    """Weaknesses by a threshold on plain averages, and by a forest that learned them."""
    sums = rows.groupby(["player", "skill"])[["total", "exposure"]].sum()
    table = (sums["total"] / sums["exposure"]).unstack().loc[list(players), [skill.name for skill in SKILLS]]  # noqa: PD010
    signed = table * [skill.sign for skill in SKILLS]
    labels = signed.le(signed.quantile(0.25))
    forest = RandomForestClassifier(200, random_state=0)
    learned = cross_val_predict(forest, table.to_numpy(), labels.to_numpy(), cv=5)
    said = pd.DataFrame(np.asarray(learned).astype(bool), table.index, table.columns)
    gap = (signed - signed.mean()) / signed.std()

    def worst(of: pd.DataFrame) -> Named:
        ranked = gap.where(of).rank(axis=1).le(MOST_WEAKNESSES)
        return {one: [str(skill) for skill in ranked.columns if bool(ranked.loc[one, skill])] for one in players}

    return {"threshold": worst(labels), "random forest": worst(said)}


def score(  # noqa: PLR0917
    named: Named, players: Sequence[str], truth: Mapping[str, np.ndarray], false: dict[str, int],
    found: Mapping[str, np.ndarray], way: str,
) -> None:  # fmt: skip
    """Count a way's false weaknesses and, by matches seen, true ones named of those there are."""
    for number, player in enumerate(players):
        index = int(player.removeprefix("player"))
        for skill in SKILLS:
            population = POPULATIONS[skill.name]
            gap = skill.sign * (truth[skill.name][index] - population.mean)
            false[way] += skill.name in named[player] and gap >= 0
            if population.spread and gap < -population.spread:
                place = next(at for at, (low, high) in enumerate(BINS) if low <= MATCHES[number] <= high)
                found[way][place] += (skill.name in named[player], 1)


def no_effect() -> None:
    """How often "helped" is said of plans that did nothing, looked at after every match."""
    group = Peers("swing", "all", 200, 4000, mean=0.0, spread=0.016, noise=0.06, exposure=21.0, mean_error=0.001)
    random = np.random.default_rng(5)
    chance = (group.noise / group.exposure) ** 0.5
    coach = usual_ = drawn = 0
    while drawn < TRIALS:
        skill = group.mean + group.spread * random.standard_normal()
        earlier = skill + chance * random.standard_normal(BEFORE)
        sampling = group.noise / (group.exposure * BEFORE)
        share = group.spread**2 / (group.spread**2 + sampling)
        before = Known(
            share * float(earlier.mean()), (share * sampling) ** 0.5, BEFORE, BEFORE * group.exposure, earlier.mean()
        )
        if earlier.mean() > group.mean - 0.5 * group.spread:
            continue  # a plan is made for who looks weak
        drawn += 1
        later = skill + chance * random.standard_normal(LOOKS)
        counts = range(2, LOOKS + 1)
        seen = (After(later[:count] * group.exposure, np.full(count, group.exposure)) for count in counts)
        coach += any(trials.progress(before, group, one, sign=1).answer is Answer.HELPED for one in seen)
        usual_ += any(stats.ttest_ind(later[:count], earlier, alternative="greater").pvalue < 0.05 for count in counts)
    print("### Plans that did nothing\n")
    print(f"{TRIALS} players who looked weak over {BEFORE} matches, looked at after each of {LOOKS} more:")
    by_coach, by_test = 100 * coach / TRIALS, 100 * usual_ / TRIALS
    print(f'"helped" was said of {by_coach:.1f} % by the coach, of {by_test:.1f} % by a t-test.\n')


def professionals(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observations of the demos, and K/D and ADR of each player and match."""
    read: Callable[[str], pd.DataFrame] = lambda name: pq.read_table(  # noqa: E731
        folder / "pro_demos_2024" / f"{name}.parquet"
    ).to_pandas(ignore_metadata=True)
    rounds, kills, match, economy, players = map(read, ("rounds", "kills", "match", "players_economy", "players"))
    key, sides = "match checksum", {2: "T", 3: "CT"}
    about = match.drop_duplicates("checksum").set_index("checksum")
    rounds = rounds.assign(
        round_id=rounds[key] + "-" + rounds["number"].astype("str"),
        match_id=rounds[key],
        at=pd.to_datetime(rounds[key].map(about["date"]), utc=True),
        tick_rate=rounds[key].map(about["tickrate"]),
        ct_wins=(rounds["winner side"] == 3).astype("int64"),
        map_name=rounds[key].map(about["map"]),
    ).drop_duplicates("round_id")
    people = economy.assign(
        round_id=economy[key] + "-" + economy["round"].astype("str"),
        player=economy["steamid"].astype("str"),
        side=economy["player side"].map(sides),
    ).drop_duplicates(["round_id", "player"])
    kills = kills.assign(
        round_id=kills[key] + "-" + kills["round"].astype("str"),
        killer=kills["killer steamid"].astype("str").where(kills["killer steamid"] != 0),
        victim=kills["victim steamid"].astype("str"),
    )
    bombs = pd.DataFrame({"round_id": [], "tick": [], "player": [], "event": []}, dtype="str").astype(
        {"tick": "float64"}
    )
    columns = ["round_id", "tick", "killer", "victim", "headshot"]
    tables = (rounds.dropna(subset=["at"]), people[["round_id", "player", "side"]], kills[columns], bombs)
    prices = players_left.moments(play(*tables))
    found = pd.concat([observations(*tables), priced.observations(*tables, prices=prices)], ignore_index=True)
    box = players.assign(
        player=players["steamid"].astype("str"), match=players[key], adr=players["avg damages per round"]
    )
    return found, box[["player", "match", "kills", "deaths", "adr"]].drop_duplicates(["player", "match"])


def rlcs(folder: Path) -> pd.DataFrame:
    """Observations of the professional 3v3 games."""
    files = sorted((folder / "rocket_league" / "rlcs").glob("3v3_*.csv.gz"))
    games = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    return of_professionals(games, group="professional 3v3")


def teams(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observations of teams, and their K/D and ADR: players have no names there, and a team's line-up may change."""
    lines = pd.read_csv(folder / "player_maps" / "player_maps.csv.gz").rename(columns={"mapstats_id": "match"})
    lines = lines.assign(steady=lines["KAST"] / 100 * lines["rounds"], hurt=lines["ADR"] * lines["rounds"])
    sums = {"K": "sum", "D": "sum", "HS": "sum", "steady": "sum", "hurt": "sum", "rounds": "sum", "ADR": "mean"}
    played = lines.groupby(["team", "match"], as_index=False).agg(sums).rename(columns={"team": "player"})
    parts = {
        "duels_won": (played["K"], played["K"] + played["D"]),
        "headshots": (played["HS"], played["K"]),
        "damage": (played["hurt"], played["rounds"]),
        "survival": (played["rounds"] - played["D"], played["rounds"]),
        "steady": (played["steady"], played["rounds"]),
    }
    common = played[["player", "match"]].assign(at=played["match"], group="all", context="")
    frames = [
        common.assign(skill=skill, total=total.astype("float64"), exposure=exposure.astype("float64"))
        for skill, (total, exposure) in parts.items()
    ]
    rows = pd.concat(frames, ignore_index=True)
    box = played.rename(columns={"K": "kills", "D": "deaths", "ADR": "adr"})
    return rows[rows["exposure"] > 0].dropna(subset=["total"]), box[["player", "match", "kills", "deaths", "adr"]]


def careers(folder: Path) -> None:
    """Whether ratios of career totals go with rank; one row a player, so nothing can be said of reliability."""
    table = pd.read_csv(folder / "rocket_league" / "career_totals_by_rank_2017.csv.gz")
    newest = table[table["season"] == table["season"].max()]
    ranked = newest[newest["game_type"] == DOUBLES].drop_duplicates("player")
    print("### Rocket League: career totals by rank, 2017\n")
    print("Players ranked in doubles; Spearman's correlation with their rating (95 %, players resampled):\n")
    print("| Ratio | players | correlation with the rating |\n|---|---|---|")
    random = np.random.default_rng(0)
    for name, (part, whole) in RATIOS.items():
        known = ranked[ranked[whole] > 0].dropna(subset=["mmr", part])
        pair = np.column_stack([known[part] / known[whole], known["mmr"]])
        drawn = [stats.spearmanr(pair[random.integers(len(pair), size=len(pair))]).statistic for _ in range(RESAMPLES)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        print(f"| {name} | {len(pair)} | {stats.spearmanr(pair).statistic:+.2f} ({low:+.2f} to {high:+.2f}) |")
    print()


def real(title: str, rows: pd.DataFrame, box: pd.DataFrame | None, skills: Sequence[Skill]) -> None:
    """Each skill's reliability, and what the first half of the matches says of the second."""
    print(f"### {title}\n")
    heads = [
        "Skill",
        "players",
        "split-half (95 %)",
        "first half → second (95 %)",
        "lasting",
        "R²: plain average",
        "card",
    ]
    if box is not None:
        heads += [
            "card, fitted",
            "K/D and ADR, fitted",
            "card − K/D and ADR (95 %)",
            "card, fitted − K/D and ADR (95 %)",
        ]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for skill in skills:
        own = rows[rows["skill"] == skill.name].assign(group="all")
        own = estimates.adjusted(own) if not own.empty else own
        known = reliability(own, skill=skill.name) if not own.empty else None
        if known is None:
            continue
        half, time = (
            f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" for one in (known.split_half, known.over_time)
        )
        print(f"| {skill.name} | {known.players} | {half} | {time} | {predicted(own, skill.name, box)} |", flush=True)
    print(
        "\nR²: of the second half's average, weighted by its exposure, against the mean of the first half. The plain "
        "average and the card know nothing of the second half; what is fitted goes through a regression on the second "
        "half of the other nine tenths of players. Intervals: matches of the second half resampled. Lasting: the share "
        "of players' differences that is still there later, as told by the first half alone.\n"
    )


def predicted(rows: pd.DataFrame, skill: str, box: pd.DataFrame | None) -> str:
    """Cells: what the first half says lasts, and R² of the second half by what is known of the first."""
    rows = rows.sort_values(["player", "at", "match"], kind="stable")
    place, size = rows.groupby("player").cumcount(), rows.groupby("player")["match"].transform("size")
    first, second = rows[place < size // 2], rows[(place >= size // 2) & (size >= LEAST_MATCHES)]
    group = estimates.peers(first, skill=skill, group="all")
    if group is None:
        return "– |" * (2 if box is None else 6) + " –"
    sums, later = estimates.by_player(first), estimates.by_player(second)
    sums = sums.loc[later.index]
    target, weights = later["mean"].to_numpy("float64"), later["exposure"].to_numpy("float64")
    cards = np.array([estimates.known(one, group).mean for _, one in sums.iterrows()])
    guesses = {"plain": sums["mean"].to_numpy("float64"), "card": cards}
    if box is not None:
        of_first = first[["player", "match"]].merge(box, on=["player", "match"])
        table = of_first.groupby("player")[["kills", "deaths", "adr"]].sum().reindex(later.index)
        count, one = of_first.groupby("player").size().reindex(later.index), np.ones(len(table))
        guesses["fitted"] = regressed(np.column_stack([one, cards]), target, weights)
        inputs = np.column_stack([one, table["kills"] / table["deaths"], table["adr"] / count])
        guesses["usual"] = regressed(inputs, target, weights)
    explained = r_squared(second, later.index, guesses, group.mean)
    cells = [f"{group.lasting:.2f}", *(f"{found[0]:+.2f}" for found in explained.values())]
    if box is not None:
        for name in ("card", "fitted"):
            gain = explained[name] - explained["usual"]
            low, high = np.quantile(gain[1:], [0.025, 0.975])
            cells.append(f"{gain[0]:+.2f} ({low:+.2f} to {high:+.2f})")
    return " | ".join(cells)


def r_squared(
    second: pd.DataFrame, players: pd.Index, guesses: Mapping[str, np.ndarray], mean: float
) -> dict[str, np.ndarray]:
    """R² of each guess on the second half, first itself, then on resamples of its matches."""
    resamples = GroupBootstrap(second["match"].to_numpy(), resamples=RESAMPLES)
    codes = players.get_indexer(pd.Index(second["player"]))
    total, exposure = (resamples.bin_sums(codes, len(players), second[column]) for column in ("total", "exposure"))
    target = np.divide(total, exposure, out=np.full_like(total, mean), where=exposure > 0)
    # The whole sample's: resampling makes every target noisier, which is no error of a guess.
    base = float(np.sum(exposure[0] * (target[0] - mean) ** 2))
    return {name: 1 - np.sum(exposure * (target - guess) ** 2, axis=1) / base for name, guess in guesses.items()}


def regressed(inputs: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each player's value by a weighted regression fitted to the other folds."""
    fold = np.random.default_rng(0).permutation(len(target)) % FOLDS
    guess = np.empty(len(target))
    for number in range(FOLDS):
        out = fold == number
        root = np.sqrt(weights[~out])[:, None]
        fitted = np.linalg.lstsq(root * inputs[~out], root[:, 0] * target[~out], rcond=None)[0]
        guess[out] = inputs[out] @ fitted
    return guess


if __name__ == "__main__":
    main()
