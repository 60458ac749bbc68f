"""Which errors a user can mend: their message alone is shown; a defect of ours keeps its trace."""

import errno
import sqlite3
import sys

import pytest

from cs2_pipeline.cli import main
from cs2_pipeline.cli.console import CliError, UsageError
from cs2_pipeline.cli.failures import explained
from cs2_pipeline.settings import SettingsError


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
def test_what_the_machine_refuses_names_the_file_and_the_home(number):
    told = explained(OSError(number, "refused", "/some/file"))
    assert told.startswith("/some/file: refused. Everything is kept in the folder CS2_HOME")
    assert explained(OSError(number, "refused")).startswith("a file: refused")


def sqlite_error(code):
    error = sqlite3.OperationalError("the reason")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "known"),
    [(sqlite3.SQLITE_FULL, True), (sqlite3.SQLITE_READONLY, True), (sqlite3.SQLITE_CANTOPEN, True),
     (sqlite3.SQLITE_IOERR_WRITE, True), (sqlite3.SQLITE_CONSTRAINT, False), (sqlite3.SQLITE_BUSY, False)],
)  # fmt: skip
def test_a_disk_that_an_embedded_database_cannot_write_is_explained(code, known):
    for error in (sqlite_error(code), type("Wrapped", (Exception,), {"orig": sqlite_error(code)})("around it")):
        told = explained(error)
        assert (told is not None) is known
        if known:
            assert told.startswith("an embedded database cannot be written: the reason. Everything")


@pytest.mark.parametrize("defect", [ZeroDivisionError("x"), OSError(errno.ENOENT, "gone"), KeyError("x"), OSError("x")])
def test_a_defect_is_none_of_them(defect):
    assert explained(defect) is None


@pytest.mark.parametrize(("status", "said"), [(130, True), (1, False), (0, False), (2, False)])
def test_who_interrupts_is_told_that_nothing_is_lost(monkeypatch, capsys, status, said):
    monkeypatch.setattr(main, "app", lambda: sys.exit(status))
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == status
    assert capsys.readouterr().err == ("stopped; the next run continues what is not finished\n" if said else "")


@pytest.mark.parametrize(
    ("error", "status"), [(UsageError("[x] no"), 2), (CliError("[x] no"), 1), (SettingsError("[x] no"), 1)]
)
def test_an_error_ends_with_its_status_and_its_message(monkeypatch, capsys, error, status):
    def fails():
        raise error

    monkeypatch.setattr(main, "app", fails)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert (ended.value.code, capsys.readouterr().err) == (status, "error: [x] no\n")


def test_a_message_is_shown_as_it_is_though_it_looks_like_markup():
    assert explained(CliError("[bold] is no markup")) == "[bold] is no markup"
    assert explained(SettingsError("wrong")) == "wrong"
