"""Files that commands write and never replace."""

import filecmp
import shutil
from pathlib import Path


def write_new(path: Path, content: bytes | Path) -> bool:
    """Write a file unless there is one; returns whether it has this content now.

    Args:
        path: Where to write.
        content: The bytes, or a file that has them.

    Raises:
        OSError: If it cannot be written; no part of it stays.
    """
    try:
        with path.open("xb") as file:  # x: neither overwrites a file nor follows a link
            try:
                if isinstance(content, Path):
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, file)
                else:
                    file.write(content)
                file.flush()
            except OSError:  # a full disk
                path.unlink()
                raise
    except FileExistsError:
        return path.is_file() and _has(path, content)
    return True


def _has(path: Path, content: bytes | Path) -> bool:
    if isinstance(content, Path):
        return filecmp.cmp(path, content, shallow=False)
    return path.read_bytes() == content
