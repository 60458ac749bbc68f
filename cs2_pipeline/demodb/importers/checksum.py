"""What makes two recordings the same: the checksum by which cs-demo-analyzer and CS Demo Manager know a demo.

It is taken from the demo's header and size alone, so a `.dem` has the same one as every export made from it.
"""

from pathlib import Path
from typing import Any, BinaryIO, Final

_MARK: Final = b"PBDEMS2\0"
_HEADER_SIZE: Final = 16
_FILE_HEADER: Final = 1
"""The command of the frame that holds the recording's header."""
_POLYNOMIAL: Final = 0xC96C5795D7870F42
"""CRC-64 of ECMA-182, bits reversed."""
_MASK: Final = 2**64 - 1
_PROTOCOL, _SERVER, _CLIENT, _MAP, _VERSION, _GUID, _BUILD = 2, 3, 4, 5, 11, 12, 13
"""Numbers of the header's fields (the game's protocol buffer CDemoFileHeader)."""
_VARINT, _BYTES = 0, 2


def key(checksum: str) -> str:
    """How a demo's checksum stands among the content hashes of the ledger."""
    return f"demo:{checksum.strip().lower()}"


def crc64(data: bytes) -> int:
    """The CRC-64 of ECMA-182 as Go's hash/crc64 and xz compute it."""
    value = _MASK
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value ^ _MASK


def of_demo(path: Path) -> str | None:
    """The checksum of a Counter-Strike 2 `.dem`, as hexadecimal digits; None where it has no readable header."""
    with path.open("rb") as file:
        if file.read(len(_MARK)) != _MARK:
            return None
        file.seek(_HEADER_SIZE)
        command, _tick, length = varint(file), varint(file), varint(file)
        if command != _FILE_HEADER or length is None:
            return None
        header = _fields(file.read(length))
    if header is None:
        return None

    def text(number: int) -> str:
        return bytes(header.get(number, b"")).decode(errors="replace")

    said = f"{text(_MAP)}{text(_SERVER)}{text(_CLIENT)}{header.get(_PROTOCOL, 0)}{header.get(_BUILD, 0)}"
    said += f"{text(_GUID)}{text(_VERSION)}{path.stat().st_size}"
    return f"{crc64(said.encode()):x}"


def varint(file: BinaryIO) -> int | None:
    """The next base-128 number, or None at the file's end."""
    value = 0
    for shift in range(0, 35, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None


def _fields(message: bytes) -> dict[int, Any] | None:
    """The fields of a protocol buffer by number: whole numbers and bytes; None where it is something else."""
    found: dict[int, Any] = {}
    place = 0
    while place < len(message):
        tag, place = _number(message, place)
        value, place = _number(message, place)
        if tag & 7 == _VARINT:
            found[tag >> 3] = value
        elif tag & 7 == _BYTES and place + value <= len(message):
            found[tag >> 3] = message[place : place + value]
            place += value
        else:
            return None
    return found


def _number(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message):
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, place
