"""Why a level was chosen, as a sentence: each ``ce_reason`` of `streams.compression.plan` and the others."""

#: By the reason, or by its first words where a level follows.
_SENTENCES = {
    "default": "the level for a hotel without a policy",
    "fixed level": "AUDIO_COMPRESSION_LEVEL fixes the level",
    "policy floor": "the hotel's policy allows no lower level",
    "policy ceiling": "the hotel's policy allows no higher level",
    "policy default": "the hotel's policy names this level",
    "policy quality": "the hotel's policy asks for more quality than the level's",
    "policy accept": "the hotel's policy does not accept Opus",
    "policy unknown": "the hotel's policy could not be read: nothing is lost until it can",
    "legal hold": "the hotel's policy forbids any loss",
    "bytes per minute": "the hotel's policy limits the bytes of a minute",
    "fax": "a fax must stay readable for machines: it is kept without loss",
    "tones": "dialled digits must stay decodable: a little more bit rate",
    "silence": "there is nothing to hear, and the smallest file says so",
    "format limit": "the accepted format cannot reach the level's quality: it is used at its best",
    "load (effort)": "the worker was behind its objective (AUDIO_LAG_OBJECTIVE), and spent less effort on each file",
    "load (level)": "the worker was behind its objective (AUDIO_LAG_OBJECTIVE), and chose a higher level to catch up",
    "input is smaller": "the input was smaller than its result would be, and was kept",
    "input is lossy": "the input had lost quality already and would have lost more, so it was kept",
}


def explained(reason: str | None) -> str:
    """A reason as a plain sentence; the reason itself where it is not known.

    Args:
        reason: The text of `ce_reason`; None if the result has none.
    """
    if reason is None:
        return "the worker did not say"
    return next((text for words, text in _SENTENCES.items() if reason.startswith(words)), reason)
