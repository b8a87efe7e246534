"""Certificates for tests: an authority made for one run, and what it vouches for."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


def make_authority(folder: Path) -> tuple[Path, x509.Certificate, Key]:
    """Its certificate as a file, and what signs."""
    key = ec.generate_private_key(ec.SECP256R1())
    found = _built("tests", "tests", key, key, x509.BasicConstraints(ca=True, path_length=0))
    file = folder / "authority.pem"
    file.write_bytes(found.public_bytes(serialization.Encoding.PEM))
    return file, found, key


def server_context(folder: Path, name: str, authority: Key) -> ssl.SSLContext:
    """For a server that can prove to be this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    found = _built(name, "tests", key, authority, names)
    file = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + found.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _built(subject: str, issuer: str, key: Key, signs: Key, extension: x509.ExtensionType) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer_name=name(issuer),
        subject_name=name(subject),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(days=1),
        not_valid_after=now + timedelta(days=1),
    )
    return builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints)).sign(
        signs, hashes.SHA256()
    )
