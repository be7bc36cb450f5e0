"""TLS, by a proxy in front of the server: the wheel's PostgreSQL is built without OpenSSL."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pg8000 import legacy
from sqlalchemy import Engine, make_url, text

from chalicelib.core.pg import FastConnection, connect, make_engine, wait_for_notification
from tests.core.pg.sessions import one, socket_dir


class TlsProxy:
    """Answers the request for TLS and passes on what it decrypts to a Unix socket."""

    def __init__(self, upstream: str, context: ssl.SSLContext | None) -> None:
        self._upstream = upstream
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        request = client.recv(8)
        with socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._upstream)
            if request[4:] == b"\x04\xd2\x16\x2f":
                client.sendall(b"S" if self._context else b"N")
            else:
                server.sendall(request)
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
            back = threading.Thread(target=_pass_on, args=(server, client))
            back.start()
            _pass_on(client, server)
            back.join()
        client.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name localhost, signed by itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        built.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture
def tls_port(url: str, certificate: Path) -> Iterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    proxy = TlsProxy(f"{socket_dir(url)}/.s.PGSQL.5432", context)
    yield proxy.port
    proxy.close()


@pytest.fixture
def plain_port(url: str) -> Iterator[int]:
    proxy = TlsProxy(f"{socket_dir(url)}/.s.PGSQL.5432", None)
    yield proxy.port
    proxy.close()


def _open(port: int, sslmode: str, **options: Any) -> FastConnection:
    return connect(user="postgres", port=port, database="postgres", sslmode=sslmode, **options)


@pytest.mark.parametrize("sslmode", ["prefer", "require"])
def test_a_session_is_encrypted_without_knowing_the_server(tls_port: int, sslmode: str) -> None:
    with _open(tls_port, sslmode) as session:
        assert isinstance(session._usock, ssl.SSLSocket)
        assert len(one(session, "select repeat('x', 300000)")) == 300_000
        assert session.is_alive()


def test_verify_full_wants_a_known_signer_and_the_right_name(
    tls_port: int, certificate: Path
) -> None:
    with _open(tls_port, "verify-full", sslrootcert=str(certificate)) as session:
        assert one(session, "select 1") == 1
    with pytest.raises(legacy.InterfaceError, match="self-signed certificate"):
        _open(tls_port, "verify-full")
    with pytest.raises(legacy.InterfaceError, match="IP address mismatch"):
        _open(tls_port, "verify-full", host="127.0.0.1", sslrootcert=str(certificate))
    with _open(tls_port, "verify-ca", host="127.0.0.1", sslrootcert=str(certificate)) as session:
        assert one(session, "select 2") == 2


def test_a_server_without_tls_is_refused_unless_tls_is_only_preferred(plain_port: int) -> None:
    for sslmode in ("require", "verify-ca", "verify-full"):
        with pytest.raises(legacy.InterfaceError, match=f"no TLS, and sslmode is {sslmode}"):
            _open(plain_port, sslmode)
    for sslmode in ("prefer", "disable"):
        with _open(plain_port, sslmode) as session:
            assert one(session, "select 3") == 3


def test_an_unknown_sslmode_is_refused(plain_port: int) -> None:
    with pytest.raises(legacy.InterfaceError, match="'talvez' is none of disable, prefer"):
        _open(plain_port, "talvez")


def test_notifications_come_through_tls(engine: Engine, tls_port: int) -> None:
    with _open(tls_port, "require") as listener:
        listener.autocommit = True
        listener.cursor().execute("listen sino")
        assert wait_for_notification(listener, 0.01) == []
        with engine.begin() as connection:
            for i in range(50):
                connection.execute(text("select pg_notify('sino', :p)"), {"p": str(i)})
        payloads: list[str] = []
        while len(payloads) < 50 and (found := wait_for_notification(listener, 20)):
            payloads += [n.payload for n in found]
        assert payloads == [str(i) for i in range(50)]


def test_an_engine_takes_its_tls_settings_from_the_url(tls_port: int, certificate: Path) -> None:
    query = {"sslmode": "verify-full", "sslrootcert": str(certificate)}
    url = make_url(f"postgresql+pg8000://postgres:senha@localhost:{tls_port}/postgres")
    engine = make_engine(url.update_query_dict(query))
    with engine.connect() as connection:
        assert connection.scalar(text("select 1")) == 1
        raw: Any = connection.connection.dbapi_connection
        assert raw._usock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert raw._usock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    engine.dispose()
