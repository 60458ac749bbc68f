"""What the examination of an address finds, and that it never shows a password."""

import socket

import pytest
from sqlalchemy import create_engine, text

from cs2_pipeline.demodb import doctor
from cs2_pipeline.demodb.connection import urls
from cs2_pipeline.demodb.doctor import Finding
from cs2_pipeline_tests.demodb.conftest import new_postgres, write_postgres
from cs2_pipeline_tests.demodb.small_database import SmallDatabase


def last(findings: list[Finding]) -> tuple[str, str]:
    return findings[-1].level, findings[-1].topic


def test_a_good_database_is_found_good_from_address_to_content(tmp_path, postgres_server):
    for url in (
        SmallDatabase().write(tmp_path / "demos.sqlite"),
        write_postgres(SmallDatabase(), new_postgres(postgres_server)),
    ):
        findings = doctor.diagnose(url)
        assert {found.level for found in findings} == {"ok"}
        assert {"address", "driver", "login", "tables", "content"} <= {found.topic for found in findings}
        assert any("ADBC" in found.message for found in findings)
        said = [found.message for found in findings]
        assert f"all {len(doctor.NEEDED)} tables are there, with every column the pipeline reads" in said
        assert any(message.startswith("demos up to Id 1, the last parsed 2026-03-01 14:00") for message in said)
        drivers = [found.message for found in findings if found.topic == "driver"]
        assert [message.endswith(" is used") for message in drivers] == [True, *[False] * (len(drivers) - 1)]


def test_an_address_that_cannot_be_read_is_the_first_finding():
    assert last(doctor.diagnose("mysql://u:geheim@h/d")) == ("error", "address")


def test_a_closed_port_is_a_finding_of_the_network():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        findings = doctor.diagnose(f"postgresql://u:geheim@127.0.0.1:{taken.getsockname()[1]}/d")
    assert last(findings) == ("error", "network")
    assert "127.0.0.1 port " in findings[-1].message
    assert "cannot be reached (Connection refused); start the server" in findings[-1].message
    assert "geheim" not in repr(findings)


def test_a_name_that_no_host_has_and_a_host_that_does_not_answer_are_told_apart(monkeypatch):
    url = "postgresql://u:geheim@no-such-host.invalid/d"
    assert (
        "no host is named no-such-host.invalid; check the name in CS2_DATABASE_URL" in doctor.diagnose(url)[-1].message
    )

    def silent(*_, **__):
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silent)
    findings = doctor.diagnose(url)
    assert last(findings) == ("error", "network")
    assert f"does not answer on port 5432 within {urls.CONNECT_TIMEOUT} s; usually a firewall" in findings[-1].message


@pytest.mark.parametrize("host", ["", "/run/postgresql"])
def test_a_file_or_a_local_socket_needs_no_network(host):
    assert doctor._network(urls.Address("postgresql", host=host, port=5432)) == []


def test_every_driver_for_sql_server_is_named_with_what_it_lacks():
    findings = doctor.diagnose("mssql://u:geheim@no-such-host.invalid/d")
    told = " ".join(found.message for found in findings)
    assert "mssql-python" in told
    assert "pyodbc" in told
    used, *others = [found.message for found in findings if found.topic == "driver"]
    assert others
    assert not any(one.startswith(f"{used.removesuffix(' is used')}:") for one in others)
    assert "geheim" not in told
    assert findings[-1].level == "error"


def test_a_missing_file_and_an_empty_database_come_with_the_next_step(tmp_path):
    findings = doctor.diagnose(str(tmp_path / "none.sqlite"))
    assert findings[-1].level == "error"
    assert "cs2 simulate" in findings[-1].message
    empty = SmallDatabase()
    for rows in empty.rows.values():
        rows.clear()
    findings = doctor.diagnose(empty.write(tmp_path / "demos.sqlite"))
    assert last(findings) == ("error", "content")
    assert "cs2 ingest demos" in findings[-1].message


@pytest.mark.parametrize(
    ("command", "told"),
    [('DROP TABLE "Damages"', "Damages"), ('ALTER TABLE "Kills" RENAME "VictimId" TO "Victim"', "VictimId")],
)
def test_a_missing_table_or_column_is_a_finding_of_the_tables(tmp_path, command, told):
    url = SmallDatabase().write(tmp_path / "demos.sqlite")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(command))
    engine.dispose()
    findings = doctor.diagnose(url)
    assert last(findings) == ("error", "tables")
    assert told in findings[-1].message


def test_matches_whose_start_was_never_recorded_are_counted(tmp_path):
    small = SmallDatabase()
    small.add_match(2, small.row("Matches", 1)["StartTime"].replace(year=1))
    findings = doctor.diagnose(small.write(tmp_path / "demos.sqlite"))
    assert last(findings) == ("warning", "content")
    assert "no day holds them: 1, with the Ids 2 (0001-03-01" in findings[-1].message
