"""Files that commands write and never replace."""

from pathlib import Path


def write_new(path: Path, content: bytes) -> bool:
    """Write a file unless there is one; returns whether it has this content now.

    Raises:
        OSError: If it cannot be written; no part of it stays.
    """
    try:
        with path.open("xb") as file:  # x: neither overwrites a file nor follows a link
            try:
                file.write(content)
                file.flush()
            except OSError:  # a full disk
                path.unlink()
                raise
    except FileExistsError:
        return path.is_file() and path.read_bytes() == content
    return True
