"""Health for the orchestrator, metrics for Prometheus, the status for operators."""

from http import HTTPStatus

from prometheus_client.exposition import choose_encoder
from starlette.responses import JSONResponse, Response

from streams.api.operations import Answer, Call, json_of, operation
from streams.security.roles import Permission

_TAG = "health"


@operation("GET", "/health/live", tag=_TAG, permission=None, answers={200: json_of("Live", "It runs.")})
async def get_live(_: Call) -> Response:
    """Whether the process runs.

    An answer proves that it does.
    """
    return JSONResponse({"live": True})


@operation(
    "GET",
    "/health/ready",
    tag=_TAG,
    permission=None,
    answers={
        200: json_of("Ready", "It can serve."),
        503: json_of("Ready", "It cannot: one of these does not hold."),
    },
)
async def get_ready(call: Call) -> Response:
    """Whether the process can serve."""
    conditions = call.context.readiness.now()
    ready = all(conditions.values())
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"ready": ready, **conditions}, status)


@operation(
    "GET",
    "/metrics",
    tag=_TAG,
    permission=None,
    answers={200: Answer("The metrics.", None, ("text/plain", "application/openmetrics-text"))},
)
async def get_metrics(call: Call) -> Response:
    """Metrics, for Prometheus."""
    encode, content_type = choose_encoder(call.request.headers.get("accept", ""))
    return Response(encode(call.context.metrics.registry), headers={"Content-Type": content_type})


@operation(
    "GET",
    "/admin/audio/status",
    tag=_TAG,
    permission=Permission.STATUS,
    answers={200: json_of("Status", "The status.")},
)
async def get_status(call: Call) -> Response:
    """How this process works: settings, readiness, index, recent errors."""
    return JSONResponse(call.context.status())


ROUTES = (get_live, get_ready, get_metrics, get_status)
