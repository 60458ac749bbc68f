"""Every form of an address people paste, and that no form shows its password."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL

from cs2_pipeline.demodb.connection import drivers, urls
from cs2_pipeline.demodb.connection.errors import BadAddressError
from cs2_pipeline.demodb.connection.urls import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("folder/demos.sqlite", Address("sqlite", database="folder/demos.sqlite")),
        ("sqlite:///folder/demos.sqlite", Address("sqlite", database="folder/demos.sqlite")),
        ("sqlite:////data/demos.sqlite", Address("sqlite", database="/data/demos.sqlite")),
        ("postgres://u:p@h/demos", Address("postgresql", None, "h", 5432, "u", "p", "demos")),
        ("postgresql+psycopg2://u:p%40@h:6000/demos", Address("postgresql", "psycopg2", "h", 6000, "u", "p@", "demos")),
        ("postgresql://u@/demos?host=/run/pg", Address("postgresql", None, "/run/pg", None, "u", None, "demos")),
        ("postgresql:///demos?host=/run/pg&sslmode=require",
         Address("postgresql", None, "/run/pg", database="demos", options={"sslmode": "require"})),
        ("postgresql://h/demos?host=other",
         Address("postgresql", None, "h", 5432, database="demos", options={"host": "other"})),
        ("postgresql://h/demos?sslmode=disable&sslmode=require&sslmode=prefer",
         Address("postgresql", None, "h", 5432, database="demos", options={"sslmode": "prefer"})),
        ("postgresql://h/demos?application_name=a://b",
         Address("postgresql", None, "h", 5432, database="demos", options={"application_name": "a://b"})),
        ("Driver={PostgreSQL Unicode};Server=h;Database=demos",
         Address("postgresql", None, "h", 5432, database="demos", options={"driver": "PostgreSQL Unicode"})),
        ("DSN=demos;UID=u;PWD=p", Address("mssql", user="u", password="p", options={"dsn": "demos"})),
        ("Server=h;Port=1444", Address("mssql", None, "h", 1444)),
        ("sqlite:///file:folder/demos.sqlite?mode=ro", Address("sqlite", database="folder/demos.sqlite")),
        ("mssql://u:p@h:1444/demos", Address("mssql", None, "h", 1444, "u", "p", "demos")),
        ("sqlserver://u:p@h/demos", Address("mssql", None, "h", 1433, "u", "p", "demos")),
        ("Server=h,1444;Database=demos;UID=u;PWD=p", Address("mssql", None, "h", 1444, "u", "p", "demos")),
        (
            "Data Source=tcp:h;Initial Catalog=demos;User Id=u;Password=p",
            Address("mssql", None, "h", 1433, "u", "p", "demos"),
        ),
        ("SERVER=h;DATABASE=demos;UID=u;PWD={p;}}x};", Address("mssql", None, "h", 1433, "u", "p;}x", "demos")),
        ("Server=h;Database=demos;UID=u;PWD=a://b", Address("mssql", None, "h", 1433, "u", "a://b", "demos")),
        (r"Server=.\SQLEXPRESS;Database=demos", Address("mssql", None, r".\SQLEXPRESS", None, None, None, "demos")),
        (
            "Driver={ODBC Driver 18 for SQL Server};Server=h;Database=demos;Trusted_Connection=yes",
            Address(
                "mssql",
                None,
                "h",
                1433,
                database="demos",
                options={"trusted_connection": "yes", "driver": "ODBC Driver 18 for SQL Server"},
            ),
        ),
        (
            "mssql+pyodbc:///?odbc_connect=Server%3Dh%3BDatabase%3Ddemos%3BUID%3Du%3BPWD%3Dp",
            Address("mssql", None, "h", 1433, "u", "p", "demos"),
        ),
    ],
)  # fmt: skip
def test_an_address_is_read_in_every_form_people_paste(text, address):
    assert urls.parse(text) == address


@pytest.mark.parametrize(
    ("value", "bare"),
    [("demos", "demos"), ('"demos"', "demos"), ("'demos'", "demos"), ("{de}}mos}", "de}mos"), ('"', '"'),
     ("'demos\"", "'demos\""), ("dad", "dad"), ("{demos", "{demos"), ("demos}", "demos}"), ('""', None)],
)  # fmt: skip
def test_a_value_may_stand_in_quotes_or_braces_that_are_no_part_of_it(value, bare):
    for pasted in (f"Server=h;Database={value}", f"Database={value};Server=h", f' "Server=h;Database={value}" '):
        found = urls.parse(pasted)
        assert ((found.database or None), found.host) == (bare, "h")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "mysql://u:geheim@h/demos",
        "postgresql://u:geheim@h:port/d",
        "sqlite://",
        "sqlite:///:memory:",
        "PWD=geheim;x=1",
        "postgres//reader:geheim@host/demos",
        "postgresql:/reader:geheim@host/demos",
        "MSSQL+pyodbc:reader:geheim@host",
        "reader:geheim@host/demos",
        "reader:geheim@postgresql://host/demos",
        "postgresql ://geheim",
    ],
)
def test_an_address_that_cannot_be_read_says_what_can_and_not_the_address(text):
    with pytest.raises(BadAddressError) as refused:
        urls.parse(text)
    assert "sqlite:///" in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert "geheim" not in urls.masked(text)


def test_a_port_that_is_no_number_is_named():
    with pytest.raises(BadAddressError, match="names the port '14x', which is not a number"):
        urls.parse("Server=h,14x;Database=demos")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (Address("sqlite", database="/data/demos.sqlite"), "sqlite:////data/demos.sqlite"),
        (Address("postgresql", None, "h", 5432, "u", "geheim", "demos"), "postgresql://u:***@h:5432/demos"),
        (Address("postgresql", user="u", database="demos"), "postgresql://u@localhost/demos"),
        (Address("mssql", None, "h", 1433), "mssql://h:1433/"),
    ],
)
def test_an_address_is_shown_with_what_it_names(address, shown):
    assert str(address) == shown


def test_the_file_of_a_sqlite_address_is_its_database():
    assert Address("sqlite", database="data/demos.sqlite").path == Path("data/demos.sqlite")


PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=6, max_size=20).map(
    lambda s: f"§{s}§"
)


@given(PASSWORDS)
def test_no_text_form_of_an_address_shows_its_password(password):
    url = URL.create("mssql", "reader", password, "host", 1433, "demos").render_as_string(hide_password=False)
    address = urls.parse(url)
    assert address.password == password
    assert urls.masked(url) == "mssql://reader:***@host:1433/demos"
    assert password not in repr(address)
    assert urls.scrub(f"login with {password} failed", address) == "login with *** failed"
    assert urls.scrub(f"login at {url} failed", address) == "login at mssql://reader:***@host:1433/demos failed"


@given(PASSWORDS)
def test_a_password_survives_the_drivers_own_forms(password):
    address = Address("mssql", None, "host", 1433, "reader", password, "demos")
    assert urls.parse(drivers.odbc_string(address, drivers.Driver("mssql_python"))).password == password
    there = Address("postgresql", None, "host", 5432, "reader", password, "demos")
    assert urls.parse(drivers.libpq_uri(there)).password == password


def test_free_tds_gets_port_and_protocol_version_in_its_own_words():
    address = urls.parse("mssql://reader:p@host:1444/demos")
    text = drivers.odbc_string(address, drivers.Driver("pyodbc", "FreeTDS"))
    assert text == "Driver={FreeTDS};Server={host};Port={1444};TDS_Version={7.4};Database={demos};UID={reader};PWD={p};"


def test_free_tds_asks_a_named_instance_for_its_port_unless_one_is_given():
    free_tds = drivers.Driver("pyodbc", "FreeTDS")
    assert "Port" not in drivers.odbc_string(urls.parse(r"Server=host\SQLEXPRESS;Database=d"), free_tds)
    assert "Port={1500}" in drivers.odbc_string(urls.parse(r"Server=host\SQLEXPRESS,1500;Database=d"), free_tds)


def test_an_applications_own_options_do_not_reach_the_driver():
    address = urls.parse(
        "Server=h;Database=d;MultipleActiveResultSets=true;TrustServerCertificate=True;Integrated Security=SSPI"
    )
    text = drivers.odbc_string(address, drivers.Driver("mssql_python"))
    assert text == "Server={h,1433};Database={d};TrustServerCertificate={yes};Trusted_Connection={yes};".replace(
        "{True}", "{yes}"
    )


def test_a_server_that_is_not_there_is_waited_for_a_few_seconds_unless_the_address_says_otherwise():
    assert "connect_timeout=5&" in drivers.libpq_uri(urls.parse("postgresql://reader@host/demos"))
    assert "connect_timeout=2&" in drivers.libpq_uri(urls.parse("postgresql://reader@host/demos?connect_timeout=2"))
