"""`cs2 player`: a player's skill card, straight from the records."""

from contextlib import closing
from typing import Any

from rich.table import Table

from cs2_pipeline.cli.console import CliError, answer, note, out
from cs2_pipeline.coaching.counterstrike.skills import GAME
from cs2_pipeline.records import coaching, directories
from cs2_pipeline.records.database import Records, open_records
from cs2_pipeline.settings import Settings


def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """Show the card of a player, by SteamID or name."""
    with closing(open_records(settings)) as records:
        player, title = _found(records, name)
        card = coaching.card(records, GAME, player)
    if card is None:
        raise CliError(
            f"there is no card of {title}: the Dagster job `coach` makes the cards daily, from extracted matches"
        )
    if as_json:
        answer({**card, "made_at": card["made_at"].isoformat()})
        return
    table = Table("skill", "percentile", "90 % interval", "standing", "more matches to know", title=title)
    for line in card["lines"]:
        low, high = line["interval"]
        needed = str(line["matches_needed"] or "–")
        table.add_row(line["title"], f"{line['percentile']:.0%}", f"{low:.0%} to {high:.0%}", line["standing"], needed)
    out.print(table)
    titles: dict[str, Any] = {line["skill"]: line["title"] for line in card["lines"]}
    weak = ", ".join(titles[skill] for skill in card["weaknesses"])
    note(f"Known weaknesses: {weak}." if weak else "No weakness is known. More matches tell more.")


def _found(records: Records, name: str) -> tuple[str, str]:
    if coaching.card(records, GAME, name) is not None:
        return name, name
    _, entries = directories.read(records)
    wanted = name.casefold()
    players = [one for one in entries if one.kind == directories.PLAYER and wanted in (one.id, one.name.casefold())]
    if not players:
        raise CliError(f"no player is called {name}: give the name as /players lists it, or the SteamID")
    if len(players) > 1:
        raise CliError(f"{len(players)} players are called {name}: {', '.join(one.id for one in players)}; give one id")
    return players[0].id, f"{players[0].name} ({players[0].id})"
