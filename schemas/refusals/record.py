"""Refusals of what stands in a partition and cannot be read as a record of Kafka's."""

from schemas.refusals.refusal import Refusal

RECORD: tuple[Refusal, ...] = (
    Refusal(
        "BadHeaderName",
        "record",
        "`headers`",
        "A header's name is not UTF-8. The letter has it with backslashes, and all headers as they were in"
        " `__connect.errors.headers.raw`.",
        "Send names in UTF-8.",
    ),
    Refusal(
        "TooManyHeaders",
        "record",
        "`headers`",
        "There are more than 1000 headers. The letter has them in `__connect.errors.headers.raw` alone.",
        "Send what the contract names, and little else.",
    ),
    Refusal(
        "UnreadableRecord",
        "record",
        "`record`",
        "The record's lengths do not fit each other. The letter's value is the whole record as it was laid out.",
        "Look at the client that wrote it, and at the broker's disk; send the original again.",
    ),
    Refusal(
        "RecordTooLarge",
        "record",
        "`record`",
        "Uncompressed, the record is larger than a dead letter can be. The letter has the first 64 KiB of key and"
        " value, and their lengths and the value's SHA-256 in headers.",
        "Send shorter segments.",
    ),
    Refusal(
        "UnreadableBatch",
        "record",
        "`batch`",
        "From an offset on, no record of a batch can be told apart: its checksum is wrong, its compression is broken,"
        " or its lengths lie. The letter stands for all offsets up to `__connect.errors.offset.last`; its value is the"
        " whole batch.",
        "Look at the client that wrote it, and at the broker's disk; send the originals again.",
    ),
    Refusal(
        "LostOffsets",
        "record",
        "`offset`",
        "For 20 seconds, the partition's leader gave none of the offsets up to `__connect.errors.offset.last`, though"
        " it gives what follows: its log is broken there. The letter has no value.",
        "Look at the leader's disk, and whether another replica has the records; send the originals again.",
    ),
)
