"""Java and Node trust whom Python trusts."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from tidelake.local.toolchain_trust import (
    java_network_options,
    trusted_certificates,
    write_trust_store,
)


def own_authority(path: Path) -> bytes:
    """A company's authority in PEM, at `path`; returns its DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Company CA")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2126, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate.public_bytes(Encoding.DER)


def first_public_authority() -> bytes:
    pem = Path(certifi.where()).read_text().partition("-----END CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(pem[0][pem[0].index("-----BEGIN") :] + pem[1])


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"])
def test_the_authority_that_python_was_given_is_trusted_beside_the_public_ones(
    tmp_path: Path, variable: str
) -> None:
    company = own_authority(tmp_path / "company.pem")
    trusted = trusted_certificates({variable: str(tmp_path / "company.pem")})
    assert company in trusted
    assert first_public_authority() in trusted


def test_javas_trust_store_holds_the_authorities(tmp_path: Path) -> None:
    own_authority(tmp_path / "company.pem")
    environ = {"SSL_CERT_FILE": str(tmp_path / "company.pem")}
    store = write_trust_store(tmp_path / "store.p12", environ)
    with warnings.catch_warnings():
        # Some public authorities have serial numbers of 0.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        loaded = pkcs12.load_pkcs12(store.read_bytes(), b"changeit").additional_certs
    names = {entry.certificate.subject.rfc4514_string() for entry in loaded}
    assert "CN=Company CA" in names
    assert len(names) > 50


def test_java_uses_the_proxies_of_the_environment() -> None:
    environ = {"HTTPS_PROXY": "http://user:secret@proxy.example:3128", "http_proxy": "http://p2"}
    assert java_network_options(Path("/a b/store"), environ) == (
        '"-Djavax.net.ssl.trustStore=/a b/store"',
        "-Djavax.net.ssl.trustStorePassword=changeit",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        "-Dhttp.proxyHost=p2",
        "-Dhttps.proxyHost=proxy.example",
        "-Dhttps.proxyPort=3128",
    )
