"""The order in which workers are started and stopped."""

import pytest

from scripts.deployment.rolling import Complete, Failed, Health, Move, Start, Stop, Wait, Worker, next_move


def workers(text: str) -> list[Worker]:
    """Workers by a letter each: old ``o``, new ``n``; starting ``s``, failed ``x`` (new), lost ``l`` (old)."""
    kinds = {
        "o": (False, Health.READY),
        "l": (False, Health.FAILED),
        "n": (True, Health.READY),
        "s": (True, Health.STARTING),
        "x": (True, Health.FAILED),
    }
    return [Worker(f"{letter}{number}", *kinds[letter]) for number, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("now", "wanted", "move"),
    [
        ("", 2, Start(1)),
        ("s", 2, Wait()),
        ("n", 2, Start(2)),
        ("nn", 2, Complete()),
        ("oo", 2, Start(3)),
        ("oos", 2, Wait()),
        ("oox", 2, Failed(workers("oox")[2])),
        ("oon", 2, Stop(workers("oon")[0])),
        ("on", 2, Start(3)),
        ("onn", 2, Stop(workers("onn")[0])),
        ("o", 1, Start(2)),
        ("on", 1, Stop(workers("on")[0])),
        ("ol", 2, Start(3)),
        ("oln", 2, Stop(workers("oln")[1])),
        ("ooo", 1, Start(4)),
        ("ooon", 1, Stop(workers("ooon")[0])),
        ("nnn", 2, Stop(workers("nnn")[2])),
        ("o", 3, Start(2)),
        ("on", 3, Start(3)),
    ],
)
def test_next_move(now: str, wanted: int, move: Move) -> None:
    assert next_move(workers(now), wanted) == move


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("wanted", range(1, 5))
def test_an_update_ends_and_always_has_a_worker_and_one_more_at_most(before: int, wanted: int) -> None:
    now = workers("o" * before)
    for _ in range(30):
        match next_move(now, wanted):
            case Start(total):
                assert total == len(now) + 1
                now.append(Worker(f"new{total}", is_new=True, health=Health.READY))
            case Stop(worker):
                now.remove(worker)
            case Complete():
                break
        assert 1 <= len(now) <= max(before, wanted) + 1
    assert len(now) == wanted
    assert all(worker.is_new for worker in now)
