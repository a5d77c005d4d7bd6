"""The latest warnings and errors, for the status page."""

import logging

import structlog

from streams.telemetry.recent_errors import RecentErrors


def line(event: object, level: int = logging.WARNING, *args: object) -> logging.LogRecord:
    return logging.LogRecord("streams.delivery", level, "", 0, event, args or None, None)


def test_many_lines_of_one_kind_are_one_entry_with_the_last_line() -> None:
    now = [100.0]
    errors = RecentErrors(now=lambda: now[0])
    for offset in range(500):
        now[0] += 1
        errors.handle(line({"event": "dead_letter", "offset": offset, "level": "warning"}))
    [seen] = errors.latest()
    assert (seen.event, seen.count, seen.first, seen.last) == ("dead_letter", 500, 101.0, 600.0)
    assert seen.details == {"offset": "499"}


def test_kinds_are_bounded_and_the_latest_comes_first() -> None:
    errors = RecentErrors()
    for number in range(200):
        errors.handle(line(f"trouble {'x' * number}"))
        errors.handle(line("known trouble of %s", logging.ERROR, "broker 1"))
    latest = errors.latest()
    assert len(latest) == 50
    assert (latest[0].level, latest[0].event, latest[0].details) == (
        "error",
        "known trouble of %s",
        {"message": "known trouble of broker 1"},
    )


def test_messages_that_differ_in_numbers_alone_are_one_kind() -> None:
    errors = RecentErrors()
    for number in range(200):
        errors.handle(line(f"node {number} at 10.0.0.{number}:9092 is away"))
    [seen] = errors.latest()
    assert (seen.event, seen.count) == ("node # at # is away", 200)
    assert seen.details == {"message": "node 199 at 10.0.0.199:9092 is away"}


def test_only_warnings_and_worse_are_kept_of_our_own_lines() -> None:
    errors = RecentErrors()
    logger = logging.Logger("streams.test")  # noqa: LOG001  of this test alone, with no other handlers
    logger.addHandler(errors)
    ours = structlog.wrap_logger(
        logger,
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    ours.info("compressed", call="c-1")
    ours.warning("brokers_silent", reason="x" * 1000)
    [seen] = errors.latest()
    assert seen.event == "brokers_silent"
    assert len(seen.details["reason"]) == 300
