from pathlib import Path

import pytest

from streams.stores import SecretFile, StoreUnavailableError


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    secret = SecretFile(file)
    assert secret.current() == "first"
    replacement = tmp_path / "new"
    replacement.write_text("other\n")
    replacement.replace(file)
    assert secret.current() == "other"


def test_a_file_that_is_gone_is_the_stores_fault_and_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="key: No such file"):
        SecretFile(tmp_path / "key").current()


def test_a_file_that_is_no_text_is_the_stores_fault(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(StoreUnavailableError, match="UTF-8"):
        SecretFile(tmp_path / "key").current()
