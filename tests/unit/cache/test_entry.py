import pytest

from schemas import Channel
from streams.audio import Clip
from streams.audio.analysis import analyse
from streams.cache import admits, cache_key
from streams.cache.entry import Entry, expiry, pack, unpack
from streams.compression import DEFAULT_POLICY, choose, encode
from tests.support.signals import speech


def test_an_entry_gives_back_the_very_file() -> None:
    clip: Clip = speech(0.5)
    encoded = encode(clip, choose(clip, analyse, DEFAULT_POLICY).plan)
    for entry in (Entry(encoded, 1.5e9, 1.4e9, None), Entry(encoded, 1.5e9, 1.4e9, 0.1)):
        assert unpack(pack(entry)) == entry
        assert expiry(pack(entry)) == 1.5e9


def test_the_key_depends_on_audio_and_profile() -> None:
    keys = {cache_key(pcm, profile) for pcm in ("a", "ab") for profile in ("bc", "c")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)


@pytest.mark.parametrize(("channel", "kept"), [("prompt", True), ("guest", False), ("agent", False), ("mixed", False)])
def test_only_prompts_are_kept(channel: Channel, kept: bool) -> None:
    assert admits(channel) is kept


def test_an_unnamed_channel_is_not_kept() -> None:
    assert not admits(None)
