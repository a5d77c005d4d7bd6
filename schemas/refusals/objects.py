"""Refusals of the step ``fetch``: audio that a record refers to."""

from schemas.refusals.refusal import Refusal

OBJECTS: tuple[Refusal, ...] = (
    Refusal(
        "ForbiddenReference",
        "fetch",
        "`ce_dataref`",
        "The reference is not `s3://bucket/key` or `file:///directory/key` in one of the stores of AUDIO_STORES.",
        "Store the audio in a configured store, and send the reference without query and without `..`.",
    ),
    Refusal(
        "ObjectMissing",
        "fetch",
        "`ce_dataref`",
        "The store answers, and has no such object.",
        "Store the object before the record that refers to it, and keep it until the result is there.",
    ),
    Refusal(
        "EmptyObject",
        "fetch",
        "`ce_dataref`",
        "The object has no content.",
        "Store the audio before the record that refers to it.",
    ),
    Refusal(
        "ObjectArchived",
        "fetch",
        "`ce_dataref`",
        "The object is in a class of storage, such as Amazon's Glacier, that gives it out only after a restore.",
        "Restore it and send the record again; no rule of the bucket may move objects there before their result.",
    ),
    Refusal(
        "ForbiddenObject",
        "fetch",
        "`ce_dataref`",
        "The store answers 403 or 400 for this object alone, and gives others: by its own access list, or by a key of"
        " the sender's that encrypts it. In a directory, this file alone may not be read.",
        "Store objects so that the worker's account may read them, and send the record again.",
    ),
    Refusal(
        "ObjectTooLarge",
        "fetch",
        "`ce_dataref`",
        "The object is larger than AUDIO_MAX_SIZE, 2 GiB by default.",
        "Send the recording in several parts.",
    ),
    Refusal(
        "ObjectChanged",
        "fetch",
        "`ce_dataref`",
        "The object's SHA-256 is not the one that the record says, or the object was replaced while it was read.",
        "Store each recording under a key of its own, such as its SHA-256, and never change it.",
    ),
)
