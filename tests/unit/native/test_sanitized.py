"""Runs the kernels' tests under AddressSanitizer and UndefinedBehaviorSanitizer, also with bugs that they must find."""

from pathlib import Path

import pytest

from tests.support.sanitizers import build, run_tests

ASAN_ERROR, UBSAN_ERROR = "ERROR: AddressSanitizer: ", "runtime error: "
HERE = Path(__file__)
#: The tests in this folder, and some that call the kernels through the product. Those of labels, Opus and fax are
#: omitted: they are slow and cover no other C code.
TESTS = (
    *(str(file) for file in sorted(HERE.parent.glob("test_*.py")) if file != HERE),
    "tests/unit/codecs/test_flac.py",
    "tests/unit/analysis/test_analysis.py",
)

#: By source file: the text to replace, which occurs once, and the bug.
BUGS = {
    "activity.c": ("sample < size; sample++", "sample <= size; sample++"),
    "label.c": (
        "uint64_t words[PRICED_BLOCK / 8], differences = 0;\n  memcpy(words, block, sizeof words);",
        "const uint64_t *words = (const uint64_t *)block;\n  uint64_t differences = 0;",
    ),
    "opus.c": ("int64_t sum = 0;", "int32_t sum = 0;"),
}


def test_the_kernels(tmp_path: Path) -> None:
    ended = run_tests(build(tmp_path / "native"), *TESTS)
    print(ended.stdout)
    assert ended.returncode == 0
    assert ASAN_ERROR not in ended.stdout
    assert UBSAN_ERROR not in ended.stdout


def with_bugs(sources: Path) -> None:
    for name, (right, wrong) in BUGS.items():
        source = sources / name
        text = source.read_text(encoding="ascii")
        assert text.count(right) == 1
        source.write_text(text.replace(right, wrong), encoding="ascii")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("faulty") / "native", with_bugs)


@pytest.mark.parametrize(
    ("test", "report"),
    [
        ("test_analysis.py::test_frames_with_sound", ASAN_ERROR + "heap-buffer-overflow"),
        ("test_odd_sizes.py::test_reading_prices", UBSAN_ERROR + "load of misaligned address"),
        ("test_opus.py::test_mean_squares_do_not_overflow", UBSAN_ERROR + "signed integer overflow"),
    ],
    ids=["one sample too many is read", "a pointer is misaligned", "a sum overflows"],
)
def test_a_bug_is_found(faulty: Path, test: str, report: str) -> None:
    ended = run_tests(faulty, str(HERE.parent / test))
    assert ended.returncode != 0
    assert report in ended.stdout
