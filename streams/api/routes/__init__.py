"""The operations of the API, one module for each resource. Every module exports its operations as ``ROUTES``."""

from streams.api.operations import Operation
from streams.api.routes import documents, health, recordings

#: All operations, in the order of the document.
ROUTES: tuple[Operation, ...] = (*recordings.ROUTES, *documents.ROUTES, *health.ROUTES)
