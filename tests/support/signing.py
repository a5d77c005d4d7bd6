"""Keys that sign the audit."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def signing_options(directory: Path) -> tuple[tuple[str, ...], Path]:
    """Make a key; returns the options of ``audit sign``, and the file with the public key."""
    private = Ed25519PrivateKey.generate()
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (directory / "key").write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    public = directory / "pub"
    public.write_bytes(private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return ("--key", str(directory / "key"), "--heads", str(directory / "heads")), public
