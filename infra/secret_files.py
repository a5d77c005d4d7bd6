"""Files with secrets, and others that must survive a loss of power: whole or not at all, and for their owner alone."""

import os
from pathlib import Path


def write_secret(file: Path, content: bytes) -> None:
    """Write a file, or replace it, so that only its owner can read it; afterwards it survives a loss of power.

    Raises:
        OSError: If it cannot be written, as on a full disk; the file is then as before.
    """
    draft = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
