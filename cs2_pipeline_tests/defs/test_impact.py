"""The table of win probability added: priced by the champion, empty without one."""

import dagster as dg
import pytest

from cs2_pipeline.defs.assets.impact import NAME
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline_tests.tiny_models import round_artifact, training_run


def _made(world, name=NAME):
    everything = assemble(world.settings).resolve_implicit_global_asset_job_def()
    result = everything.execute_in_process(
        instance=world.instance, asset_selection=[dg.AssetKey(name)], raise_on_error=True
    )
    assert result.success
    return world.platform.tables.read(name)


def test_without_a_champion_the_table_is_empty(extracted):
    assert _made(extracted).empty


def test_with_one_every_player_of_every_match_has_a_line_priced_by_it(extracted, tmp_path):
    round_artifact(tmp_path / "artifact")
    uri, root = extracted.platform.tracking_uri, extracted.platform.artifact_root
    made = record(uri, training_run("round_predictor", tmp_path / "artifact"), artifact_root=root)
    promotion.promote(uri, made, reason="a test")
    table = _made(extracted)
    assert len(table) == 8 * 10
    assert table.groupby("match_id")["steam_id"].nunique().eq(10).all()
    parts = table[["kill", "death", "plant", "defuse"]].sum(axis=1)
    assert table["total"].to_numpy() == pytest.approx(parts.to_numpy())
    assert (table["kill"] >= 0).mean() > 0.9
    inside = (table["low"] <= table["per_round"]) & (table["per_round"] <= table["high"])
    assert inside.all()
    careers = _made(extracted, "players").set_index("steam_id")
    sums = table.groupby("steam_id")[["total", "rounds"]].sum()
    expected = (sums["total"] / sums["rounds"]).reindex(careers.index)
    assert careers["win_probability_added"].to_numpy() == pytest.approx(expected.to_numpy())
