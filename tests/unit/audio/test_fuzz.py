"""Damaged input gives a clip or a rejection in bounded memory and time, and crashes neither worker nor decoder."""

import multiprocessing
import os
import random
import resource
from collections import Counter
from collections.abc import Iterator

import pytest

from schemas.media_type import MediaType
from schemas.rejection import Rejection
from streams.audio.clip import Clip
from streams.sandbox import DecoderSandbox
from tests.support.fuzzing.mutation import mutant
from tests.support.fuzzing.samples import CLIPS, KINDS, all_samples, sample
from tests.support.fuzzing.trial import LIMITS, TrialResult, trial
from tests.support.signals import encode_as

GROWTH_MIB = 32  # for files of a few kilobytes and limits of 4 MiB: a false size in a header would exceed it by far
CRASHES = {"DecoderCrashed", "DecoderTimeout"}
NOT_READ = {"wav-adpcm"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DecoderSandbox]:
    with DecoderSandbox(1, LIMITS) as started:
        yield started


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_input(kind: str, sandbox: DecoderSandbox) -> None:
    originals = [sample(kind, clip) for clip in CLIPS]
    for original in originals:
        assert isinstance(sandbox.decode(original.audio, original.media_type), Clip) or kind in NOT_READ
    before = peak_mib()
    outcomes: Counter[str] = Counter()
    for number in range(500):
        damaged = mutant(originals, 1, number)
        outcome = sandbox.decode(damaged.audio, damaged.media_type)
        if isinstance(outcome, Clip):
            assert 0 < outcome.samples.nbytes <= LIMITS.max_pcm_bytes
        outcomes["Clip" if isinstance(outcome, Clip) else outcome.code] += 1
    print(f"500 damaged {kind}: {dict(outcomes.most_common())}")
    assert not CRASHES & outcomes.keys()
    assert outcomes["Clip"] < 0.9 * 500
    assert peak_mib() - before < GROWTH_MIB


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_a_million_mutated_files_kill_no_worker() -> None:
    total = TrialResult()
    for result in trial(0, 1_000_000, seed=2, processes=os.cpu_count() or 1):
        total.add(result)
    print(total)
    assert total.inputs == 1_000_000
    assert total.worker_deaths == 0
    assert total.failures == {}


def test_a_mutated_file_depends_on_seed_and_number_alone() -> None:
    first, again = ([mutant(samples, 5, number) for number in range(200)] for samples in (all_samples(), all_samples()))
    assert first == again
    assert len({file.audio for file in first}) > 150
    assert mutant(all_samples(), 6, 0) != first[0]


def test_a_worker_that_dies_is_counted() -> None:
    results = trial(0, 3000, seed=1, processes=1)
    next(results)
    for worker in multiprocessing.active_children():
        worker.kill()
    *_, last = results
    assert last.worker_deaths == 1
    assert set(last.failures) <= {1000, 2000}


@pytest.mark.parametrize("name", ["audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"])
def test_random_bytes_after_a_valid_beginning(name: str, sandbox: DecoderSandbox) -> None:
    dice = random.Random(name)
    for length in range(0, 400, 7):
        head = encode_as(CLIPS[0], name)[: dice.choice((4, 12, 30, 60))]
        outcome = sandbox.decode(head + dice.randbytes(length), MediaType(name))
        assert isinstance(outcome, Rejection)
        assert outcome.code not in CRASHES
