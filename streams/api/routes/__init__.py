"""The operations of the API, one module for each resource. Every module exports its operations as ``ROUTES``."""

from streams.api.operations import Operation
from streams.api.routes import (
    audio,
    call_audio,
    calls,
    dead_letters,
    documents,
    erasure,
    estimates,
    events,
    health,
    policies,
    recordings,
    replays,
    rights,
    uploads,
)

#: All operations, in the order of the document.
ROUTES: tuple[Operation, ...] = (
    *uploads.ROUTES,
    *recordings.ROUTES,
    *audio.ROUTES,
    *calls.ROUTES,
    *call_audio.ROUTES,
    *erasure.ROUTES,
    *dead_letters.ROUTES,
    *replays.ROUTES,
    *policies.ROUTES,
    *estimates.ROUTES,
    *events.ROUTES,
    *rights.ROUTES,
    *documents.ROUTES,
    *health.ROUTES,
)
