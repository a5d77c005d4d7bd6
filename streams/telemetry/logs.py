"""Structured logs: one JSON object per line on standard error, ours and the libraries' alike: docs/LOGGING.md."""

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

log = structlog.get_logger(__name__)

#: Client libraries, whose information is of no use to an operator.
_CHATTY = ("aiokafka", "faust", "mode")
_REPEAT_SECONDS = 10.0
_OURS_PER_INTERVAL = 100
_MAX_KINDS = 1000

_Kind = tuple[str, str, str]  # logger, event or template, code or type of the error


class RateLimit(logging.Filter):
    """Lets only so many lines of a kind pass per interval, and says with the next one how many were held back.

    A library's line passes once: without this a lost broker prints thousands of identical lines per second. Our own
    warnings and errors, such as the one for a dead letter, pass a hundred times for each code: one that comes now and
    then is always seen, and a sender of nothing but garbage does not fill the disk. Our information, and whatever is
    critical, always passes; so does the first line of every kind.

    Args:
        seconds: The interval.
        clock: Monotonic seconds.
    """

    def __init__(self, seconds: float = _REPEAT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[_Kind, _Interval] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
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
            _tell_repeated(record, current.lines - most)
        return True


@dataclass(slots=True)
class _Interval:
    """When it began, in monotonic seconds, and the lines that came in it."""

    began: float
    lines: int = 1


def _limit_of(record: logging.LogRecord) -> int | None:
    """How often a line of this kind may come in an interval; None where nothing limits it."""
    if record.levelno >= logging.CRITICAL:
        return None
    if not isinstance(record.msg, dict):
        return 1
    return _OURS_PER_INTERVAL if record.levelno >= logging.WARNING else None


def _code_of(record: logging.LogRecord) -> str:
    """What kind of trouble a line tells of: two errors of different types are never one kind."""
    if isinstance(record.msg, dict):
        return f"{record.msg.get('code')} {record.msg.get('error')}"
    error = record.exc_info[0] if record.exc_info else None
    return error.__name__ if error else ""


def _tell_repeated(record: logging.LogRecord, held: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "repeated": held}
    else:
        record.repeated = held


def _name_error(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Give a library's error the fields that ours have."""
    match line.get("exc_info"):
        case (_, BaseException() as error, _):
            line.setdefault("error", type(error).__name__)
            line.setdefault("reason", str(error))
    return line


def configure_logs(level: str, version: str) -> LogWriter:
    """Send every logger of the process through one JSON formatter to standard error, and never wait for its reader.

    Args:
        level: ``debug`` (a line for every result), ``info``, ``warning`` or ``error``, for our own lines; the client
            libraries log from ``warning`` on, or from ``info`` on when the level is ``debug``.
        version: Of the product, said in every line.

    Returns:
        What writes the lines.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=["repeated"]),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_error,
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
        processors=[
            ToEcs(version),
            structlog.processors.JSONRenderer(),
        ],
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
    _log_what_nobody_catches()
    return handler


def flush_logs() -> None:
    """Wait until the lines so far are written, some seconds at most: the last step before the process ends."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _standard_error() -> int:
    """Its descriptor; without one its number may be anybody's."""
    return os.open(os.devnull, os.O_WRONLY) if sys.stderr is None else sys.stderr.fileno()


def _log_what_nobody_catches() -> None:
    """Make lines of what Python itself would print to standard error, and wait for its reader."""
    logging.captureWarnings(True)
    threading.excepthook = lambda raised: log.error(
        "thread_raised", exc_info=(raised.exc_type, raised.exc_value, raised.exc_traceback)
    )
    sys.unraisablehook = lambda raised: log.error(
        "finalizer_raised", exc_info=(raised.exc_type, raised.exc_value, raised.exc_traceback)
    )
