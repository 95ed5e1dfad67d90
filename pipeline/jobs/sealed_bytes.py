"""Encrypt original bytes to an operator's certificate, as a CMS envelope that openssl opens.

openssl cms -decrypt -inform DER -in DIGEST.p7m -inkey key.pem -out page.html
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7EnvelopeBuilder,
    PKCS7Options,
)

from pipeline.core.errors import ConfigError


def sealer(certificate: Path, folder: Path) -> Callable[[str, bytes], None]:
    """Return a function that writes bytes to FOLDER/DIGEST.p7m, encrypted.

    Args:
        certificate: The operator's certificate, PEM, with an RSA key.
        folder: Where the files go.

    Raises:
        ConfigError: The certificate cannot be read or has another kind of key.
    """
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        raise ConfigError(f"{certificate}: is no certificate in PEM that can be read") from None
    if not isinstance(loaded.public_key(), RSAPublicKey):
        raise ConfigError(f"{certificate}: its key is not RSA, which the envelope needs")
    folder.mkdir(parents=True, exist_ok=True)

    def seal(digest: str, body: bytes) -> None:
        builder = PKCS7EnvelopeBuilder().set_data(body).add_recipient(loaded)
        sealed = builder.encrypt(Encoding.DER, [PKCS7Options.Binary])
        (folder / f"{digest}.p7m").write_bytes(sealed)

    return seal
