"""The content hash: the same for the same content, another for any change of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from cs2_pipeline.datasets.digest import digest

PINNED = "8f6193efd91bd1c875e58b27385c3eeb"
"""Digest of `sample`: a change of it makes every stored digest worthless."""


def sample() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": pd.Series([1, 2, 3], dtype="int64"),
            "maybe": pd.Series([1, None, 3], dtype="Int64"),
            "value": [0.5, np.nan, 0.0],
            "text": pd.Series(["a", None, ""], dtype="str"),
            "flag": [True, False, True],
            "time": pd.to_datetime(["2024-01-01", None, "2024-01-03"], utc=True).as_unit("us"),
        }
    )


def test_the_digest_is_a_fixed_function_of_the_content() -> None:
    assert digest(sample()) == PINNED
    assert len(digest(sample())) == 32


def test_chunks_index_width_and_column_order_do_not_matter(tmp_path: Path) -> None:
    frame = sample()
    parts = pd.concat([frame.iloc[:1], frame.iloc[1:]])
    parts.index = pd.Index([7, 7, 7])
    assert digest(parts) == digest(frame)
    assert digest(frame.assign(number=frame["number"].astype("int8"))) == digest(frame)
    assert digest(frame[frame.columns[::-1]]) == digest(frame)
    frame.to_parquet(tmp_path / "frame.parquet", row_group_size=1)
    stored = pd.read_parquet(tmp_path / "frame.parquet")
    assert_frame_equal(stored, frame)
    assert digest(stored) == digest(frame)


def test_times_are_alike_in_every_zone_and_unit() -> None:
    frame = sample()
    assert digest(frame.assign(time=frame["time"].dt.tz_convert("Europe/Paris"))) == digest(frame)
    assert digest(frame.assign(time=frame["time"].dt.as_unit("ns"))) == digest(frame)


def test_minus_zero_is_zero() -> None:
    assert digest(pd.DataFrame({"x": [-0.0]})) == digest(pd.DataFrame({"x": [0.0]}))


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("number", 0, 9),
        ("maybe", 1, 0),
        ("value", 1, 0.0),
        ("text", 1, ""),
        ("text", 2, "b"),
        ("flag", 0, False),
        ("time", 1, pd.Timestamp("1970-01-01", tz="UTC")),
    ],
)
def test_any_changed_value_changes_the_digest(column: str, row: int, value: Any) -> None:
    frame = sample()
    frame.loc[row, column] = value
    assert digest(frame) != digest(sample())


def test_rows_in_another_order_or_renamed_columns_are_another_content() -> None:
    frame = sample()
    assert digest(frame.iloc[::-1]) != digest(frame)
    assert digest(frame.rename(columns={"number": "count"})) != digest(frame)
    assert digest(frame.iloc[:2]) != digest(frame)
    assert digest(frame.drop(columns="flag")) != digest(frame)


@given(st.lists(st.text(), min_size=2, max_size=5))
def test_text_cannot_move_between_rows_unseen(texts: list[str]) -> None:
    joined = ["".join(texts), *[""] * (len(texts) - 1)]
    same = digest(pd.DataFrame({"x": pd.Series(texts, dtype="str")})) == digest(
        pd.DataFrame({"x": pd.Series(joined, dtype="str")})
    )
    assert same == (texts == joined)


def test_a_column_that_cannot_be_hashed_is_named() -> None:
    with pytest.raises(TypeError, match="column parts"):
        digest(pd.DataFrame({"parts": [[1, 2]]}))
