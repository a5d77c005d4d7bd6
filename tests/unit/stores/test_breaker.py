from streams.stores.breaker import Breaker

INTERVAL = 30.0


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(INTERVAL, now)
    breaker.check_failed("refuses connections", now)
    return breaker


def half_open() -> Breaker:
    breaker = opened()
    breaker.check_succeeded(breaker.check_due)
    return breaker


def test_it_lets_everything_pass_at_first_and_is_checked_at_once() -> None:
    breaker = Breaker(INTERVAL, 5.0)
    assert breaker.lets_pass
    assert breaker.check_due == 5.0


def test_a_healthy_endpoint_is_checked_once_in_an_interval() -> None:
    breaker = Breaker(INTERVAL, 0.0)
    breaker.check_succeeded(1.0)
    assert breaker.check_due == 31.0


def test_one_failed_operation_makes_a_check_due_and_changes_nothing_else() -> None:
    breaker = Breaker(INTERVAL, 0.0)
    breaker.check_succeeded(0.0)
    breaker.fail("answers with the error 500", 2.0)
    assert breaker.check_due == 2.0
    assert breaker.closed


def test_three_failures_in_a_row_open_it_and_two_with_a_success_between_do_not() -> None:
    breaker = Breaker(INTERVAL, 0.0)
    for _ in range(2):
        breaker.fail("answers with the error 500", 0.0)
        breaker.fail("answers with the error 500", 0.0)
        breaker.succeed()
    assert breaker.closed
    for _ in range(3):
        breaker.fail("answers with the error 500", 0.0)
    assert breaker.snapshot.state == "open"
    assert breaker.snapshot.reason == "answers with the error 500"
    assert not breaker.lets_pass


def test_a_failed_check_opens_it() -> None:
    assert opened().snapshot.state == "open"


def test_checks_of_an_open_one_come_later_each_time_up_to_the_interval() -> None:
    breaker, now, delays = opened(), 0.0, []
    for _ in range(9):
        delays.append(breaker.check_due - now)
        now = breaker.check_due
        breaker.check_failed("refuses connections", now)
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_with_a_short_interval_checks_are_never_rarer_than_that() -> None:
    breaker = Breaker(0.2, 0.0)
    breaker.check_failed("refuses connections", 0.0)
    assert breaker.check_due == 0.2


def test_a_check_that_succeeds_lets_one_operation_pass_as_a_trial() -> None:
    breaker = half_open()
    assert breaker.lets_pass
    breaker.begin()
    assert not breaker.lets_pass


def test_a_trial_that_succeeds_closes_it() -> None:
    breaker = half_open()
    breaker.begin()
    breaker.succeed()
    assert breaker.closed


def test_a_trial_that_fails_opens_it_for_longer() -> None:
    breaker = half_open()
    breaker.begin()
    breaker.fail("is full (507)", 10.0)
    assert breaker.snapshot.state == "open"
    assert breaker.check_due == 11.0


def test_without_operations_a_second_check_closes_it() -> None:
    breaker = half_open()
    breaker.check_succeeded(breaker.check_due)
    assert breaker.closed


def test_an_operation_that_began_before_does_not_close_it() -> None:
    breaker = opened()
    breaker.succeed()
    assert breaker.snapshot.state == "open"


def test_after_a_success_the_delay_begins_small_again() -> None:
    breaker = half_open()
    breaker.begin()
    breaker.succeed()
    breaker.check_failed("refuses connections", 100.0)
    assert breaker.check_due == 100.5
