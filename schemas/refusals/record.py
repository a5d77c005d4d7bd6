"""Refusals of the step ``record``: bytes in a partition that cannot be read as Kafka records."""

from schemas.refusals.refusal import Refusal

RECORD: tuple[Refusal, ...] = (
    Refusal(
        "BadHeaderName",
        "record",
        "`headers`",
        "A header's name is not UTF-8. The dead letter has it with backslash escapes, and all headers unchanged in"
        " `__connect.errors.headers.raw`.",
        "Send names in UTF-8.",
    ),
    Refusal(
        "TooManyHeaders",
        "record",
        "`headers`",
        "There are more than 1000 headers. The dead letter has them only in `__connect.errors.headers.raw`.",
        "Send the contract's headers, and few others.",
    ),
    Refusal(
        "UnreadableRecord",
        "record",
        "`record`",
        "The record's lengths contradict each other. The dead letter's value is the whole record in Kafka's format.",
        "Look at the client that wrote it, and at the broker's disk; send the original again.",
    ),
    Refusal(
        "RecordTooLarge",
        "record",
        "`record`",
        "Uncompressed, the record is larger than a dead letter can be. The dead letter has the first 64 KiB of key and"
        " value, and their lengths and the value's SHA-256 in headers.",
        "Send shorter segments.",
    ),
    Refusal(
        "UnreadableBatch",
        "record",
        "`batch`",
        "From an offset on, the records of a batch cannot be separated: its checksum is wrong, its compression is"
        " broken, or its lengths are wrong. The dead letter stands for all offsets up to"
        " `__connect.errors.offset.last`; its value is the whole batch.",
        "Look at the client that wrote it, and at the broker's disk; send the originals again.",
    ),
    Refusal(
        "LostOffsets",
        "record",
        "`offset`",
        "For 20 seconds, the partition's leader returned none of the offsets up to `__connect.errors.offset.last`,"
        " although it returns the following ones: its log is damaged there. The dead letter has no value.",
        "Look at the leader's disk, and whether another replica has the records; send the originals again.",
    ),
)
