from streams.kafka.broker_clocks import MAX_AGE_SECONDS, BrokerClocks, age
from streams.telemetry.metrics import Metrics

NOW = 1_800_000_000.0


class Rig:
    """A worker's clock and those of brokers, each ahead of the true time by some seconds."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead
        self.true = NOW
        self.metrics = Metrics()
        self.clocks = BrokerClocks(
            lambda broker, seconds: self.metrics.clock_ahead.labels(broker).set(seconds),
            lambda: self.true + self.ahead,
        )

    def write(self, broker: int, ahead: float = 0.0, there: float = 0.01, back: float = 0.01) -> None:
        asked = self.clocks.read()
        self.true += there
        append_ms = int((self.true + ahead) * 1000)
        self.true += back
        self.clocks.answered(broker, asked, append_ms)

    def shown(self, broker: int) -> float | None:
        return self.metrics.registry.get_sample_value("audio_clock_ahead_seconds", {"broker": str(broker)})


def test_clocks_that_agree_are_never_corrected() -> None:
    rig = Rig()
    for _ in range(100):
        rig.write(1, there=0.3, back=1.5)
    assert rig.shown(1) == 0
    assert rig.clocks.now() == rig.true


def test_a_clock_that_is_wrong_is_known_after_one_write() -> None:
    for ahead in (10.0, -10.0):
        rig = Rig(ahead)
        rig.write(1)
        assert abs(rig.clocks.now() - rig.true) < 0.03
        assert abs((rig.shown(1) or 0.0) - ahead) < 0.03


def test_a_slow_answer_does_not_spoil_what_is_known() -> None:
    rig = Rig(10.0)
    rig.write(1)
    before = rig.shown(1)
    rig.write(1, there=5, back=5)
    assert rig.shown(1) == before


def test_a_clock_that_is_set_right_is_noticed() -> None:
    rig = Rig(10.0)
    rig.write(1)
    rig.ahead = 0.0
    rig.write(1)
    assert abs(rig.shown(1) or 0.0) < 0.03


def test_one_broker_of_three_does_not_say_what_time_it_is() -> None:
    rig = Rig()
    for broker, ahead in ((1, 0.0), (2, 3600.0), (3, 0.0)):
        rig.write(broker, ahead)
    assert abs(rig.clocks.now() - rig.true) < 0.03
    assert abs((rig.shown(2) or 0.0) + 3600) < 0.03


def test_a_broker_that_does_not_say_when_changes_nothing() -> None:
    rig = Rig()
    rig.clocks.answered(1, NOW, -1)
    assert rig.shown(1) is None


def test_ages() -> None:
    now_ms = int(NOW * 1000)
    assert age(now_ms - 3000, NOW) == 3
    assert age(now_ms + 3000, NOW) == 0
    assert age(None, NOW) is None
    assert age(now_ms - int(MAX_AGE_SECONDS * 1000) - 1, NOW) is None
    assert age(1_769_851_800, NOW) is None
