from streams.stores.balancer import Balancer

REASON = "refuses connections"


def test_operations_go_round_the_endpoints() -> None:
    balancer = Balancer(3, 10, 30.0, 0.0)
    assert [balancer.acquire() for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_an_endpoint_that_is_down_gets_none() -> None:
    balancer = Balancer(3, 10, 30.0, 0.0)
    balancer.checked(1, REASON, 0.0)
    assert [balancer.acquire() for _ in range(4)] == [0, 2, 0, 2]
    assert balancer.healthy == 2


def test_no_endpoint_gets_more_than_its_connections() -> None:
    balancer = Balancer(2, 2, 30.0, 0.0)
    assert [balancer.acquire() for _ in range(5)] == [0, 1, 0, 1, None]
    balancer.settle(1, None, 0.0)
    assert balancer.acquire() == 1


def test_idle_connections_are_those_of_healthy_endpoints() -> None:
    balancer = Balancer(2, 5, 30.0, 0.0)
    balancer.acquire()
    assert balancer.idle == 9
    balancer.checked(1, REASON, 0.0)
    assert balancer.idle == 4


def test_an_endpoint_that_just_failed_is_avoided_while_there_is_another() -> None:
    balancer = Balancer(2, 5, 30.0, 0.0)
    assert [balancer.acquire(avoid=[0]) for _ in range(3)] == [1, 1, 1]
    balancer.checked(1, REASON, 0.0)
    assert balancer.acquire(avoid=[0]) == 0


def test_a_trial_takes_one_operation_and_the_healthy_endpoint_the_others() -> None:
    balancer = Balancer(2, 5, 30.0, 0.0)
    balancer.checked(0, REASON, 0.0)
    balancer.checked(0, None, 1.0)
    assert [balancer.acquire() for _ in range(4)] == [0, 1, 1, 1]
    balancer.settle(0, None, 2.0)
    assert balancer.healthy == 2


def test_nothing_is_chosen_while_all_are_down() -> None:
    balancer = Balancer(2, 5, 30.0, 0.0)
    for index in range(2):
        balancer.checked(index, REASON, 0.0)
    assert balancer.acquire() is None
