"""Bytes become an event or a reason: every limit at its edge, and the field that is wrong."""

import json

import pytest

from cs2_pipeline.live import events
from cs2_pipeline.live.events import EventError, canonical, parse, parse_payload, split
from cs2_pipeline_tests.live.made import uid

KILL = {"killer_player_id": 1, "killer_team": "A", "victim_player_id": "v", "weapon": "ak47", "is_headshot": True}
ROUND_START = {"team_a_score": 0, "team_b_score": 0, "team_a_side": "CT", "team_b_side": "T"}
ROUND_END = {"winner_team": "A", "win_reason": "elimination", "team_a_score": 1, "team_b_score": 0}
HURT = {
    "attacker_player_id": 1, "attacker_team": "A", "victim_player_id": 2, "victim_team": "B", "damage": 1,
    "weapon": "ak47",
}  # fmt: skip
ENVELOPE = {
    "event_id": uid("e"), "match_id": uid("m"), "map_id": uid("p"), "round_no": 3, "type": "kill",
    "ts_event": "2026-01-18T12:00:00.250+00:00", "source": "server", "seq_no": 7, "payload": KILL,
}  # fmt: skip


def body(**changes):
    return json.dumps(ENVELOPE | changes).encode()


def refused(action, *given):
    with pytest.raises(EventError) as error:
        action(*given)
    return error.value


def test_an_event_is_read_with_its_time_in_seconds():
    event = parse(body())
    assert (event.event_id, event.match_id, event.map_id) == (uid("e"), uid("m"), uid("p"))
    assert (event.round_no, event.type, event.source, event.seq_no) == (3, "kill", "server", 7)
    assert event.ts_event == 1_768_737_600.25
    assert event.payload.killer_player_id == 1 and event.payload.victim_team is None


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("round_no", 0, 200), ("seq_no", 0, 2**53)],
)
def test_the_envelopes_numbers_have_limits(name, least, most):
    for value in (least, most):
        assert getattr(parse(body(**{name: value})), name) == value
    for value in (least - 1, most + 1):
        assert refused(parse, body(**{name: value})).field == name


@pytest.mark.parametrize("name", ["type", "source"])
def test_type_and_source_are_1_to_64_characters(name):
    for length in (1, 64):
        assert getattr(parse(body(**{name: "x" * length, "payload": {}} if name == "type" else {name: "x" * length})),
                       name) == "x" * length  # fmt: skip
    for length in (0, 65):
        assert refused(parse, body(**{name: "x" * length})).field == name


@pytest.mark.parametrize(
    ("kind", "valid", "name", "edges"),
    [
        ("match_start", {"team_a_id": 1, "team_b_id": 2}, "tournament", ("x" * 200, "x" * 201)),
        ("match_start", {"team_a_id": 1, "team_b_id": 2}, "team_a_id", ("x", "")),
        ("match_start", {"team_a_id": 1, "team_b_id": 2}, "team_a_id", ("x" * 200, "x" * 201)),
        ("match_start", {"team_a_id": 1, "team_b_id": 2}, "team_b_line_up", ([1] * 5, [1] * 6)),
        ("match_end", {}, "team_a_maps", (99, 100)),
        ("map_start", {"map_name": "de_nuke"}, "map_number", (9, 10)),
        ("map_start", {"map_name": "de_nuke"}, "map_number", (1, 0)),
        ("map_end", {}, "map_number", (9, 10)),
        ("map_end", {}, "map_number", (1, 0)),
        ("map_end", {}, "team_b_score", (99, 100)),
        ("map_end", {}, "team_b_score", (0, -1)),
        ("round_start", ROUND_START, "team_a_players", (5, 6)),
        ("round_start", ROUND_START, "team_b_players", (0, -1)),
        ("round_start", ROUND_START, "round_time", (600, 601)),
        ("round_start", ROUND_START, "round_time", (0, -1)),
        ("economy_update", {"team_a_econ": 0, "team_b_econ": 0}, "team_a_econ", (1_000_000, 1_000_001)),
        ("economy_update", {"team_a_econ": 0, "team_b_econ": 0}, "team_b_equipment_value", (0, -1)),
        ("player_hurt", HURT, "damage", (1_000, 1_001)),
        ("player_hurt", HURT, "damage", (0, -1)),
        ("player_hurt", HURT, "damage_armor", (1_000, 1_001)),
        ("player_hurt", HURT, "victim_health", (100, 101)),
        ("player_hurt", HURT, "victim_armor", (100, 101)),
        ("player_equipment", {"player_id": 1, "player_team": "A"}, "armor", (100, 101)),
        ("player_equipment", {"player_id": 1, "player_team": "A"}, "armor", (0, -1)),
        ("bomb_planted", {}, "time_remaining_sec", (600, 601)),
        ("round_end", ROUND_END, "team_a_alive", (5, 6)),
        ("round_end", ROUND_END, "team_b_alive", (0, -1)),
        ("round_restored", {}, "round_no", (200, 201)),
        ("round_restored", {}, "round_no", (1, 0)),
    ],
)  # fmt: skip
def test_a_payloads_values_are_taken_up_to_their_limit(kind, valid, name, edges):
    taken, too_far = edges
    assert getattr(parse_payload(kind, json.dumps(valid | {name: taken}).encode()), name) == taken
    assert refused(parse_payload, kind, json.dumps(valid | {name: too_far}).encode()).field.startswith(
        f"payload.{name}"
    )


def test_what_a_round_start_leaves_out_is_a_full_line_up():
    found = parse_payload("round_start", json.dumps(ROUND_START).encode())
    assert (found.team_a_players, found.team_b_players, found.round_time) == (5, 5, None)
    assert parse_payload("map_start", b'{"map_name": "de_nuke"}').map_number == 1


def test_the_field_that_is_wrong_is_named_and_the_events_own_ids_with_it():
    missing = refused(parse, body(payload={name: value for name, value in KILL.items() if name != "weapon"}))
    assert (missing.field, missing.message) == ("payload.weapon", "missing")
    assert (missing.event_id, missing.match_id) == (uid("e"), uid("m"))
    assert str(missing) == "payload.weapon: missing"
    wrong = refused(parse, body(source=""))
    assert (wrong.field, wrong.event_id, wrong.match_id) == ("source", uid("e"), uid("m"))
    without = json.loads(body())
    del without["match_id"]
    gone = refused(parse, json.dumps(without).encode())
    assert (gone.field, gone.message, gone.event_id, gone.match_id) == ("match_id", "missing", uid("e"), "")
    assert refused(parse, body(ts_event="2026-01-18T12:00:00")).field == "ts_event", "a time needs its zone"


@pytest.mark.parametrize("garbage", [b"", b"[]", b"\xff", b"{", b"7"])
def test_what_is_no_object_has_no_ids(garbage):
    error = refused(parse, garbage)
    assert (error.event_id, error.match_id) == ("", "")


def test_ids_that_are_none_are_cut_before_they_are_kept():
    error = refused(parse, body(event_id="e" * 65, match_id="m" * 65))
    assert (error.event_id, error.match_id) == ("e" * 64, "m" * 64)


def test_an_event_has_64_kilobytes_at_most():
    long = body(more="x" * (64 * 1024 - len(body(more=""))))
    assert len(long) == 64 * 1024 and parse(long).seq_no == 7
    told = refused(parse, long + b" ")
    assert told.field == "" and "65537 bytes; at most 65536" in told.message


def test_deep_nesting_is_refused_in_words():
    deep = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
    assert refused(parse_payload, "new_type", deep).message == "nested too deeply"
    assert refused(canonical, b'{"eventId":1,"a":' + deep + b"}").message == "nested too deeply"
    assert refused(split, b'{"events":' + b"[" * 20_000 + b"]" * 20_000 + b"}").field.startswith("events")


def test_a_type_that_is_not_known_is_taken_without_a_payload_if_it_has_an_object():
    assert parse_payload("new_type", b'{"anything": [1]}') is None
    assert refused(parse_payload, "new_type", b"[1]", "e", "m").field == "payload"


@pytest.mark.parametrize("side", ["CT", "T"])
def test_both_teams_cannot_play_one_side(side):
    both = json.dumps(ROUND_START | {"team_a_side": side, "team_b_side": side}).encode()
    error = refused(parse_payload, "round_start", both, "e", "m")
    assert (error.field, error.event_id, error.match_id) == ("payload.team_b_side", "e", "m")
    assert side in error.message


@pytest.mark.parametrize(
    ("void", "payload", "taken"), [(True, None, True), (False, {}, True), (True, {}, False), (False, None, False)]
)
def test_a_correction_takes_an_event_back_or_says_how_it_was(void, payload, taken):
    written = json.dumps({"event_id": uid("e"), "void": void, "payload": payload}).encode()
    if taken:
        found = parse_payload("correction", written)
        assert (str(found.event_id), found.void, found.payload) == (uid("e"), void, payload)
    else:
        error = refused(parse_payload, "correction", written, "e", "m")
        assert (error.field, error.event_id, error.match_id) == ("payload", "e", "m")


def test_both_spellings_are_stored_as_one():
    spelled = b'{"eventId": 1, "teamAName": {"isHeadshot": [{"playerId": 2}]}, "x": ["aB"]}'
    assert json.loads(canonical(spelled)) == {
        "event_id": 1, "team_a_name": {"is_headshot": [{"player_id": 2}]}, "x": ["aB"]
    }  # fmt: skip
    for key in ("matchId", "mapId"):
        assert json.loads(canonical(b'{"%s": 1}' % key.encode())) == {f"{key[:-2]}_id": 1}
    as_it_was = b'{ "event_id": 1, "teamAName": 2 }'
    assert canonical(as_it_was) is as_it_was


@pytest.mark.parametrize("written", [b"[1, {}]", b'  {"events": [1, {}], "more": 0}'])
def test_a_batch_is_a_list_or_an_object_with_one(written):
    assert split(written) == [b"1", b"{}"]


def test_a_batch_holds_1_to_1000_events():
    assert len(split(b"[" + b"1," * 999 + b"1]")) == events.MAX_BATCH == 1_000
    many = refused(split, b"[" + b"1," * 1_000 + b"1]")
    assert (many.field, many.message) == ("events", "1001 events; 1 to 1000 are taken at once")
    assert refused(split, b"[]").message.startswith("0 events")
    assert refused(split, b'{"other": []}').message == "missing; expected a list of events"
    for written in (b'{"events": 7}', b"7", b"[1", b""):
        assert refused(split, written).field.startswith("events")


def test_a_corrections_payload_may_be_spelled_either_way_and_fits_the_type():
    event = parse(body())
    told = {"event_id": uid("e"), "payload": {**KILL, "victimTeam": "A", "weapon": "awp"}}
    correction = parse_payload("correction", json.dumps(told).encode())
    amended = events.amended(event, correction)
    assert (amended.payload.weapon, amended.payload.victim_team) == ("awp", "A")
    assert (amended.event_id, amended.seq_no, amended.ts_event) == (event.event_id, event.seq_no, event.ts_event)
    wrong = parse_payload("correction", json.dumps({"event_id": uid("e"), "payload": {}}).encode())
    assert refused(events.amended, event, wrong).event_id == uid("e")


STARTS = {"team_a_id": 1, "team_b_id": 2}
COUNTS, FIVE = (0, 99), (0, 5)
EVERY_LIMIT = [
    ("match_end", {}, COUNTS, ["team_a_maps", "team_b_maps"]),
    ("map_start", {"map_name": "de_nuke"}, (1, 9), ["map_number"]),
    ("map_end", {}, (1, 9), ["map_number"]),
    ("map_end", {}, COUNTS, ["team_a_score", "team_b_score"]),
    ("round_start", ROUND_START, COUNTS, ["team_a_score", "team_b_score"]),
    ("round_start", ROUND_START, FIVE, ["team_a_players", "team_b_players"]),
    ("round_start", ROUND_START, (0, 600), ["round_time"]),
    ("economy_update", {"team_a_econ": 0, "team_b_econ": 0}, (0, 1_000_000),
     ["team_a_econ", "team_b_econ", "team_a_equipment_value", "team_b_equipment_value"]),
    ("player_hurt", HURT, (0, 1_000), ["damage", "damage_armor"]),
    ("player_hurt", HURT, (0, 100), ["victim_health", "victim_armor"]),
    ("player_equipment", {"player_id": 1, "player_team": "A"}, (0, 1_000_000), ["money", "equipment_value"]),
    ("player_equipment", {"player_id": 1, "player_team": "A"}, (0, 100), ["armor"]),
    ("bomb_planted", {}, (0, 600), ["time_remaining_sec"]),
    ("round_end", ROUND_END, COUNTS, ["team_a_score", "team_b_score"]),
    ("round_end", ROUND_END, FIVE, ["team_a_alive", "team_b_alive"]),
    ("round_restored", {}, (1, 200), ["round_no"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "valid", "limits", "names"), EVERY_LIMIT)
def test_every_number_of_a_payload_is_taken_from_its_least_to_its_largest(kind, valid, limits, names):
    for name in names:
        for value in limits:
            assert getattr(parse_payload(kind, json.dumps(valid | {name: value}).encode()), name) == value
        for value in (limits[0] - 1, limits[1] + 1):
            assert refused(parse_payload, kind, json.dumps(valid | {name: value}).encode()).field == f"payload.{name}"


@pytest.mark.parametrize(
    ("kind", "valid", "left_out"),
    [
        ("kill", KILL, {"victim_team": None, "is_wallbang": False, "is_through_smoke": False, "is_no_scope": False,
                        "is_first_kill": None, "attacker_blind": False}),
        ("match_start", STARTS, dict.fromkeys(["tournament", "format", "team_a_name", "team_b_name", "team_a_line_up",
                                               "team_b_line_up"])),
        ("match_end", {}, dict.fromkeys(["winner_team", "team_a_maps", "team_b_maps", "tournament", "team_a_id",
                                         "team_b_id"])),
        ("map_start", {"map_name": "x"}, dict.fromkeys(["team_a_id", "team_b_id", "team_a_line_up", "team_b_line_up"])
         | {"map_number": 1}),
        ("map_end", {}, dict.fromkeys(["winner_team", "team_a_score", "team_b_score", "map_name", "map_number"])),
        ("player_hurt", HURT, dict.fromkeys(["damage_armor", "hitgroup", "victim_health", "victim_armor"])),
        ("player_equipment", {"player_id": 1, "player_team": "A"},
         dict.fromkeys(["money", "equipment_value", "armor", "has_helmet", "has_defuse_kit"])),
        ("bomb_planted", {}, dict.fromkeys(["player_id", "player_team", "site", "time_remaining_sec"])),
        ("round_end", ROUND_END, dict.fromkeys(["team_a_alive", "team_b_alive", "team_a_id", "team_b_id"])),
        ("correction", {"event_id": uid("e"), "payload": {}}, {"void": False}),
    ],
)  # fmt: skip
def test_what_a_payload_leaves_out_is_not_known_and_no_flag_is_set(kind, valid, left_out):
    found = parse_payload(kind, json.dumps(valid).encode())
    assert {name: getattr(found, name) for name in left_out} == left_out
    with pytest.raises(AttributeError):
        setattr(found, next(iter(left_out)), 1)
    assert {name: getattr(found, name) for name in valid if name != "event_id"} == {
        name: value for name, value in valid.items() if name != "event_id"
    }


def test_a_line_up_has_five_players_at_most_and_texts_200_characters():
    for kind, valid in (("match_start", STARTS), ("map_start", {"map_name": "x"})):
        for name in ("team_a_line_up", "team_b_line_up"):
            assert getattr(parse_payload(kind, json.dumps(valid | {name: [1] * 5}).encode()), name) == [1] * 5
            assert refused(parse_payload, kind, json.dumps(valid | {name: [1] * 6}).encode()).field == f"payload.{name}"
    for weapon in ("", "x" * 200):
        assert parse_payload("kill", json.dumps(KILL | {"weapon": weapon}).encode()).weapon == weapon
    assert refused(parse_payload, "kill", json.dumps(KILL | {"weapon": "x" * 201}).encode()).field == "payload.weapon"
    assert refused(parse_payload, "kill", json.dumps(KILL | {"killer_player_id": ""}).encode()).field.startswith(
        "payload.killer_player_id"
    )


def test_an_event_cannot_be_changed_and_an_error_says_what_it_knows():
    event = parse(body())
    with pytest.raises(AttributeError):
        event.seq_no = 8
    told = EventError("payload.weapon", "missing", "e", "m")
    assert (str(told), told.field, told.message) == ("payload.weapon: missing", "payload.weapon", "missing")
    assert (told.event_id, told.match_id) == ("e", "m")
    whole = EventError("", "no object")
    assert (str(whole), whole.field, whole.event_id, whole.match_id) == ("no object", "", "", "")


def test_what_is_wrong_within_a_list_is_named_with_its_place():
    error = refused(parse_payload, "match_start", json.dumps(STARTS | {"team_a_line_up": [1, None]}).encode())
    assert error.field == "payload.team_a_line_up[1]"
