"""The compression policy of a hotel: the event of the topic ``audio.policy``, and its JSON.

``policy.schema.json`` publishes the same rules for other languages. Rules between two properties, which JSON Schema
cannot express, are in its descriptions and are checked here.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any, cast

from schemas.json_text import JsonTextError, read_json
from schemas.raw_audio import CHANNELS
from schemas.record import Record
from schemas.rejection import Rejection
from schemas.text import shown

WAV = "audio/wav"
FLAC = "audio/flac"
MPEG = "audio/mpeg"
OPUS = "audio/ogg;codecs=opus"
VORBIS = "audio/ogg;codecs=vorbis"
OGG = "audio/ogg"  # Opus or Vorbis

ACCEPTABLE = (WAV, FLAC, MPEG, OGG, OPUS, VORBIS)
LOSSLESS_TYPES = frozenset({WAV, FLAC})

UNNAMED = "unnamed"  # audio without a channel header
CACHEABLE = (*CHANNELS, UNNAMED)
DEFAULT_CACHEABLE = ("prompt",)

MIN_LEVEL, MAX_LEVEL = 1, 5
MOST_COMPRESSED_LOSSLESS = 2
DEFAULT_LEVEL = 3
MIN_QUALITY, MAX_QUALITY = 1.0, 4.5
MIN_BYTES_PER_MINUTE = 1000
MAX_RETENTION_DAYS = 36_500  # a hundred years
MAX_BYTES = 64 * 1024
MAX_HOTEL = 255
MAX_NUMBER = 2**31 - 1
_LONGEST_SHOWN = 80  # characters of a wrong value


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one hotel.

    Attributes:
        version: Increases with every change; a policy that is not newer than the one in force is refused.
        floor_level: Lowest allowed compression level, 1 to 5.
        ceiling_level: Highest allowed compression level, 1 to 5.
        default_level: Level without a reason for another one, 1 to 5; bounded by floor and ceiling.
        accept: Media types of `ACCEPTABLE` that the hotel's consumers can play, the preferred one first; empty means
            all.
        legal_hold: Whether all audio must be kept without loss, whatever else the policy says, and nothing of it may be
            erased.
        min_quality: Lowest allowed predicted mean opinion score, 1 to 4.5; None for the level's own quality floor.
        max_bytes_per_minute: Largest size of a minute of audio in bytes, as far as the levels allow it, or None.
        cache_channels: Channels of `CACHEABLE` whose repeated audio may be cached.
        archive: Whether results are kept in the archive, beyond the retention of their topic.
        retention_days: Days after which a sealed call cannot be opened any more, or None for no such limit.
        sealed: Whether results and dead letters are sealed, also where the installation does not seal.
    """

    version: int
    floor_level: int = MIN_LEVEL
    ceiling_level: int = MAX_LEVEL
    default_level: int = DEFAULT_LEVEL
    accept: tuple[str, ...] = ()
    legal_hold: bool = False
    min_quality: float | None = None
    max_bytes_per_minute: int | None = None
    cache_channels: tuple[str, ...] = DEFAULT_CACHEABLE
    archive: bool = False
    retention_days: int | None = None
    sealed: bool = False

    def properties(self) -> dict[str, Any]:
        """The JSON properties of the policy, without the hotel and without those that have no value."""
        values = {name: getattr(self, field) for name, field in _FIELDS.items()}
        if self.default_level == DEFAULT_LEVEL:
            del values["defaultLevel"]  # a level in the JSON would have to lie between floor and ceiling
        for name in ("archive", "sealed"):  # workers of earlier releases refuse a property that they do not know
            if not values[name]:
                del values[name]
        return {name: value for name, value in values.items() if value is not None}

    def accepts(self, content_type: str) -> bool:
        """Whether a result may have this media type, such as ``audio/ogg;codecs=opus``."""
        base = content_type.partition(";")[0]
        return not self.accept or content_type in self.accept or base in self.accept


def stale(policy: Policy, in_force: int) -> Rejection | None:
    """Check the rule between two policies of a hotel: versions grow.

    Args:
        policy: The new policy.
        in_force: Version of the policy in force; 0 if the hotel has none.
    """
    if policy.version > in_force:
        return None
    reason = f"is {policy.version} and must be above {in_force}, which is in force"
    return Rejection("contract", "StalePolicy", "version", reason)


@dataclass(frozen=True, slots=True)
class PolicyEvent:
    """One record of ``audio.policy``.

    Attributes:
        hotel_id: The hotel, also the record's key.
        policy: Its new policy, or None (a tombstone) to remove it.
    """

    hotel_id: str
    policy: Policy | None

    def to_record(self) -> Record:
        """Write the event for the topic ``audio.policy``."""
        if self.policy is None:
            return Record(self.hotel_id.encode(), None)
        return Record(self.hotel_id.encode(), json.dumps({"hotel": self.hotel_id} | self.policy.properties()).encode())

    @classmethod
    def from_record(cls, record: Record) -> "PolicyEvent | Rejection":
        """Read a record of the topic ``audio.policy``.

        Returns:
            The event, or a `Rejection` whose field is ``key`` or the JSON property that breaks a rule.
        """
        try:
            hotel = (record.key or b"").decode()
        except UnicodeDecodeError:
            return _refused("key", "must be a hotel id in UTF-8")
        if not 1 <= len(hotel) <= MAX_HOTEL:
            return _refused("key", f"must be a hotel id of 1 to {MAX_HOTEL} characters")
        if record.value is None:
            return cls(hotel, None)
        content = policy_content(record.value)
        if isinstance(content, Rejection):
            return content
        problems = [*policy_problems(content), *_other_hotel(content, hotel)]
        return problems[0] if problems else cls(hotel, _policy(content))


def policy_schema() -> dict[str, Any]:
    """The published JSON Schema of a policy, which describes each property for people."""
    text = (files(__name__.rpartition(".")[0]) / "policy.schema.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


def parse_policy(text: bytes) -> Policy | Rejection:
    """Read a policy from JSON in UTF-8, at most 64 KiB.

    Returns:
        The policy, or a `Rejection` whose field is the JSON property that breaks a rule.
    """
    content = policy_content(text)
    if isinstance(content, Rejection):
        return content
    return next(iter(policy_problems(content)), None) or _policy(content)


def policy_content(text: bytes) -> dict[str, Any] | Rejection:
    """Read the JSON object of a policy, whatever its properties are."""
    if len(text) > MAX_BYTES:
        return _refused("value", f"has {len(text)} bytes and may have {MAX_BYTES}")
    try:
        content = read_json(text)
    except JsonTextError as error:
        return _refused("value", f"must be JSON in UTF-8: {error}")
    return content if isinstance(content, dict) else _refused("value", "must be a JSON object")


def policy_problems(content: Mapping[str, Any]) -> list[Rejection]:
    """Check the properties of a policy.

    Returns:
        Every broken rule: those of single properties, or if there are none, those between two of them.
    """
    missing = [_refused(name, "is required and missing") for name in ("version", "hotel") if name not in content]
    return [*missing, *_broken(content)] or list(_contradictions(content))


def _broken(content: Mapping[str, Any]) -> Iterator[Rejection]:
    """Check each property by itself."""
    for name, value in content.items():
        described, obeys = _RULES.get(name, ("", None))
        if obeys is None:
            yield _refused(shown(name), f"is unknown; known are {', '.join(_RULES)}")
        elif not obeys(value):
            yield _refused(name, f"is {_as_json(value)} and must be {described}")


def _as_json(value: object) -> str:
    """A value for a message: JSON, which is printable, of limited length."""
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def _contradictions(content: Mapping[str, Any]) -> Iterator[Rejection]:
    """Check the rules between properties, each of which is right by itself."""
    low, high = content.get("floorLevel", MIN_LEVEL), content.get("ceilingLevel", MAX_LEVEL)
    if low > high:
        yield _refused("floorLevel", f"is {low}, above ceilingLevel, which is {high}")
    default = content.get("defaultLevel")
    if default is not None and low <= high and not low <= default <= high:
        yield _refused("defaultLevel", f"is {default} and must be from floorLevel to ceilingLevel, {low} to {high}")
    accept, hold = content.get("accept"), content.get("legalHold", False)
    if (hold or high <= MOST_COMPRESSED_LOSSLESS) and accept and not LOSSLESS_TYPES & set(accept):
        why = "legalHold" if hold else f"ceilingLevel {high}"
        yield _refused("accept", f"names lossy types only, and {why} needs {FLAC} or {WAV}")


def _other_hotel(content: Mapping[str, Any], hotel: str) -> Iterator[Rejection]:
    if content.get("hotel") != hotel:
        yield _refused("hotel", f"is {shown(str(content.get('hotel')))} and the record's key is {shown(hotel)}")


def _policy(content: Mapping[str, Any]) -> Policy:
    """Build the policy of properties that break no rule."""
    most, days = content.get("maxBytesPerMinute"), content.get("retentionDays")
    return Policy(
        version=int(content["version"]),
        floor_level=int(content.get("floorLevel", MIN_LEVEL)),
        ceiling_level=int(content.get("ceilingLevel", MAX_LEVEL)),
        default_level=int(content.get("defaultLevel", DEFAULT_LEVEL)),
        accept=tuple(content.get("accept", ())),
        legal_hold=content.get("legalHold", False),
        min_quality=content.get("minQuality"),
        max_bytes_per_minute=None if most is None else int(most),
        cache_channels=tuple(content.get("cacheChannels", DEFAULT_CACHEABLE)),
        archive=content.get("archive", False),
        retention_days=None if days is None else int(days),
        sealed=content.get("sealed", False),
    )


def _refused(field: str, reason: str) -> Rejection:
    return Rejection("contract", "BadPolicy", field, reason)


def _whole(low: int, high: int) -> Callable[[object], bool]:
    """Check for an integer as JSON Schema defines it: 1.0 is one, true is not."""
    return lambda value: (
        not isinstance(value, bool) and isinstance(value, int | float) and value == value // 1 and low <= value <= high
    )


def _different(names: tuple[str, ...]) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, list)
        and all(isinstance(name, str) and name in names for name in value)
        and len(set(value)) == len(value)
    )


_FLAG: tuple[str, Callable[[Any], bool]] = ("true or false", lambda value: isinstance(value, bool))
_LEVEL = (f"a level from {MIN_LEVEL} to {MAX_LEVEL}", _whole(MIN_LEVEL, MAX_LEVEL))
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "version": (f"a whole number from 1 to {MAX_NUMBER}", _whole(1, MAX_NUMBER)),
    "hotel": (
        f"a hotel id of 1 to {MAX_HOTEL} characters",
        lambda value: isinstance(value, str) and 1 <= len(value) <= MAX_HOTEL,
    ),
    "floorLevel": _LEVEL,
    "ceilingLevel": _LEVEL,
    "defaultLevel": _LEVEL,
    "accept": (f"a list of different media types out of {', '.join(ACCEPTABLE)}", _different(ACCEPTABLE)),
    "legalHold": _FLAG,
    "minQuality": (
        f"a number from {MIN_QUALITY} to {MAX_QUALITY}",
        lambda value: (
            isinstance(value, int | float) and not isinstance(value, bool) and MIN_QUALITY <= value <= MAX_QUALITY
        ),
    ),
    "maxBytesPerMinute": (
        f"a whole number from {MIN_BYTES_PER_MINUTE} to {MAX_NUMBER}",
        _whole(MIN_BYTES_PER_MINUTE, MAX_NUMBER),
    ),
    "cacheChannels": (f"a list of different channels out of {', '.join(CACHEABLE)}", _different(CACHEABLE)),
    "archive": _FLAG,
    "retentionDays": (f"a whole number from 1 to {MAX_RETENTION_DAYS}", _whole(1, MAX_RETENTION_DAYS)),
    "sealed": _FLAG,
}
_FIELDS = {
    name: field.name for name, field in zip([name for name in _RULES if name != "hotel"], fields(Policy), strict=True)
}
