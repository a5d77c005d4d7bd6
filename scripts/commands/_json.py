"""JSON for scripts: the option ``--json FILE`` of the commands."""

import json
from pathlib import Path
from typing import Any

from scripts.cli import CommandError, writable

JSON_HELP = "write JSON for scripts; - is standard output"


def json_file(text: str) -> str:
    """Parse the option; checks that the file is writable before the work begins."""
    return text if text == "-" else str(writable(text))


def write_json(file: str, data: Any) -> None:  # noqa: ANN401 - whatever JSON has
    """Write data to a file, or to standard output for ``-``.

    Raises:
        CommandError: If the file cannot be written.
    """
    text = json.dumps(data, indent=2)
    if file == "-":
        print(text)
    else:
        try:
            Path(file).write_text(text + "\n")
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
