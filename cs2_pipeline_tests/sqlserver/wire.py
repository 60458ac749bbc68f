"""The bytes of TDS 7.4 (MS-TDS): packets, tokens, and the types the demo database has.

Only encoding and decoding belong here. Whole numbers are little-endian unless the specification says otherwise.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

SQL_BATCH, RPC, TABULAR, ATTENTION, TRANSACTION, LOGIN7, PRELOGIN = 0x01, 0x03, 0x04, 0x06, 0x0E, 0x10, 0x12
END_OF_MESSAGE = 0x01
HEADER = struct.Struct(">BBHHBB")
TDS_7_4 = 0x74000004

DONE, DONE_PROC, DONE_IN_PROC = 0xFD, 0xFE, 0xFF
MORE, ERROR, COUNT, ATTENTION_SEEN = 0x01, 0x02, 0x10, 0x20
ENV_DATABASE, ENV_PACKET_SIZE, ENV_COLLATION, ENV_BEGIN, ENV_COMMIT, ENV_ROLLBACK = 1, 4, 7, 8, 9, 10
COLLATION = bytes([0x09, 0x04, 0xD0, 0x00, 0x34])
"""SQL_Latin1_General_CP1_CI_AS."""

_DAY_ONE = date(1, 1, 1).toordinal()
_MICROSECONDS_OF_DAY = 86_400_000_000


def packets(kind: int, message: bytes, size: int) -> Iterable[bytes]:
    """A message cut into packets of at most `size` bytes, headers included."""
    room = size - HEADER.size
    for number, start in enumerate(range(0, max(len(message), 1), room)):
        part = message[start : start + room]
        status = END_OF_MESSAGE if start + room >= len(message) else 0
        yield HEADER.pack(kind, status, len(part) + HEADER.size, 0, (number + 1) % 256, 0) + part


def b_text(text: str) -> bytes:
    """A text of at most 255 characters with its length in one byte."""
    return bytes([len(text.encode("utf-16-le")) // 2]) + text.encode("utf-16-le")


def us_text(text: str) -> bytes:
    """A text with its length in two bytes."""
    return struct.pack("<H", len(text.encode("utf-16-le")) // 2) + text.encode("utf-16-le")


@dataclass(frozen=True)
class SqlType:
    """A type of SQL Server.

    Attributes:
        name: int, bigint, smallint, bit, real, float, nvarchar, datetime2 or decimal.
        size: characters of an nvarchar (None: max), digits of a decimal.
    """

    name: str
    size: int | None = None


@dataclass(frozen=True)
class Column:
    """A column of a result or of a table."""

    name: str
    type: SqlType
    nullable: bool = True


_FIXED: dict[str, tuple[int, int, int, str]] = {
    "smallint": (0x34, 0x26, 2, "<h"),
    "int": (0x38, 0x26, 4, "<i"),
    "bigint": (0x7F, 0x26, 8, "<q"),
    "bit": (0x32, 0x68, 1, "<B"),
    "real": (0x3B, 0x6D, 4, "<f"),
    "float": (0x3E, 0x6D, 8, "<d"),
}
"""Type byte where NULL is impossible, type byte where it is possible, size, form."""


def type_info(column: Column) -> bytes:
    """TYPE_INFO of a column."""
    kind = column.type
    if kind.name in _FIXED:
        fixed, nullable, size, _ = _FIXED[kind.name]
        return bytes([nullable, size]) if column.nullable else bytes([fixed])
    if kind.name == "nvarchar":
        return b"\xe7" + struct.pack("<H", 0xFFFF if kind.size is None else 2 * kind.size) + COLLATION
    if kind.name == "datetime2":
        return bytes([0x2A, 7])
    if kind.name == "decimal":
        return bytes([0x6A, _decimal_bytes(kind.size or 38) + 1, kind.size or 38, 0])
    raise ValueError(f"no form for {kind}")


def _decimal_bytes(digits: int) -> int:
    return 4 if digits <= 9 else 8 if digits <= 19 else 12 if digits <= 28 else 16


def column_metadata(columns: Sequence[Column]) -> bytes:
    """COLMETADATA."""
    parts = [struct.pack("<BH", 0x81, len(columns))]
    for column in columns:
        flags = 0x0008 | (0x0001 if column.nullable else 0)
        parts += [struct.pack("<IH", 0, flags), type_info(column), b_text(column.name)]
    return b"".join(parts)


def encoder(column: Column) -> Callable[[Any], bytes]:
    """What writes a value of the column that is not NULL."""
    kind = column.type
    if kind.name in _FIXED:
        _, _, size, form = _FIXED[kind.name]
        packed = struct.Struct(f"<B{form[1]}") if column.nullable else struct.Struct(form)
        return (lambda value: packed.pack(size, value)) if column.nullable else packed.pack
    if kind.name == "nvarchar":
        return _text if kind.size is not None else _long_text
    if kind.name == "datetime2":
        return _datetime2
    size = _decimal_bytes(kind.size or 38)
    return lambda value: bytes([size + 1, int(value) >= 0]) + abs(int(value)).to_bytes(size, "little")


def _text(value: str) -> bytes:
    encoded = value.encode("utf-16-le")
    return struct.pack("<H", len(encoded)) + encoded


def _long_text(value: str) -> bytes:
    encoded = value.encode("utf-16-le")
    chunk = struct.pack("<I", len(encoded)) + encoded if encoded else b""
    return struct.pack("<Q", len(encoded)) + chunk + b"\0\0\0\0"


@lru_cache(maxsize=10_000)
def _days(day: str) -> bytes:
    return (date.fromisoformat(day).toordinal() - _DAY_ONE).to_bytes(3, "little")


def _datetime2(value: str) -> bytes:
    """ISO text as datetime2(7): 100 ns since midnight in five bytes, days since 0001-01-01 in three."""
    moment = value[11:].ljust(8, "0") if len(value) > 10 else "00:00:00"
    ticks = 10_000_000 * (3600 * int(moment[0:2]) + 60 * int(moment[3:5]) + int(moment[6:8]))
    ticks += int(moment[9:16].ljust(7, "0")) if len(moment) > 9 else 0
    return b"\x08" + ticks.to_bytes(5, "little") + _days(value[:10])


def rows(columns: Sequence[Column], values: Iterable[Sequence[Any]]) -> Iterable[bytes]:
    """The rows as ROW tokens, or NBCROW where one holds NULL, as SQL Server writes them."""
    encoders = [encoder(column) for column in columns]
    bitmap_size = (len(columns) + 7) // 8
    for row in values:
        if None not in row:
            yield b"\xd1" + b"".join([encode(value) for encode, value in zip(encoders, row, strict=True)])
            continue
        nulls, parts = 0, []
        for place, (encode, value) in enumerate(zip(encoders, row, strict=True)):
            if value is None:
                nulls |= 1 << place
            else:
                parts.append(encode(value))
        yield b"\xd2" + nulls.to_bytes(bitmap_size, "little") + b"".join(parts)


def done(token: int = DONE, *, status: int = 0, count: int | None = None, command: int = 0xC1) -> bytes:
    """DONE, DONEPROC or DONEINPROC."""
    if count is not None:
        status |= COUNT
    return struct.pack("<BHHQ", token, status, command, count or 0)


def message(token: int, number: int, severity: int, text: str, *, line: int = 1) -> bytes:
    """ERROR or INFO."""
    body = struct.pack("<IBB", number, 1, severity) + us_text(text) + b_text("TESTSERVER") + b_text("")
    body += struct.pack("<I", line)
    return struct.pack("<BH", token, len(body)) + body


def error(number: int, severity: int, text: str) -> bytes:
    """ERROR."""
    return message(0xAA, number, severity, text)


def information(number: int, text: str) -> bytes:
    """INFO."""
    return message(0xAB, number, 0, text)


def environment(kind: int, new: str, old: str = "") -> bytes:
    """ENVCHANGE of a text."""
    return _environment(kind, b_text(new), b_text(old))


def environment_bytes(kind: int, new: bytes, old: bytes = b"") -> bytes:
    """ENVCHANGE of bytes."""
    return _environment(kind, bytes([len(new)]) + new, bytes([len(old)]) + old)


def _environment(kind: int, new: bytes, old: bytes) -> bytes:
    return struct.pack("<BHB", 0xE3, 1 + len(new) + len(old), kind) + new + old


def login_acknowledged() -> bytes:
    """LOGINACK of a SQL Server 2022."""
    body = b"\x01" + struct.pack(">I", TDS_7_4) + b_text("Microsoft SQL Server\0\0\0\0") + bytes([16, 0, 0x03, 0xE8])
    return struct.pack("<BH", 0xAD, len(body)) + body


def return_status(value: int = 0) -> bytes:
    """RETURNSTATUS of a procedure."""
    return struct.pack("<Bi", 0x79, value)


def returned_int(value: int, ordinal: int = 0) -> bytes:
    """RETURNVALUE of an int output parameter."""
    return (
        struct.pack("<BH", 0xAC, ordinal)
        + b_text("")
        + struct.pack("<BIH", 1, 0, 0)
        + struct.pack("<BBBi", 38, 4, 4, value)
    )


class Reader:
    """Takes a request apart."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def finished(self) -> bool:
        return self.at >= len(self.data)

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise ValueError("the request ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def text(self, characters: int) -> str:
        return self.take(2 * characters).decode("utf-16-le")

    def skip_headers(self) -> None:
        """ALL_HEADERS: transaction descriptor and the like."""
        self.at += int.from_bytes(self.data[self.at : self.at + 4], "little")

    def long(self) -> bytes | None:
        """A partially length-prefixed value."""
        if self.number(8) == 0xFFFFFFFFFFFFFFFF:
            return None
        parts = []
        while size := self.number(4):
            parts.append(self.take(size))
        return b"".join(parts)

    def parameter(self) -> tuple[str, Any]:
        """A parameter of a procedure: its name and its value as Python has it."""
        name = self.text(self.number(1))
        self.take(1)
        return name, self._value(self.number(1))

    def _value(self, kind: int) -> Any:  # noqa: PLR0911  # one for each type
        if kind in _SIMPLE:
            return _SIMPLE[kind](self.take(_SIMPLE_SIZES[kind]))
        if kind in (0x26, 0x68, 0x6D, 0x6F):
            self.take(1)
            value = self.take(self.number(1))
            return _NULLABLE[kind](value) if value else None
        if kind in (0x6A, 0x6C):
            _, _, scale = self.take(3)
            value = self.take(self.number(1))
            if not value:
                return None
            return Decimal(int.from_bytes(value[1:], "little") * (1 if value[0] else -1)).scaleb(-scale)
        if kind in (0xA7, 0xAF, 0xE7, 0xEF):
            return self._characters(kind)
        if kind in (0xA5, 0xAD):
            limit = self.number(2)
            size = None if limit == 0xFFFF else self.number(2)
            return self.long() if size is None else None if size == 0xFFFF else self.take(size)
        if kind in (0x23, 0x63):
            self.take(4 + 5)
            size = self.number(4, signed=True)
            return None if size < 0 else self.take(size).decode("cp1252" if kind == 0x23 else "utf-16-le")
        if kind == 0x28:
            value = self.take(self.number(1))
            return date.fromordinal(_DAY_ONE + int.from_bytes(value, "little")) if value else None
        if kind == 0x2A:
            scale = self.number(1)
            value = self.take(self.number(1))
            return _moment(value, scale) if value else None
        raise ValueError(f"a parameter of the type 0x{kind:02X}")

    def _characters(self, kind: int) -> str | None:
        limit = self.number(2)
        self.take(5)
        if limit == 0xFFFF:
            value = self.long()
        else:
            size = self.number(2)
            value = None if size == 0xFFFF else self.take(size)
        return None if value is None else value.decode("utf-16-le" if kind in (0xE7, 0xEF) else "cp1252")


def _whole(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=len(value) > 1)


def _real(value: bytes) -> float:
    return float(struct.unpack("<f" if len(value) == 4 else "<d", value)[0])


def _datetime(value: bytes) -> datetime:
    """datetime: days since 1900 and three-hundredths of a second."""
    days, parts = struct.unpack("<iI", value)
    return datetime(1900, 1, 1) + timedelta(days=days, milliseconds=round(parts * 10 / 3))


def _moment(value: bytes, scale: int) -> datetime:
    microseconds = int.from_bytes(value[:-3], "little") * 10**6 // 10**scale
    day = datetime.fromordinal(_DAY_ONE + int.from_bytes(value[-3:], "little"))
    return day + timedelta(microseconds=min(microseconds, _MICROSECONDS_OF_DAY - 1))


_SIMPLE: dict[int, Callable[[bytes], Any]] = {
    0x1F: lambda _: None,
    0x30: _whole,
    0x32: _whole,
    0x34: _whole,
    0x38: _whole,
    0x7F: _whole,
    0x3B: _real,
    0x3E: _real,
    0x3D: _datetime,
}
_SIMPLE_SIZES = {0x1F: 0, 0x30: 1, 0x32: 1, 0x34: 2, 0x38: 4, 0x7F: 8, 0x3B: 4, 0x3E: 8, 0x3D: 8}
_NULLABLE: dict[int, Callable[[bytes], Any]] = {0x26: _whole, 0x68: _whole, 0x6D: _real, 0x6F: _datetime}


@dataclass(frozen=True)
class Login:
    """What a client logs in with."""

    version: int
    packet_size: int
    user: str
    password: str
    application: str
    database: str


def login(data: bytes) -> Login:
    """LOGIN7."""
    _, version, packet_size = struct.unpack_from("<III", data, 0)

    def field(place: int) -> bytes:
        start, length = struct.unpack_from("<HH", data, 36 + 4 * place)
        return data[start : start + 2 * length]

    hidden = bytes(((byte ^ 0xA5) << 4 | (byte ^ 0xA5) >> 4) & 0xFF for byte in field(2))
    user, application = field(1).decode("utf-16-le"), field(3).decode("utf-16-le")
    return Login(version, packet_size, user, hidden.decode("utf-16-le"), application, field(8).decode("utf-16-le"))


def prelogin_options(data: bytes) -> dict[int, bytes]:
    """The options of a PRELOGIN by their token."""
    found, at = {}, 0
    while data[at] != 0xFF:
        token, start, size = struct.unpack_from(">BHH", data, at)
        found[token] = data[start : start + size]
        at += 5
    return found


def prelogin(encryption: int) -> bytes:
    """The server's PRELOGIN: version 16.0.1000, encryption, instance, no MARS."""
    options = {0: bytes([16, 0, 0x03, 0xE8, 0, 0]), 1: bytes([encryption]), 2: b"\0", 3: b"", 4: b"\0"}
    at, heads, bodies = 5 * len(options) + 1, b"", b""
    for token, value in options.items():
        heads += struct.pack(">BHH", token, at + len(bodies), len(value))
        bodies += value
    return heads + b"\xff" + bodies
