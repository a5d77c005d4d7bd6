"""Files with keys and heads that cannot be used."""

from pathlib import Path

import pytest

from streams.compliance.signed_head import parse_heads, read_public_key, read_signing_key

#: Of the curve brainpoolP160r1, which the library does not know.
UNKNOWN_CURVE = """\
-----BEGIN PUBLIC KEY-----
MEIwFAYHKoZIzj0CAQYJKyQDAwIIAQEBAyoABJWVrtb0iPi7nS8rk/JWOacr1HQe
BwtycnbwcDqOksKs+FNfQzEXzEY=
-----END PUBLIC KEY-----
"""


@pytest.mark.parametrize("content", [UNKNOWN_CURVE, "no key", ""])
def test_a_file_without_a_usable_key_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(ValueError, match="has no public key in PEM"):
        read_public_key(tmp_path / "key")
    with pytest.raises(ValueError, match="has no unencrypted private key in PEM"):
        read_signing_key(tmp_path / "key")


@pytest.mark.parametrize("line", ["[" * 100_000, "null", "5", "{}", "9" * 5000])
def test_a_line_that_is_no_head_is_told(line: str) -> None:
    with pytest.raises(ValueError, match=r"^line 1 "):
        parse_heads(line)
