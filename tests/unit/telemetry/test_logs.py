import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from streams.telemetry.logs import RateLimit, configure_logs, flush_logs, quiet_libraries
from tests.chaos.workers import ROOT
from tests.support.ecs import problems


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    flush_logs()
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [problem for line in lines for problem in problems(line)] == []
    return lines


def test_our_lines_and_the_libraries_lines_are_json_objects(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3")
    structlog.get_logger("ours").info("compressed", call="c-1", partition=3, corrected_type=None)
    logging.getLogger("faust.app").warning("about %s", "something")
    logging.getLogger("faust.app").info("not shown")
    ours, theirs = written(capfd)
    assert (ours["message"], ours["event"], ours["log.level"]) == ("compressed", {"action": "compressed"}, "info")
    assert (ours["audio"], ours["kafka"]) == ({"call": "c-1"}, {"partition": 3})
    assert ours["service"] == {"name": "hotel-audio-streams", "version": "1.2.3"}
    assert (theirs["message"], theirs["log"]) == ("about something", {"logger": "faust.app"})
    assert "event" not in theirs


def test_every_error_has_type_message_and_trace(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3")
    error = ValueError("no such thing")
    structlog.get_logger("ours").critical("worker_failed", error="ValueError", reason=str(error), exc_info=error)
    logging.getLogger("aiokafka.conn").error("it broke", exc_info=error)
    for line in written(capfd):
        assert (line["error"]["type"], line["error"]["message"]) == ("ValueError", "no such thing")
        assert line["error"]["stack_trace"].endswith("ValueError: no such thing")


def test_the_reason_of_a_refusal_is_an_error_and_that_of_a_choice_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3")
    structlog.get_logger("ours").warning("dead_letter", call="c-1", code="Undecodable", reason="is no WAV")
    structlog.get_logger("ours").info("compressed", call="c-1", reason="default")
    refusal, choice = written(capfd)
    assert refusal["error"] == {"code": "Undecodable", "message": "is no WAV"}
    assert choice["audio"]["reason"] == "default"


def test_a_surge_of_our_own_warnings_is_suppressed_and_counted(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("streams.telemetry.logs.RateLimit", lambda: RateLimit(10, clock=lambda: now[0]))
    configure_logs("info", "1.2.3")
    log = structlog.get_logger("ours")
    for number in range(250):
        log.warning("dead_letter", code="Undecodable", offset=number)
        log.info("compressed", offset=number)
    log.warning("dead_letter", code="MissingHeader", offset=250)
    now[0] = 111.0
    log.warning("dead_letter", code="Undecodable", offset=251)
    lines = written(capfd)
    refusals = [line for line in lines if line["message"] == "dead_letter"]
    assert [line["kafka"]["offset"] for line in refusals] == [*range(100), 250, 251]
    assert [line["audio"]["repeated"] for line in refusals if "audio" in line] == [150]
    assert len(lines) - len(refusals) == 250


def line(logger: str, level: int = logging.WARNING, text: str = "broker %s is away") -> logging.LogRecord:
    return logging.LogRecord(logger, level, "", 0, text, ("x",) if "%s" in text else None, None)


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.ERROR])
def test_repeated_lines_of_a_library_are_suppressed_and_counted(level: int) -> None:
    now = [100.0]
    limit = RateLimit(10, clock=lambda: now[0])
    assert limit.filter(line("aiokafka.conn", level))
    assert not any(limit.filter(line("aiokafka.conn", level)) for _ in range(3000))
    assert limit.filter(line("aiokafka.consumer", level))
    assert limit.filter(line("aiokafka.conn", logging.CRITICAL))
    now[0] = 111.0
    later = line("aiokafka.conn", level)
    assert limit.filter(later)
    assert later.repeated == 3000  # type: ignore[attr-defined]


def test_messages_that_differ_in_numbers_and_addresses_alone_are_repetitions() -> None:
    limit = RateLimit(10, clock=lambda: 100.0)
    messages = [
        f"Unable connect to node with id {number}: [Errno 111] Connect call failed ('127.0.0.1', {9000 + number})"
        for number in range(100)
    ]
    assert sum(limit.filter(line("aiokafka.client", logging.ERROR, text)) for text in messages) == 1
    assert limit.filter(line("aiokafka.client", logging.ERROR, "Unable to update metadata from [1, 2]"))


def test_errors_of_different_types_are_no_repetitions() -> None:
    limit = RateLimit(10, clock=lambda: 100.0)
    for error in (ValueError("one"), KeyError("two")):
        record = line("faust.app", logging.ERROR)
        record.exc_info = (type(error), error, None)
        assert limit.filter(record)


def test_a_surge_of_our_own_errors_is_suppressed_too() -> None:
    limit = RateLimit(10, clock=lambda: 100.0)
    passed = [
        limit.filter(
            logging.LogRecord("ours", logging.ERROR, "", 0, {"event": "processor_raised", "error": kind}, None, None)
        )
        for kind in ("ValueError", "KeyError")
        for _ in range(1000)
    ]
    assert passed == 2 * ([True] * 100 + [False] * 900)


def test_the_number_of_remembered_kinds_is_bounded() -> None:
    limit = RateLimit(10, clock=lambda: 100.0)
    for number in range(5000):
        limit.filter(logging.LogRecord(f"faust.app.{number}", logging.WARNING, "", 0, "never twice", None, None))
    assert len(limit._seen) <= 1000  # noqa: SLF001  nothing else shows it


def test_a_line_that_cannot_be_formatted_is_replaced(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3")
    logging.getLogger("faust.app").error("%s and %s", "only one")  # noqa: PLE1206  as a library may
    [shown] = written(capfd)
    assert "cannot be formatted" in shown["message"]
    assert "%s and %s" in shown["message"]


def test_uncaught_errors_are_log_lines() -> None:
    code = (
        "import threading, warnings\n"
        "from streams.telemetry.logs import configure_logs\n"
        "configure_logs('info', '1.2.3')\n"
        "warnings.warn('this will go away', UserWarning)\n"
        "thread = threading.Thread(target=lambda: 1 / 0)\n"
        "thread.start()\n"
        "thread.join()\n"
        "class Bad:\n"
        "    def __del__(self): raise ValueError('too late')\n"
        "Bad()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    warned, thread, finalizer = (json.loads(line) for line in done.stderr.splitlines())
    assert "this will go away" in warned["message"]
    assert (thread["message"], thread["error"]["type"]) == ("thread_raised", "ZeroDivisionError")
    assert (finalizer["message"], finalizer["error"]["message"]) == ("finalizer_raised", "too late")


def test_at_a_terminal_a_line_is_for_people(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3", "text")
    structlog.get_logger("ours").info("worker_ready", group="hotel-audio", settings={"A": 1}, cache=None, hotels=0)
    logging.getLogger("aiokafka.conn").warning("lost %s", "it")
    flush_logs()
    ours, theirs = capfd.readouterr().err.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d info +worker ready +group=hotel-audio hotels=0", ours)
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning +lost it +logger=aiokafka.conn", theirs)


def test_a_name_from_outside_commands_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3", "text")
    structlog.get_logger("ours").warning("dead_letter", call="\x1b[2J a\nb", reason="is no WAV")
    logging.getLogger("faust.app").warning("\x1b]0;title\x07 %s", "\n")
    structlog.get_logger("ours").error("thread_raised", exc_info=ValueError("\x1b[2J"))
    flush_logs()
    text = capfd.readouterr().err
    assert all(char.isprintable() or char == "\n" for char in text)
    first = text.splitlines()[0]
    assert "reason='is no WAV'" in first
    assert "\\x1b[2J a\\nb" in first.replace("\\\\", "\\")


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_text_and_its_colours(variables: dict[str, str], coloured: bool) -> None:
    code = (
        "from streams.telemetry.logs import configure_logs, flush_logs, log\n"
        "configure_logs('info', '1.2.3')\n"
        "log.info('worker_ready', group='g')\n"
        "flush_logs()"
    )
    terminal, its_end = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    environ |= {"TERM": "xterm", **variables}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=its_end, env=environ, check=True)
    os.close(its_end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert ("\x1b[" in shown) is coloured
    assert "worker ready" in shown


def test_libraries_that_are_being_stopped_say_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "1.2.3")
    quiet_libraries()
    logging.getLogger("faust.agents.agent").error("Agent Crashed reason=CancelledError()")
    logging.getLogger("aiokafka.consumer").error("Error sending JoinGroupRequest")
    logging.getLogger("streams.engine.transport").error("Crashed reason=CancelledError()")  # by mode, for our services
    structlog.get_logger("ours").error("thread_raised")
    assert [line["message"] for line in written(capfd)] == ["thread_raised"]
