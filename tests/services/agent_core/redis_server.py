"""A real Redis with TLS, users and a certificate authority of its own."""

import datetime
import ipaddress
import socket
import ssl
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USERNAME = "agent-core"
PASSWORD = "password-of-the-coordinator"
OTHER_PASSWORD = "password-of-another-client"
COMMANDS = "-@all +@read +@write +@connection +@transaction +@scripting -@admin -@dangerous -scan -randomkey"


@dataclass(frozen=True)
class RedisServer:
    """Where it listens, and what it takes to be let in."""

    port: int
    ca_file: Path

    @property
    def url(self) -> str:
        return f"rediss://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    is_authority = subject == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not is_authority:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _write_certificates(folder: Path) -> None:
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("CA of the tests", authority_key, "CA of the tests", authority_key)
    server = _certificate("redis", server_key, "CA of the tests", authority_key)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / "server.pem").write_bytes(server.public_bytes(pem))
    (folder / "server.key").write_bytes(
        server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _await_handshake(process: subprocess.Popen[bytes], server: RedisServer) -> None:
    context = ssl.create_default_context(cafile=server.ca_file)
    deadline = time.monotonic() + 10
    while True:
        assert process.poll() is None, "redis-server ended"
        try:
            with (
                socket.create_connection(("127.0.0.1", server.port), timeout=1) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                return
        except OSError:
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)


@contextmanager
def running(folder: Path) -> Generator[RedisServer]:
    """Start one in a folder, and stop it at the end."""
    _write_certificates(folder)
    users = [
        "user default off",
        f"user {USERNAME} on ~{USERNAME}:* resetchannels {COMMANDS} >{PASSWORD}",
        f"user other on ~other:* resetchannels {COMMANDS} >{OTHER_PASSWORD}",
    ]
    (folder / "users.acl").write_text("\n".join(users) + "\n")
    server = RedisServer(free_port(), folder / "ca.pem")
    options = {
        "port": "0",
        "tls-port": str(server.port),
        "bind": "127.0.0.1",
        "tls-cert-file": str(folder / "server.pem"),
        "tls-key-file": str(folder / "server.key"),
        "tls-ca-cert-file": str(folder / "ca.pem"),
        "tls-auth-clients": "no",
        "aclfile": str(folder / "users.acl"),
        "save": "",
        "dir": str(folder),
        "logfile": str(folder / "redis.log"),
    }
    command = ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _await_handshake(process, server)
            yield server
        finally:
            process.terminate()
            process.wait(10)
