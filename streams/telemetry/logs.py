"""Structured logs on standard error, also of libraries: JSON lines, or text at a terminal; see docs/LOGGING.md."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from streams.telemetry.ecs import ToEcs
from streams.telemetry.log_kinds import event_of
from streams.telemetry.log_writer import LogWriter
from streams.telemetry.text_lines import shorten, terminal_has_colours, text_renderer

log = structlog.get_logger(__name__)

#: Client libraries whose info lines are of no use to an operator.
_CHATTY = ("aiokafka", "faust", "httpx", "mode")
_REPEAT_SECONDS = 10.0
_OURS_PER_INTERVAL = 100
_MAX_KINDS = 1000

_Kind = tuple[str, str, str]  # logger, event or template, error code or type


class RateLimit(logging.Filter):
    """Limits the number of lines of a kind per interval; the next line after it has the number of suppressed lines.

    A library's line passes once per interval: otherwise a lost broker causes thousands of identical lines per second.
    Our own warnings and errors, such as the one for a dead letter, pass a hundred times for each code: rare ones are
    always logged, and a sender of nothing but invalid input does not fill the disk. Our own info lines, all critical
    lines and the first line of every kind always pass.

    Args:
        seconds: Length of the interval.
        clock: Returns monotonic seconds.
    """

    def __init__(self, seconds: float = _REPEAT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[_Kind, _Interval] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the line."""
        most = _limit_of(record)
        if most is None:
            return True
        kind = (record.name, event_of(record), _code_of(record))
        now = self._clock()
        current = self._seen.get(kind)
        if current is not None and now - current.began < self._seconds:
            current.lines += 1
            return current.lines <= most
        if len(self._seen) >= _MAX_KINDS:
            self._seen.clear()
        self._seen[kind] = _Interval(now)
        if current is not None and current.lines > most:
            _add_repeated(record, current.lines - most)
        return True


@dataclass(slots=True)
class _Interval:
    """Start of an interval in monotonic seconds, and the number of lines in it."""

    began: float
    lines: int = 1


def _limit_of(record: logging.LogRecord) -> int | None:
    """Largest number of lines of this kind in an interval; None if unlimited."""
    if record.levelno >= logging.CRITICAL:
        return None
    if not _is_ours(record):
        return 1
    return _OURS_PER_INTERVAL if record.levelno >= logging.WARNING else None


def _code_of(record: logging.LogRecord) -> str:
    """Error code and type of a line: errors of different types are different kinds."""
    if isinstance(record.msg, dict):
        return f"{record.msg.get('code')} {record.msg.get('error')}"
    error = record.exc_info[0] if record.exc_info else None
    return error.__name__ if error else ""


def _add_repeated(record: logging.LogRecord, suppressed: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "repeated": suppressed}
    else:
        record.repeated = suppressed


def _name_error(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Add the fields of our own error lines to a library's line with an exception."""
    match line.get("exc_info"):
        case (_, BaseException() as error, _):
            line.setdefault("error", type(error).__name__)
            line.setdefault("reason", str(error))
    return line


def configure_logs(level: str, version: str, form: str = "auto") -> LogWriter:
    """Send all loggers of the process through one formatter to standard error, without waiting for its reader.

    Args:
        level: ``debug`` (a line for every result), ``info``, ``warning`` or ``error``, for our own lines; the client
            libraries log from ``warning`` on, or from ``info`` on if the level is ``debug``.
        version: Version of the product, which every JSON line has.
        form: ``text`` for people, ``json``, or ``auto``: text if standard error is a terminal.

    Returns:
        The handler that writes the lines.
    """
    for_people = form == "text" or (form == "auto" and sys.stderr is not None and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=["repeated"]),
        structlog.processors.TimeStamper("%H:%M:%S", utc=False)
        if for_people
        else structlog.processors.TimeStamper("iso"),
        _name_error,
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
        processors=_text() if for_people else [ToEcs(version), structlog.processors.JSONRenderer()],
    )
    handler = LogWriter(_standard_error())
    handler.setFormatter(formatter)
    handler.addFilter(RateLimit())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel("INFO" if level == "debug" else "WARNING")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    _log_uncaught_errors()
    return handler


def _text() -> list[structlog.typing.Processor]:
    return [shorten, text_renderer(colours=terminal_has_colours())]


def quiet_libraries() -> None:
    """Write no more lines of libraries: to a worker that stops they report cancelled tasks and closed connections."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    return isinstance(record.msg, dict)


def flush_logs() -> None:
    """Wait a few seconds at most until all lines are written: the last step before the process ends."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _standard_error() -> int:
    """Descriptor of standard error, or of the null device if it is closed: its number may then be another file's."""
    return os.open(os.devnull, os.O_WRONLY) if sys.stderr is None else sys.stderr.fileno()


def _log_uncaught_errors() -> None:
    """Log warnings and uncaught errors that Python would print to standard error, waiting for its reader."""
    logging.captureWarnings(True)
    threading.excepthook = lambda raised: log.error(
        "thread_raised", exc_info=(raised.exc_type, raised.exc_value, raised.exc_traceback)
    )
    sys.unraisablehook = lambda raised: log.error(
        "finalizer_raised", exc_info=(raised.exc_type, raised.exc_value, raised.exc_traceback)
    )
