"""Structured logs: one JSON object per line on standard error, ours and the libraries' alike: docs/LOGGING.md."""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from streams.ecs import ToEcs

#: Client libraries that repeat a warning per retry while a broker is away.
_CHATTY = ("aiokafka", "faust", "mode")
_REPEAT_SECONDS = 10.0
_OURS_PER_INTERVAL = 100
_MAX_KINDS = 1000

_Kind = tuple[str, str, str]  # logger, event or template, code


class RateLimit(logging.Filter):
    """Lets only so many lines of a kind pass per interval, and says with the next one how many were held back.

    A client library's warning passes once: without this a lost broker prints thousands of identical lines per second.
    Our own warnings, such as the one for a dead letter, pass a hundred times for each code: one that comes now and then
    is always seen, and a sender of nothing but garbage does not fill the disk. Information and errors always pass.

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
        kind, most = _kind_of(record)
        if kind is None:
            return True
        now = self._clock()
        current = self._seen.get(kind)
        if current is not None and now - current.began < self._seconds:
            current.lines += 1
            return current.lines <= most
        if len(self._seen) >= _MAX_KINDS:  # a library that formats its messages itself never repeats one
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


def _kind_of(record: logging.LogRecord) -> tuple[_Kind | None, int]:
    """What a line repeats, and how often it may; None if nothing limits it."""
    if record.levelno >= logging.ERROR:
        return None, 0
    if isinstance(record.msg, dict):  # ours, as structlog hands it on
        if record.levelno < logging.WARNING:
            return None, 0
        return (record.name, str(record.msg.get("event")), str(record.msg.get("code"))), _OURS_PER_INTERVAL
    return ((record.name, str(record.msg), ""), 1) if record.name.startswith(_CHATTY) else (None, 0)


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


def configure_logs(level: str, version: str) -> None:
    """Send every logger of the process through one JSON formatter to standard error.

    Args:
        level: ``debug`` (a line for every result), ``info``, ``warning`` or ``error``, for our own lines; the client
            libraries log from ``warning`` on, or from ``info`` on when the level is ``debug``.
        version: Of the product, said in every line.
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
    handler = logging.StreamHandler(sys.stderr)
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
