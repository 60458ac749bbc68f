"""Records for forecasts, filled with the small league."""

import pytest

from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests import empty_records
from cs2_pipeline_tests.forecasting import league


@pytest.fixture
def records(tmp_path):
    empty_records.put_into(tmp_path)
    records = open_records(Settings(home=tmp_path))
    league.fill(records)
    yield records
    records.close()
