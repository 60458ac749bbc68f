"""The content hash of a frame: what ties a model to the exact rows it was trained on."""

import hashlib
from typing import Final

import numpy as np
import pandas as pd

_BYTES: Final = 16
"""128 bits: the 32 hexadecimal digits fit the 36 that MLflow keeps of a dataset's digest."""


def digest(frame: pd.DataFrame) -> str:
    """Hash of a frame's content, 32 hexadecimal digits.

    Two frames have the same digest when they have the same columns (by name, in any order), the same kinds of values
    and the same rows in the same order. The index, integer width, the unit of times, how rows were chunked and the
    machine do not matter. All NaN are one value, as are 0.0 and -0.0.

    Raises:
        TypeError: a column holds something else than numbers, booleans, text or times; the message names it.
    """
    whole = hashlib.blake2b(digest_size=_BYTES)
    whole.update(len(frame).to_bytes(8, "little"))
    for name in sorted(frame.columns):
        kind, *parts = _canonical(name, frame[name])
        for part in (name.encode(), kind, *parts):
            whole.update(len(part).to_bytes(8, "little"))
            whole.update(part)
    return whole.hexdigest()


def _canonical(name: str, column: pd.Series) -> tuple[bytes, ...]:
    """A column's kind, which of its values are null, and its values, as bytes that are alike on every machine."""
    null = column.isna().to_numpy(bool)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        times = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").astype("<i8")
        return b"time", null.tobytes(), np.where(null, 0, times).tobytes()
    if pd.api.types.is_bool_dtype(column.dtype):
        return b"bool", null.tobytes(), column.fillna(False).to_numpy("<i1").tobytes()
    if pd.api.types.is_integer_dtype(column.dtype):
        return b"integer", null.tobytes(), column.fillna(0).to_numpy("<i8").tobytes()
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy("<f8", na_value=np.nan)
        return b"number", null.tobytes(), (np.where(null, 0.0, values) + 0.0).tobytes()
    if isinstance(column.dtype, pd.StringDtype):
        encoded = [text.encode() for text in column.fillna("")]
        lengths = np.fromiter(map(len, encoded), "<i8", len(encoded))
        return b"text", null.tobytes(), lengths.tobytes(), b"".join(encoded)
    raise TypeError(f"column {name} of type {column.dtype} has no content hash: store numbers, text or UTC times")
