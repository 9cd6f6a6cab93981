"""TLS of what runs here: a certificate authority of this home alone, and what tasks trust."""

import datetime
import importlib.resources
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local_cloud.files import write_private

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
"""Longest life of a server's certificate (CA/Browser Forum, baseline requirements 6.3.2)."""
LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
LOOPBACK_HOST = ipaddress.IPv4Address("127.0.0.1")
NAMES = ("localhost", "cache.amazonaws.com")
"""The only names, besides loopback addresses, that the authority can vouch for."""
ROOT_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where Debian, Fedora and macOS keep their root certificates in one file."""


def system_roots() -> str:
    """Return the root certificates (PEM) that this machine trusts, botocore's where it keeps no file."""
    for path in (ssl.get_default_verify_paths().cafile, *ROOT_FILES):
        if path and Path(path).is_file():
            return Path(path).read_text("utf-8")
    return importlib.resources.files("botocore").joinpath("cacert.pem").read_text("utf-8")


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


class Authority:
    """The certificate authority in `directory`, made once.

    `certificate` holds its certificate, `bundle` that and the system's roots: what a task's SSL_CERT_FILE
    names. Its key is readable for the owner alone, and it can vouch for loopback and cache names only.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.certificate = directory / "ca.pem"
        self.bundle = directory / "bundle.pem"
        self._key_file = directory / "ca.key"
        if not (self._key_file.exists() and self.certificate.exists()):
            self._make()
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self._key_file} is not the key that this release makes: remove {directory}")
        self._key = key
        own = self.certificate.read_bytes()
        self._certificate = x509.load_pem_x509_certificate(own)
        write_private(self.bundle, f"{system_roots().rstrip()}\n".encode() + own)

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nova local cloud")])
        permitted = [*(x509.DNSName(entry) for entry in NAMES), x509.IPAddress(LOOPBACK)]
        certificate = (
            _builder(name, name, key.public_key(), AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.NameConstraints(permitted, None), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(self._key_file, _pem(key))
        write_private(self.certificate, certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, directory: Path, names: Sequence[str]) -> tuple[Path, Path]:
        """Write a server's certificate and key for these names, localhost and 127.0.0.1; return the files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nova local server")])
        alternatives = [x509.DNSName(name) for name in ("localhost", *names)]
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(subject, self._certificate.subject, key.public_key(), SERVER_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(
                x509.SubjectAlternativeName([*alternatives, x509.IPAddress(LOOPBACK_HOST)]), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        files = directory / "server.pem", directory / "server.key"
        write_private(files[0], certificate.public_bytes(serialization.Encoding.PEM))
        write_private(files[1], _pem(key))
        return files

    def client_context(self) -> ssl.SSLContext:
        """Return what the daemon itself connects with: this authority and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))
