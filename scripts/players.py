"""Programs of this machine that play a file, as a line for a shell."""

import shlex
import shutil
from pathlib import Path

#: In order of preference: command-line players that end by themselves, then whatever the desktop opens.
_PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("mpv", "--no-video"),
    ("cvlc", "--play-and-exit"),
    ("gst-play-1.0",),
    ("xdg-open",),
)


def play_line(path: Path) -> str:
    """A line that plays a file when it is pasted into a shell, or where none can, what else to do with it."""
    program = next((words for words in _PLAYERS if shutil.which(words[0])), None)
    file = str(path.absolute())
    if program is None:
        return f"open it in a browser or any player (this machine has none that we know): {shlex.quote(file)}"
    return shlex.join((*program, file))
