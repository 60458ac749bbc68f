"""A server that speaks SQL Server's wire protocol (TDS 7.4) and answers from SQLite demo databases, for tests.

It is no SQL Server. It is what stands at the other end of the wire when drivers are tested where no SQL Server can be
had: a real TCP server with real logins, encryption, prepared statements, types and errors with SQL Server's numbers.
What passes against it is shown of addresses, drivers, types, NULLs, batches, broken connections and messages.
Nothing is shown of SQL Server's own reading of T-SQL, of its plans, locks or speed.
"""

import contextlib
import multiprocessing
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from cs2_pipeline_tests.sqlserver import wire
from cs2_pipeline_tests.sqlserver.engine import Database, Session
from cs2_pipeline_tests.sqlserver.translation import SqlError

ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUPPORTED, ENCRYPT_REQUIRED = 0, 1, 2, 3
_FLUSH = 32_768
"""Bytes collected before they are sent."""
_PREPARE, _EXECUTE, _PREPARE_AND_EXECUTE, _UNPREPARE, _EXECUTE_SQL = 11, 12, 13, 15, 10
_PROCEDURES = {
    "sp_prepare": _PREPARE,
    "sp_execute": _EXECUTE,
    "sp_prepexec": _PREPARE_AND_EXECUTE,
    "sp_unprepare": _UNPREPARE,
    "sp_executesql": _EXECUTE_SQL,
}


class _Cut(Exception):  # noqa: N818  # not an error: how a connection ends
    """The connection is to end here."""


class Server:
    """The server, listening from its making on. Tests have it in a process of its own (`running`), because a driver
    may hold Python's lock while it waits for an answer.
    """

    def __init__(self) -> None:
        self.logins = {"reader": "correct horse"}
        self.databases: dict[str, Database] = {}
        self.encryption: Literal["optional", "none"] = "optional"
        self.faults: list[SqlError] = []
        self.cuts: list[int] = []
        self.catalogue_cuts: list[int] = []
        self.received: list[str] = []
        self.agreed: list[str] = []
        self.connections: set[_Connection] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._context = _self_signed()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        number: int = self._listening.getsockname()[1]
        return number

    def serve(self, path: Path) -> str:
        """Serve a SQLite file under a new name, which is returned."""
        name = f"demos_{uuid4().hex[:12]}"
        self.databases[name] = Database(name, path)
        return name

    def encrypt(self, encryption: Literal["optional", "none"]) -> None:
        """``optional``, as SQL Server comes: the login is encrypted, the rest on demand; ``none``: no certificate."""
        self.encryption = encryption

    def deny(self, database: str, table: str, *, hidden: bool) -> None:
        """Deny SELECT on a table; `hidden`: nothing else is granted on it, so that the catalogue does not show it."""
        served = self.databases[database]
        (served.hidden if hidden else served.denied).add(table)

    def fail_next(self, number: int, text: str, severity: int = 16) -> None:
        """Answer the next query of a table (the catalogue apart) with an error."""
        self.faults.append(SqlError(number, text, severity))

    def cut_after(self, rows: int) -> None:
        """Cut the connection of the next query of a table after so many rows."""
        self.cuts.append(rows)

    def cut_catalogue_after(self, rows: int) -> None:
        """Cut the connection of the next look at the catalogue after so many rows."""
        self.catalogue_cuts.append(rows)

    def forget_faults(self) -> None:
        """Take back every fault and cut that did not come to pass."""
        self.faults.clear()
        self.cuts.clear()

    def open_transactions(self) -> int:
        """How many connections are in the middle of a transaction."""
        return sum(connection.in_transaction for connection in self.connections)

    def cut_all(self) -> None:
        """Reset every connection, as a restart or a firewall does."""
        for connection in list(self._open):
            _reset(connection)

    def agreements(self) -> list[str]:
        """What each connection since the last call agreed to encrypt: ``all``, ``login`` or ``nothing``."""
        agreed, self.agreed = self.agreed, []
        return agreed

    def add_login(self, user: str, password: str) -> None:
        """Know a further user."""
        self.logins[user] = password

    def statements(self) -> list[str]:
        """The statements received since the last call."""
        received, self.received = self.received, []
        return received

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            _Connection(self, connection, self._context).run()
        except (OSError, ssl.SSLError, _Cut):
            pass
        finally:
            self._open.discard(connection)
            connection.close()


class _Process(BaseManager):
    """A process that holds a `Server`."""


_Process.register("Server", Server)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server in a process of its own; its methods are called from here."""
    with _Process(ctx=multiprocessing.get_context("spawn")) as process:
        yield process.Server()  # type: ignore[attr-defined]


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)


class _Stream:
    """Messages over a socket, in the clear or encrypted."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.size = connection, 4096
        self._tls: ssl.SSLObject | None = None
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self) -> tuple[int, bytes]:
        """Kind and content of the next message."""
        parts = []
        while True:
            kind, status, length, *_ = wire.HEADER.unpack(self._exactly(wire.HEADER.size))
            parts.append(self._exactly(length - wire.HEADER.size))
            if status & wire.END_OF_MESSAGE:
                return kind, b"".join(parts)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._some(size - len(data))
            if not part:
                raise _Cut
            data += part
        return data

    def _some(self, size: int) -> bytes:
        if self._tls is None:
            return self.connection.recv(size)
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                encrypted = self.connection.recv(65_536)
                if not encrypted:
                    raise _Cut from None
                self._arrived.write(encrypted)

    def send_raw(self, data: bytes) -> None:
        if self._tls is not None:
            self._tls.write(data)
            data = self._leaving.read()
        self.connection.sendall(data)

    def send(self, message: bytes, kind: int = wire.TABULAR) -> None:
        self.send_raw(b"".join(wire.packets(kind, message, self.size)))

    def send_parts(self, parts: Iterable[bytes]) -> None:
        """A message of which the length is not known when it begins, packet by packet."""
        room, held, number = self.size - wire.HEADER.size, bytearray(), 0
        for part in parts:
            held += part
            if len(held) < max(_FLUSH, 2 * room):
                continue
            whole = (len(held) - 1) // room * room
            self.send_raw(b"".join(self._numbered(bytes(held[:whole]), number)))
            number += whole // room
            del held[:whole]
        *first, final = self._numbered(bytes(held), number)
        self.send_raw(b"".join([*first, final[:1] + bytes([wire.END_OF_MESSAGE]) + final[2:]]))

    def _numbered(self, data: bytes, number: int) -> Iterator[bytes]:
        room = self.size - wire.HEADER.size
        for start in range(0, max(len(data), 1), room):
            part = data[start : start + room]
            number += 1
            yield wire.HEADER.pack(wire.TABULAR, 0, len(part) + wire.HEADER.size, 0, number % 256, 0) + part

    def encrypt(self, context: ssl.SSLContext) -> None:
        """The handshake, each flight of which travels in PRELOGIN packets."""
        tls = context.wrap_bio(self._arrived, self._leaving, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send_handshake()
                self._arrived.write(self.receive()[1])
            except ssl.SSLError:
                self._send_handshake()
                raise
            else:
                break
        self._send_handshake()
        self._tls = tls

    def _send_handshake(self) -> None:
        if flight := self._leaving.read():
            self.send(flight, wire.PRELOGIN)

    def decrypt(self) -> None:
        """Go on in the clear."""
        self._tls = None


class _Connection:
    """One client from PRELOGIN to its end."""

    def __init__(self, server: Server, connection: socket.socket, context: ssl.SSLContext) -> None:
        self.server, self.stream, self.context = server, _Stream(connection), context
        self.prepared: dict[int, tuple[str, list[str]]] = {}
        self.session: Session | None = None
        self.implicit = self.in_transaction = False

    def run(self) -> None:
        try:
            self._greet()
            session = self._log_in()
            if session is None:
                return
            self.session = session
            self.server.connections.add(self)
            while True:
                kind, content = self.stream.receive()
                self._answer(session, kind, content)
        finally:
            self.server.connections.discard(self)
            if self.session is not None:
                self.session.close()

    def _greet(self) -> None:
        _, content = self.stream.receive()
        wanted = wire.prelogin_options(content).get(1, bytes([ENCRYPT_NOT_SUPPORTED]))[0]
        can = self.server.encryption == "optional" and wanted != ENCRYPT_NOT_SUPPORTED
        agreed = (
            (ENCRYPT_ON if wanted in (ENCRYPT_ON, ENCRYPT_REQUIRED) else ENCRYPT_OFF) if can else ENCRYPT_NOT_SUPPORTED
        )
        self.stream.send(wire.prelogin(agreed))
        if can:
            self.stream.encrypt(self.context)
        self._only_login_encrypted = agreed == ENCRYPT_OFF
        self.server.agreed.append({ENCRYPT_ON: "all", ENCRYPT_OFF: "login"}.get(agreed, "nothing"))

    def _log_in(self) -> Session | None:
        _, content = self.stream.receive()
        if self._only_login_encrypted:
            self.stream.decrypt()
        login = wire.login(content)
        if self.server.logins.get(login.user) != login.password:
            self._refuse(18456, f"Login failed for user '{login.user}'.", 14)
            return None
        database = self.server.databases.get(login.database)
        if database is None:
            text = f'Cannot open database "{login.database}" requested by the login. The login failed.'
            self._refuse(4060, text, 11, wire.error(18456, 14, f"Login failed for user '{login.user}'."))
            return None
        size = login.packet_size if 512 <= login.packet_size <= 32_767 else 4096
        greeting = [
            wire.environment(wire.ENV_DATABASE, database.name, "master"),
            wire.information(5701, f"Changed database context to '{database.name}'."),
            wire.environment_bytes(wire.ENV_COLLATION, wire.COLLATION),
            wire.login_acknowledged(),
            wire.environment(wire.ENV_PACKET_SIZE, str(size), "4096"),
            wire.done(),
        ]
        self.stream.send(b"".join(greeting))
        self.stream.size = size
        return Session(database)

    def _refuse(self, number: int, text: str, severity: int, more: bytes = b"") -> None:
        self.stream.send(wire.error(number, severity, text) + more + wire.done(status=wire.ERROR))

    def _answer(self, session: Session, kind: int, content: bytes) -> None:
        if kind == wire.ATTENTION:
            self.stream.send(wire.done(status=wire.ATTENTION_SEEN))
        elif kind == wire.TRANSACTION:
            self._transaction(content)
        elif kind == wire.SQL_BATCH:
            request = wire.Reader(content)
            request.skip_headers()
            sql = request.data[request.at :].decode("utf-16-le")
            self.stream.send_parts(self._batch(session, sql))
        elif kind == wire.RPC:
            self.stream.send_parts(self._procedure(session, wire.Reader(content)))
        else:
            raise _Cut

    def _transaction(self, content: bytes) -> None:
        request = wire.Reader(content)
        request.skip_headers()
        number = request.number(2)
        changes = {
            5: wire.environment_bytes(wire.ENV_BEGIN, b"\1\0\0\0\0\0\0\0"),
            7: wire.environment_bytes(wire.ENV_COMMIT, b"", b"\1\0\0\0\0\0\0\0"),
            8: wire.environment_bytes(wire.ENV_ROLLBACK, b"", b"\1\0\0\0\0\0\0\0"),
        }
        self.in_transaction = number == 5
        self.stream.send(changes.get(number, b"") + wire.done())

    def _batch(self, session: Session, sql: str) -> Iterator[bytes]:
        try:
            yield from self._rows(session, sql, {}, wire.DONE, 0)
        except SqlError as error:
            yield wire.error(error.number, error.severity, error.text) + wire.done(status=wire.ERROR)

    def _rows(
        self, session: Session, sql: str, parameters: Mapping[str, Any], token: int, status: int
    ) -> Iterator[bytes]:
        """The tokens of a statement's result and its end."""
        self.server.received.append(sql)
        self._follow_transaction(sql)
        result = session.run(sql, parameters)
        if result is None:
            yield wire.done(token, status=status)
            return
        yield wire.column_metadata(result.columns)
        count = 0
        for row in self._with_faults(sql, wire.rows(result.columns, result.rows)):
            count += 1
            yield row
        yield wire.done(token, status=status, count=count)

    def _follow_transaction(self, sql: str) -> None:
        """A query begins a transaction where IMPLICIT_TRANSACTIONS is on."""
        plain = sql.upper()
        if "IMPLICIT_TRANSACTIONS" in plain:
            self.implicit = "IMPLICIT_TRANSACTIONS ON" in plain
        elif "COMMIT" in plain or "ROLLBACK" in plain:
            self.in_transaction = False
        elif "BEGIN TRAN" in plain or (self.implicit and " FROM " in plain):
            self.in_transaction = True

    def _with_faults(self, sql: str, rows: Iterable[bytes]) -> Iterator[bytes]:
        """The rows, or what the test wants to go wrong among them; the catalogue has cuts of its own."""
        of_tables = " FROM [" in sql.replace("\n", " ") and "[sys]." not in sql and "[INFORMATION_SCHEMA]" not in sql
        if of_tables and self.server.faults:
            raise self.server.faults.pop(0)
        cut = self.server.cuts.pop(0) if of_tables and self.server.cuts else None
        if "[INFORMATION_SCHEMA]" in sql and self.server.catalogue_cuts:
            cut = self.server.catalogue_cuts.pop(0)
        for number, row in enumerate(rows):
            if number == cut:
                _reset(self.stream.connection)
                raise _Cut
            yield row

    def _procedure(self, session: Session, request: wire.Reader) -> Iterator[bytes]:
        request.skip_headers()
        length = request.number(2)
        called = request.number(2) if length == 0xFFFF else _PROCEDURES.get(request.text(length).lower(), -1)
        request.number(2)
        given = []
        while not request.finished:
            given.append(request.parameter())
        try:
            yield from self._call(session, called, given)
        except SqlError as error:
            yield wire.error(error.number, error.severity, error.text)
            yield wire.return_status(error.number) + wire.done(wire.DONE_PROC, status=wire.ERROR)

    def _call(self, session: Session, called: int, given: list[tuple[str, Any]]) -> Iterator[bytes]:
        values = [value for _, value in given]
        returned = b""
        if called == _UNPREPARE:
            self.prepared.pop(values[0], None)
        elif called == _EXECUTE_SQL:
            yield from self._execute(session, values[0], given[2:], _declared(values[1:2]))
        elif called in (_PREPARE, _PREPARE_AND_EXECUTE):
            handle = len(self.prepared) + 1
            self.prepared[handle] = values[2], _declared(values[1:2])
            if called == _PREPARE_AND_EXECUTE:
                yield from self._execute(session, values[2], given[3:], _declared(values[1:2]))
            returned = wire.returned_int(handle)
        elif called == _EXECUTE:
            sql, names = self.prepared[values[0]]
            yield from self._execute(session, sql, given[1:], names)
        else:
            raise SqlError(2812, "Could not find stored procedure.")
        yield wire.return_status() + returned + wire.done(wire.DONE_PROC)

    def _execute(self, session: Session, sql: str, given: list[tuple[str, Any]], names: list[str]) -> Iterator[bytes]:
        bound = {name.lstrip("@").lower(): value for name, (_, value) in zip(names, given, strict=True)}
        yield from self._rows(session, sql, bound, wire.DONE_IN_PROC, wire.MORE)


def _declared(declarations: list[Any]) -> list[str]:
    """The names of the parameters a statement declares: ``@P1 int, @P2 nvarchar(10)``."""
    text = declarations[0] if declarations else None
    return [part.split()[0] for part in _split(text)] if text else []


def _split(text: str) -> Iterator[str]:
    depth, begun = 0, 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield text[begun:place]
            begun = place + 1
    yield text[begun:]


def _self_signed() -> ssl.SSLContext:
    """Encryption with a certificate of its own making, as a SQL Server has when nobody gave it one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SSL_Self_Signed_Fallback")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.NamedTemporaryFile() as both:
        both.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        both.write(certificate.public_bytes(serialization.Encoding.PEM))
        both.flush()
        context.load_cert_chain(both.name)
    return context
