from streams.cache import Memo


def test_a_result_is_worked_out_once() -> None:
    memo: Memo[int] = Memo(10)
    calls: list[int] = []

    def work_out() -> int:
        calls.append(1)
        return 42

    assert [memo.recall(b"key", work_out) for _ in range(3)] == [42] * 3
    assert len(calls) == 1


def test_only_the_latest_results_are_remembered() -> None:
    memo: Memo[int] = Memo(2)
    for number in range(3):
        memo.recall(bytes([number]), lambda: 1)
    assert memo.recall(bytes([2]), lambda: 2) == 1
    assert memo.recall(bytes([0]), lambda: 2) == 2


def test_without_room_every_result_is_worked_out() -> None:
    memo: Memo[int] = Memo(0)
    assert [memo.recall(b"key", lambda: number) for number in (1, 2)] == [1, 2]  # noqa: B023  called at once
