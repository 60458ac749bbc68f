"""What a demo is known by: the checksum of its header and size, as its exporters compute it."""

import io

import pytest

from cs2_pipeline.demodb.importers import checksum


def number(value):
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(digits) + bytes([value])


def field(place, value):
    if isinstance(value, int):
        return number(place << 3) + number(value)
    return number(place << 3 | 2) + number(len(value)) + value


SAID = {2: 13_983, 3: b"a server", 4: b"SourceTV", 5: b"de_nuke", 11: b"valve_demo_2", 12: b"8e9d71ab", 13: 9_842}


def demo(path, said=SAID, *, mark=b"PBDEMS2\0", command=1, tail=b""):
    header = field(1, b"PBDEMS2") + b"".join(field(place, value) for place, value in said.items()) + tail
    path.write_bytes(mark + bytes(8) + number(command) + number(300) + number(len(header)) + header + bytes(50))
    return path


def crc(text):
    return f"{checksum.crc64(text.encode()):x}"


def test_the_crc_is_the_published_one():
    assert checksum.crc64(b"123456789") == 0x995DC9BBDF1939FA
    assert checksum.crc64(b"") == 0


def test_a_key_is_blind_to_case_and_blanks():
    assert checksum.key(" 0AbC \n") == "demo:0abc"


def test_a_demo_is_known_by_map_server_client_protocol_build_guid_version_and_size(tmp_path):
    path = demo(tmp_path / "match.dem")
    size = path.stat().st_size
    assert checksum.of_demo(path) == crc(f"de_nukea serverSourceTV1398398428e9d71abvalve_demo_2{size}")


def test_a_field_that_is_not_there_is_empty_and_a_number_nought(tmp_path):
    path = demo(tmp_path / "match.dem", {5: b"de_nuke"})
    assert checksum.of_demo(path) == crc(f"de_nuke00{path.stat().st_size}")


@pytest.mark.parametrize(
    "broken",
    [{"mark": b"HL2DEMO\0"}, {"command": 2}, {"tail": number(9 << 3 | 5) + bytes(4)},
     {"tail": number(9 << 3 | 2) + number(60) + b"short"}],
    ids=["another mark", "no header frame", "a fixed number", "a text that is too long"],
)  # fmt: skip
def test_what_has_no_readable_header_has_no_checksum(tmp_path, broken):
    assert checksum.of_demo(demo(tmp_path / "match.dem", **broken)) is None


@pytest.mark.parametrize("size", [0, 5, 16, 17, 18])
def test_a_file_that_ends_in_its_first_frame_has_no_checksum(tmp_path, size):
    path = demo(tmp_path / "match.dem")
    path.write_bytes(path.read_bytes()[:size])
    assert checksum.of_demo(path) is None


def test_a_text_that_fills_the_header_to_its_end_is_read(tmp_path):
    path = demo(tmp_path / "match.dem", {5: b"de_train"})
    assert checksum.of_demo(path) == crc(f"de_train00{path.stat().st_size}")


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 16_383, 16_384, 2**31, 2**32 - 1, 2**35 - 1])
def test_a_number_is_read_to_its_last_digit_and_no_further(value):
    file = io.BytesIO(number(value) + b"\x05")
    assert checksum.varint(file) == value
    assert file.read() == b"\x05"


def test_a_number_that_breaks_off_or_never_ends_is_none():
    assert checksum.varint(io.BytesIO(b"")) is None
    assert checksum.varint(io.BytesIO(b"\x80\x80")) is None
    assert checksum.varint(io.BytesIO(b"\x80" * 5 + b"\x01")) is None
