"""The certificate authorities that Python trusts, in the forms that Java and Node read.

A machine behind a company's proxy has that company's authority in the bundle that Python and pip
use; a Java or Node from a wheel knows nothing of it and refuses every download.
"""

from __future__ import annotations

import ssl
import urllib.parse
import warnings
from collections.abc import Mapping
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.utils import CryptographyDeprecationWarning

BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
TRUST_STORE_PASSWORD = "changeit"  # noqa: S105  Java's own default; the store holds no secret


def trusted_certificates(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """The authorities, in DER, that Python, pip or the public list (certifi) trusts."""
    context = ssl.create_default_context()
    defaults = ssl.get_default_verify_paths()
    named = (environ.get(variable) for variable in BUNDLE_VARIABLES)
    for candidate in (certifi.where(), defaults.cafile, defaults.capath, *named):
        if candidate is not None:
            _load(context, Path(candidate))
    return tuple(sorted(set(context.get_ca_certs(binary_form=True))))


def write_ca_bundle(target: Path, environ: Mapping[str, str]) -> Path:
    """Write the trusted authorities as one PEM file; returns `target`."""
    target.write_text(
        "".join(ssl.DER_cert_to_PEM_cert(der) for der in trusted_certificates(environ))
    )
    return target


def write_trust_store(target: Path, environ: Mapping[str, str]) -> Path:
    """Write the trusted authorities as a PKCS #12 store for Java; returns `target`."""
    entries = []
    for number, der in enumerate(trusted_certificates(environ)):
        try:
            certificate = _parse(der)
        except ValueError:
            continue  # An authority too odd for `cryptography`; no download needs it.
        entries.append(pkcs12.PKCS12Certificate(certificate, f"ca-{number}".encode()))
    encryption = BestAvailableEncryption(TRUST_STORE_PASSWORD.encode())
    target.write_bytes(pkcs12.serialize_java_truststore(entries, encryption))
    return target


def java_network_options(trust_store: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Options by which a Java process trusts the store and uses the environment's proxies.

    A user name and password in a proxy's address are not passed on: Java refuses them by default.
    """
    options = [
        # Spark splits its options at spaces outside of quotes.
        f'"-Djavax.net.ssl.trustStore={trust_store}"',
        f"-Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
    ]
    proxies = {
        name.lower(): value for name, value in environ.items() if name.lower().endswith("_proxy")
    }
    for scheme in ("http", "https"):
        proxy = urllib.parse.urlsplit(proxies.get(f"{scheme}_proxy", ""))
        if proxy.hostname is not None:
            options.append(f"-D{scheme}.proxyHost={proxy.hostname}")
            if proxy.port is not None:
                options.append(f"-D{scheme}.proxyPort={proxy.port}")
    return tuple(options)


def _parse(der: bytes) -> x509.Certificate:
    with warnings.catch_warnings():
        # Some authorities have serial numbers of 0, which Java takes.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_der_x509_certificate(der)


def _load(context: ssl.SSLContext, path: Path) -> None:
    """Add the certificates of a file, or of every file of a folder, that can be read as such."""
    for file in path.iterdir() if path.is_dir() else (path,):
        try:
            context.load_verify_locations(cafile=file)
        except (OSError, ssl.SSLError):
            continue  # Folders of authorities hold other files, too.
