"""The leakage audit as a check of every training table."""

import dagster as dg
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.checks import leakage
from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.evaluation.play import whole_rounds


def checked(tmp_path, table):
    @dg.asset
    def round_dataset() -> pd.DataFrame:
        return table

    [check] = [one for one in leakage.build() if {key.asset_key.path[0] for key in one.check_keys} == {"round_dataset"}]
    resources = {"io_manager": TableIOManager(Platform(Settings(home=tmp_path)).tables)}
    [found] = dg.materialize(
        [round_dataset, check], resources=resources, raise_on_error=False
    ).get_asset_check_evaluations()
    return found


def test_every_training_table_is_audited_before_anything_is_trained_on_it():
    specs = [spec for check in leakage.build() for spec in check.check_specs]
    assert {spec.asset_key.path[0] for spec in specs} == {spec.dataset for spec in catalog.MODELS}
    assert len(specs) == len({spec.dataset for spec in catalog.MODELS})
    assert all((spec.name, spec.blocking) == ("leakage_audit", True) for spec in specs)


def test_a_match_in_two_parts_fails_the_audit_with_the_finding(tmp_path):
    table = whole_rounds(0)
    assert checked(tmp_path, table).passed
    matches = sorted(table["match_id"].unique())
    early = table["match_id"].isin(matches[: len(matches) // 2])
    late_half = (table["match_id"] == matches[0]) & (table["round_number"] > 2)
    found = checked(tmp_path, table.assign(part=(early & ~late_half).map({True: "train", False: "test"})))
    assert not found.passed
    assert found.description
    assert found.metadata["findings"].value
