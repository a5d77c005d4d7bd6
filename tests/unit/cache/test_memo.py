from streams.cache import Memo


def test_only_the_latest_results_are_remembered() -> None:
    memo: Memo[int] = Memo(2)
    assert memo.recall(b"0") is None
    memo.remember(b"0", 10)
    memo.remember(b"1", 11)
    assert memo.recall(b"0") == 10
    memo.remember(b"2", 12)
    assert [memo.recall(key) for key in (b"0", b"1", b"2")] == [10, None, 12]


def test_without_room_nothing_is_remembered() -> None:
    memo: Memo[int] = Memo(0)
    memo.remember(b"key", 1)
    assert memo.recall(b"key") is None
