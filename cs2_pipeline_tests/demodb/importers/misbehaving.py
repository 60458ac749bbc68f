"""Parsers that do what native code does at its worst, to be run in a process of its own."""

import os
import time
from dataclasses import replace
from pathlib import Path

from cs2_pipeline.demodb.importers import cs_demo_analyzer, exported
from cs2_pipeline.demodb.importers.parsed import DemoHeader, ParsedDemo


class Crashing:
    """Dies of a signal."""

    def parse(self, path: Path) -> ParsedDemo:
        os.abort()


class Hanging:
    """Never returns; leaves its process id beside the file."""

    def parse(self, path: Path) -> ParsedDemo:
        path.with_suffix(".pid").write_text(str(os.getpid()))
        time.sleep(3600)
        raise AssertionError


class Stumbling:
    """Meets what nobody foresaw, but only in one file."""

    def parse(self, path: Path) -> ParsedDemo:
        if path.stem == "odd":
            raise KeyError("tick")
        return ParsedDemo("demo", DemoHeader(map_name=path.stem), {})


class Leaving:
    """Ends the process without a word."""

    def parse(self, path: Path) -> ParsedDemo:
        os._exit(3)


class Exporting:
    """Answers what an export beside the file holds."""

    def parse(self, path: Path) -> ParsedDemo:
        match = cs_demo_analyzer.read(path.with_suffix(".json").read_bytes())
        return replace(exported.parsed(match), source="demo")
