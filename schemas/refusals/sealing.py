"""Refusals of the step ``open``: records and objects that are sealed."""

from schemas.refusals.refusal import Refusal

_FIELD = "`ce_sealkey`, `ce_dataref`"

SEALING: tuple[Refusal, ...] = (
    Refusal(
        "SealedInputRequired",
        "open",
        "`ce_seal`",
        "The input is in clear, and AUDIO_REQUIRE_SEALED_INPUT is on.",
        "Seal it before it is sent, as `RawAudioProducer(seal=...)` does.",
    ),
    Refusal(
        "SealedErased",
        "open",
        _FIELD,
        "The call was erased: its key is gone, and nobody can open it any more.",
        "Nothing: this is what was asked for. It is counted, and nothing stops.",
    ),
    Refusal(
        "SealedExpired",
        "open",
        _FIELD,
        "The retention of the call is over: its key has expired, and nobody can open it any more.",
        "Nothing: this is what the hotel's policy asks for. It is counted, and nothing stops.",
    ),
    Refusal(
        "SealedUnknown",
        "open",
        _FIELD,
        "The topic of keys has never had a key of this id.",
        "A sender has to write the key before what it seals with it, to the same cluster and prefix.",
    ),
    Refusal(
        "SealedNoAccess",
        "open",
        _FIELD,
        "There is no key store, it is one of another installation, or this account may not read the topic of keys.",
        "Set AUDIO_KEY_STORE to the installation's key store, and read again.",
    ),
    Refusal(
        "SealedStale",
        "open",
        _FIELD,
        "The topic of keys could not be read for some seconds, so that an erasure might not be known.",
        "Read again when the brokers answer.",
    ),
    Refusal(
        "SealedDamaged",
        "open",
        "`value`, `ce_seal`, `ce_sealkey`, `ce_dataref`",
        "The sealed value, one of its headers or the sealed object is not what was sealed: bits were changed, a header"
        " was forged, or a part is missing.",
        "Look at what wrote or copied it; of a dead letter, the original is intact: send the audio again.",
    ),
)
