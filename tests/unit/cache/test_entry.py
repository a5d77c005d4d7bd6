import pytest

from schemas import Channel, Policy
from schemas.raw_audio import CHANNELS
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip
from streams.cache import admits, cache_key
from streams.cache.entry import Entry, expiry, pack, unpack
from streams.compression import DEFAULT_POLICY, choose, encode
from tests.support.signals import speech


def test_an_entry_survives_serialisation() -> None:
    clip: Clip = speech(0.5)
    encoded = encode(clip, choose(clip, analyse_lazily(clip), DEFAULT_POLICY).plan)
    for entry in (Entry(encoded, 1.5e9, 1.4e9, None), Entry(encoded, 1.5e9, 1.4e9, 0.1)):
        assert unpack(pack(entry)) == entry
        assert expiry(pack(entry)) == 1.5e9


def test_the_key_depends_on_audio_and_profile() -> None:
    keys = {cache_key(pcm, profile) for pcm in ("a", "ab") for profile in ("bc", "c")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (DEFAULT_POLICY, {"prompt"}),
        (Policy(1, cache_channels=("prompt", "mixed")), {"prompt", "mixed"}),
        (Policy(1, cache_channels=("unnamed",)), {None}),
        (Policy(1, cache_channels=()), set()),
    ],
)
def test_only_prompts_are_kept_unless_a_policy_says_otherwise(policy: Policy, kept: set[Channel | None]) -> None:
    channels: list[Channel | None] = [*CHANNELS, None]
    assert {channel for channel in channels if admits(channel, policy)} == kept
