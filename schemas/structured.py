"""CloudEvents 1.0 over Kafka in structured mode: the whole event is one JSON object in the record's value."""

import binascii
import re
from collections.abc import Mapping

from schemas import headers as h
from schemas.flat_json import Member, members
from schemas.media_type import split_media_type
from schemas.record import Record
from schemas.rejection import Rejection
from schemas.text import shown

JSON_FORMAT = "application/cloudevents+json"
DATA = "data"
DATA_BASE64 = "data_base64"
DATA_CONTENT_TYPE = "datacontenttype"

#: Bounds of memory. Events of this contract have few and short attributes, so larger ones are refused.
MAX_MEMBERS = 128
MAX_ATTRIBUTES_BYTES = 64 * 1024

_PREVIEW_BYTES = 1024
_PREFIX = "ce_"
_DATA_REF = h.DATA_REF.removeprefix(_PREFIX)
#: CloudEvents' own attributes are strings; extensions may be whole numbers and booleans as well.
_STRINGS = frozenset({"specversion", "id", "source", "type", "time", DATA_CONTENT_TYPE, DATA_BASE64, _DATA_REF})
_NAME = re.compile(r"[a-z0-9_]{1,64}")
_CODES_OF_MEMBERS = {
    "MissingHeader": "MissingMember",
    "MalformedHeader": "MalformedMember",
    "WrongHeader": "WrongMember",
}


def as_binary(record: Record, content_type: str, max_bytes: int) -> Record | Rejection:
    """Convert a record in structured mode to binary mode.

    Other headers of the record are ignored: the JSON object is the event.

    Args:
        record: A record whose content type says structured mode.
        content_type: That content type.
        max_bytes: Largest accepted size of the audio, in bytes.

    Returns:
        The record in binary mode, with the same key; or a `Rejection` whose field is the member to change,
        ``content-type`` or ``value``.
    """
    texts = read_members(record, content_type, max_bytes)
    if isinstance(texts, Rejection):
        return texts
    encoded = texts.pop(DATA_BASE64, "" if _DATA_REF in texts else None)
    if encoded is None:
        rule = f"is required and missing; it holds the audio in base64, unless {_DATA_REF} says where that lies"
        return _refused("MissingMember", DATA_BASE64, rule)
    audio = _decoded(encoded)
    if audio is None:
        rule = "must be base64 in the standard alphabet (RFC 4648), padded, without blanks and line breaks"
        return _refused("MalformedMember", DATA_BASE64, rule)
    # JSON can escape half of a surrogate pair, which is not valid UTF-8: the header reader refuses it.
    headers = tuple((_header(name), text.encode(errors="surrogatepass")) for name, text in texts.items())
    return Record(record.key, audio, headers, record.timestamp_ms)


def read_members(record: Record, content_type: str, max_bytes: int) -> dict[str, str] | Rejection:
    """Read the members of the JSON object, each as the text of its header in binary mode.

    Returns:
        The texts by name, without members that are null, which means absent; or a `Rejection`.
    """
    value = record.value or b""
    problem = _format_problem(content_type) or _size_problem(value, max_bytes)
    if problem is not None:
        return problem
    texts: dict[str, str | None] = {}
    try:
        for member in members(value.decode()):
            problem = _member_problem(member, texts)
            if problem is not None:
                return problem
            texts[member.name] = None if member.kind == "null" else member.text
    except ValueError as error:
        return _refused("MalformedJson", "value", f"must be a JSON object in UTF-8: {shown(str(error))}")
    return {name: text for name, text in texts.items() if text is not None}


def names_reference(record: Record, content_type: str) -> bool:
    """Whether the JSON object has a reference to audio that lies elsewhere."""
    value = record.value or b""
    if _DATA_REF.encode() not in value and b"\\u" not in value:  # of most inputs, nothing more has to be read
        return False
    texts = read_members(record, content_type, len(value))
    return not isinstance(texts, Rejection) and _DATA_REF in texts


def unlabelled(value: bytes) -> Rejection | None:
    """Refuse a value that looks like an event in JSON although its content type does not say so; else None."""
    if not value[:_PREVIEW_BYTES].lstrip().startswith(b"{") or b'"specversion"' not in value:
        return None
    rule = f"must be {JSON_FORMAT}, as the value is an event in JSON; the audio's own type is its {DATA_CONTENT_TYPE}"
    return _refused("UnsupportedEventFormat", h.CONTENT_TYPE, rule)


def of_member(rejection: Rejection) -> Rejection:
    """Translate a rejection of a header or of the value into one of the JSON member that it came from."""
    field = {h.CONTENT_TYPE: DATA_CONTENT_TYPE, "value": DATA_BASE64}.get(rejection.field, rejection.field)
    return Rejection(
        rejection.stage,
        _CODES_OF_MEMBERS.get(rejection.code, rejection.code),
        field.removeprefix(_PREFIX),
        rejection.reason,
    )


def _format_problem(content_type: str) -> Rejection | None:
    split = split_media_type(content_type)
    if split is None:
        rule = f"{shown(content_type)} is not a media type; write it like {JSON_FORMAT}; charset=utf-8"
        return _refused("MalformedMediaType", h.CONTENT_TYPE, rule)
    name, parameters = split[0].lower(), dict(split[1])
    if name != JSON_FORMAT:
        remedy = "each event as a record of its own, keyed by its call id, as" if "batch" in name else "events as"
        rule = (
            f"{shown(name)} is not served; send {remedy} {JSON_FORMAT}, or in binary mode with the audio as the value"
        )
        return _refused("UnsupportedEventFormat", h.CONTENT_TYPE, rule)
    charset = parameters.get("charset", "utf-8")
    if charset.lower() not in {"utf-8", "us-ascii"}:
        return _refused("UnsupportedEventFormat", h.CONTENT_TYPE, f"charset is {shown(charset)} and must be utf-8")
    return None


def _size_problem(value: bytes, max_bytes: int) -> Rejection | None:
    if not value:
        return _refused("EmptyValue", "value", "is empty and must be a JSON object")
    most = 4 * -(-max_bytes // 3) + MAX_ATTRIBUTES_BYTES
    if len(value) > most:
        rule = f"has {len(value)} bytes and may have {most}, for {max_bytes} bytes of audio; send shorter segments"
        return _refused("ValueTooLarge", "value", rule)
    return None


def _member_problem(member: Member, before: Mapping[str, object]) -> Rejection | None:
    """Check a member, and that the object may have one more."""
    name = member.name
    field = name if _NAME.fullmatch(name) else "value"
    if name in before:
        return _refused("DuplicateMember", field, f"occurs twice, as the member {shown(name)}; send it once")
    if len(before) == MAX_MEMBERS:
        return _refused("MalformedJson", "value", f"has more than {MAX_MEMBERS} members")
    return None if member.kind == "null" else _value_problem(member, field)


def _value_problem(member: Member, field: str) -> Rejection | None:
    name, kind, text = member
    if name == DATA:
        return _refused("UnsupportedMember", DATA, f"is text or JSON, which audio is not; send {DATA_BASE64} instead")
    if kind != "string" and name in _STRINGS:
        actual = f"{shown(text)} without quotes" if text else "an object, an array or a fraction"
        return _refused("MalformedMember", name, f"is {actual} and must be a string")
    if kind == "other":
        subject = f"the member {shown(name)} is an object, an array or a fraction"
        return _refused("MalformedMember", field, f"{subject} and must be a string, a whole number or a boolean")
    return None


def _decoded(text: str) -> bytes | None:
    if len(text) % 4 or text.endswith("==="):  # the strict mode of some Python versions accepts too much padding
        return None
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None


def _header(member: str) -> str:
    return h.CONTENT_TYPE if member == DATA_CONTENT_TYPE else _PREFIX + member


def _refused(code: str, field: str, reason: str) -> Rejection:
    return Rejection("contract", code, field, reason)
