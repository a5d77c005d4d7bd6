"""Structured logs: one JSON object per line on standard error, our own lines and the libraries' alike."""

import logging
import sys
import time
from collections.abc import Callable

import structlog

#: Client libraries that repeat a warning per retry while a broker is away.
_CHATTY = ("aiokafka", "faust", "mode")
_REPEAT_SECONDS = 10.0
_MAX_TEMPLATES = 1000


class RateLimit(logging.Filter):
    """Lets each message template of a client library pass once per interval, and says how many were held back.

    Our own lines and errors always pass. Without this a lost broker prints thousands of identical lines per second.
    """

    def __init__(self, seconds: float = _REPEAT_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
        if record.levelno >= logging.ERROR or not record.name.startswith(_CHATTY):
            return True
        now = self._clock()
        key = (record.name, str(record.msg))
        last, held = self._seen.get(key, (-self._seconds, 0))
        if now - last < self._seconds:
            self._seen[key] = (last, held + 1)
            return False
        if len(self._seen) >= _MAX_TEMPLATES:  # a library that formats its messages itself never repeats one
            self._seen.clear()
        self._seen[key] = (now, 0)
        if held:
            record.repeated = held
        return True


def configure_logs(level: str) -> None:
    """Send every logger of the process through one JSON formatter to standard error.

    Args:
        level: ``debug`` (a line for every result), ``info``, ``warning`` or ``error``, for our own lines; the client
            libraries log from ``warning`` on, or from ``info`` on when the level is ``debug``.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=["repeated"]),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
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
