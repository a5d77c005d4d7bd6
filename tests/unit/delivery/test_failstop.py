import subprocess
import sys
import threading

from streams.delivery.failstop import StalledError, Watchdog
from tests.chaos.workers import ROOT


def test_the_watchdog_ends_a_silence_once() -> None:
    reported = threading.Event()
    errors: list[BaseException] = []
    now = [0.0]

    def on_stall(error: BaseException) -> None:
        errors.append(error)
        reported.set()

    watchdog = Watchdog(1.0, on_stall, clock=lambda: now[0])
    watchdog.start()
    now[0] = 0.9
    watchdog.feed()
    now[0] = 1.8
    assert not reported.wait(0.3)
    now[0] = 2.0
    assert reported.wait(5)
    assert isinstance(errors[0], StalledError)
    watchdog.join(5)
    assert len(errors) == 1


def test_a_stopped_watchdog_is_silent() -> None:
    errors: list[BaseException] = []
    now = [0.0]
    watchdog = Watchdog(0.2, errors.append, clock=lambda: now[0])
    watchdog.start()
    watchdog.stop()
    now[0] = 100.0
    watchdog.join(5)
    assert errors == []


def fail_with(error: str) -> subprocess.CompletedProcess[str]:
    code = (
        "from streams.delivery.breaker import DeadLetterLimitError\n"
        "from streams.delivery.failstop import fail_stop\n"
        f"fail_stop({error})"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_failing_says_why_and_exits_with_a_code() -> None:
    ended = fail_with("ValueError('the reason')")
    assert ended.returncode == 1
    assert "the reason" in ended.stdout + ended.stderr


def test_an_opened_breaker_has_a_code_of_its_own() -> None:
    assert fail_with("DeadLetterLimitError('many')").returncode == 3
