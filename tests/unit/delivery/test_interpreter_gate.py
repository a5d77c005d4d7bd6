import threading
from collections.abc import Callable

import pytest

from streams.delivery import interpreter_gate as module
from streams.delivery.interpreter_gate import InterpreterGate

_FOR_EVER = 3600.0


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def use(gate: InterpreterGate) -> None:
    with gate:
        pass


def test_one_thread_at_a_time_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", _FOR_EVER)
    gate = InterpreterGate()
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        for _ in range(50):
            with gate:
                inside.append(number)
                threading.Event().wait(0.0001)  # time for other threads to enter, if they could
                most = max(most, len(inside))
                inside.remove(number)
                with gate.released:
                    pass

    threads = [started(lambda number=number: work(number)) for number in range(4)]  # type: ignore[misc]
    for thread in threads:
        thread.join(30)
    assert most == 1
    assert not any(thread.is_alive() for thread in threads)


def test_others_have_it_while_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", _FOR_EVER)
    gate = InterpreterGate()
    with gate, gate.released:
        other = started(lambda: use(gate))
        other.join(10)
        assert not other.is_alive()


def test_who_keeps_it_for_ever_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = InterpreterGate()
    end = threading.Event()
    holds = threading.Event()

    def stuck() -> None:
        with gate:
            holds.set()
            end.wait(30)

    late = started(stuck)
    assert holds.wait(10)
    first = started(lambda: use(gate))
    first.join(10)
    assert not first.is_alive()

    monkeypatch.setattr(module, "PATIENCE", _FOR_EVER)
    next_ones = [started(lambda: use(gate)) for _ in range(3)]
    for each in next_ones:
        each.join(10)
    assert not any(each.is_alive() for each in next_ones)  # they do not wait for the slow thread

    end.set()
    late.join(10)
    use(gate)
