"""Where tables are kept: Parquet files under one address, a folder or anything fsspec knows (``s3://``, ``gs://``).

An unpartitioned table is ``<name>.parquet``; a partitioned one is a folder with a file per partition. A file is written
beside its place and then moved there, so a reader sees the former content or the new one, never half of it.
"""

import json
import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


class MissingTableError(LookupError):
    """A table that was never written is asked for."""


class TableStore:
    """Reads and writes tables by name.

    Args:
        url: the base address.
    """

    def __init__(self, url: str) -> None:
        self._fs, self._base = fsspec.core.url_to_fs(url)

    def write(self, name: str, frame: pd.DataFrame, partition: str | None = None) -> str:
        """Replace a table, or one partition of it, and return where it is. Equal frames give equal bytes."""
        path = self._path(name, partition)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        with self._replacing(path) as file:
            pq.write_table(table, file, compression="zstd")
        return path

    def read(
        self, name: str, partitions: Iterable[str] | None = None, columns: list[str] | None = None
    ) -> pd.DataFrame:
        """A whole table, or the partitions asked for as far as they exist.

        Raises:
            MissingTableError: there is nothing under that name.
        """
        paths = self._existing(name, partitions)
        if not paths:
            raise MissingTableError(f"there is no table {name!r} in {self._base} yet: materialise it first")
        tables = [pq.read_table(path, filesystem=self._fs, columns=columns, partitioning=None) for path in paths]
        filled = [table for table in tables if table.num_rows] or tables[:1]
        frame: pd.DataFrame = pa.concat_tables(filled, promote_options="permissive").to_pandas()
        return frame

    def partitions(self, name: str) -> list[str]:
        """Partitions that exist, in order."""
        return sorted(str(path).rsplit("/", 1)[-1].removesuffix(".parquet") for path in self._listed(name))

    def exists(self, name: str) -> bool:
        """Whether anything is stored under the name."""
        return bool(self._existing(name, None))

    def remove_folder(self, name: str) -> None:
        """Remove everything in a folder: a partitioned table, documents. Nothing happens where there is none."""
        self._fs.invalidate_cache()
        with suppress(FileNotFoundError):
            self._fs.rm(f"{self._base}/{name}", recursive=True)

    def write_json(self, name: str, document: dict[str, Any]) -> str:
        """Replace a small document and return where it is."""
        path = f"{self._base}/{name}.json"
        with self._replacing(path) as file:
            file.write(json.dumps(document, indent=2, sort_keys=True).encode())
        return path

    def read_json(self, name: str) -> dict[str, Any]:
        """A document.

        Raises:
            MissingTableError: there is none of that name.
        """
        try:
            document: dict[str, Any] = json.loads(self._fs.cat_file(f"{self._base}/{name}.json"))
        except FileNotFoundError as error:
            raise MissingTableError(f"there is no {name!r} in {self._base} yet: materialise it first") from error
        return document

    def remove_json(self, name: str) -> None:
        """Remove a document; nothing happens where there is none."""
        path = f"{self._base}/{name}.json"
        with suppress(FileNotFoundError):
            if self._fs.exists(path):
                self._fs.rm_file(path)

    def documents(self, folder: str) -> list[str]:
        """Names of the documents directly in a folder, without the folder, in order."""
        self._fs.invalidate_cache()
        found = self._fs.glob(f"{self._base}/{folder}/*.json")
        return sorted(str(path).rsplit("/", 1)[-1].removesuffix(".json") for path in found)

    def _path(self, name: str, partition: str | None) -> str:
        return f"{self._base}/{name}.parquet" if partition is None else f"{self._base}/{name}/{partition}.parquet"

    def _existing(self, name: str, partitions: Iterable[str] | None) -> list[str]:
        if partitions is None:
            single = self._path(name, None)
            return [single] if self._fs.exists(single) else self._listed(name)
        there = set(self.partitions(name))
        return [self._path(name, key) for key in partitions if key in there]

    def _listed(self, name: str) -> list[str]:
        # A listing may be cached by the file system: another process may have written since.
        self._fs.invalidate_cache()
        return sorted(self._fs.glob(f"{self._base}/{name}/*.parquet"))

    def _replacing(self, path: str) -> "_Replacing":
        return _Replacing(self._fs, path)


class _Replacing:
    """A file that takes its place only when it was written to the end."""

    def __init__(self, fs: Any, path: str) -> None:
        self._fs, self._path = fs, path
        self._temporary = f"{path}.{uuid.uuid4().hex}.part"

    def __enter__(self) -> Any:
        self._fs.makedirs(self._path.rsplit("/", 1)[0], exist_ok=True)
        self._file = self._fs.open(self._temporary, "wb")
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._file.close()
            if kind is None:
                self._fs.mv(self._temporary, self._path)
        finally:
            if self._fs.exists(self._temporary):
                self._fs.rm_file(self._temporary)
