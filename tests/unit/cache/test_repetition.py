import hashlib

from streams.cache.repetition import RepetitionSketch


def keys(first: int, count: int) -> list[bytes]:
    return [hashlib.sha256(str(number).encode()).digest() for number in range(first, first + count)]


def test_a_key_is_new_once_and_known_afterwards() -> None:
    sketch = RepetitionSketch(1000)
    ours = keys(0, 500)
    first = [sketch.seen(key) for key in ours]
    assert sum(first) <= 5
    assert all(sketch.seen(key) for key in ours)


def test_a_key_is_known_for_as_many_new_ones_as_there_is_room_for() -> None:
    sketch = RepetitionSketch(1000)
    sketch.seen(*keys(0, 1))
    for key in keys(1, 999):
        sketch.seen(key)
    assert sketch.seen(*keys(0, 1))


def test_a_key_is_forgotten_when_others_came_instead() -> None:
    sketch = RepetitionSketch(1000)
    ours = keys(0, 100)
    for key in [*ours, *keys(1000, 2500)]:
        sketch.seen(key)
    assert sum(sketch.seen(key) for key in ours) < 10


def test_few_new_keys_are_taken_for_known_ones() -> None:
    sketch = RepetitionSketch(1000)
    assert sum(sketch.seen(key) for key in keys(0, 20_000)) < 20_000 * 0.03
