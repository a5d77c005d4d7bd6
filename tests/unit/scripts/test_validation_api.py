"""What a validation says of the HTTP API."""

import json
from typing import Any

import pytest

from scripts.validation.api import check_apis
from scripts.validation.finding import Status
from tests.support.web_endpoint import serving
from tests.unit.scripts.test_validation_endpoints import HTML, WEB, told

READY = {"ready": True, "brokers_answer": True, "index_loaded": True}
API: dict[str, Any] = {
    "/health/ready": READY,
    "/openapi.json": {"openapi": "3.1.0", "paths": {"/v1/recordings": {}}},
    "/v1/recordings": (401, "{}"),
}


@pytest.mark.parametrize(
    ("changed", "told_of_it"),
    [
        ({}, ("PASSED", "ready, 1 path, asks for credentials")),
        ({"/v1/recordings": {"items": []}}, ("PASSED", "ready, 1 path, open to this machine")),
        (
            {"/health/ready": (503, json.dumps(READY | {"ready": False, "index_loaded": False}))},
            ("FAILED", "not ready: index_loaded"),
        ),
        ({"/v1/recordings": (502, "")}, ("FAILED", "/v1/recordings answers 502")),
        ({"/openapi.json": []}, ("FAILED", "answers something else than the HTTP API does")),
        ({"/health/ready": HTML}, ("FAILED", "answers 200 and no JSON: '<html><body>Welcome to nginx!</body></ht")),
    ],
)
async def test_the_api_is_ready_and_asks_who_it_is(changed: dict[str, Any], told_of_it: tuple[str, str]) -> None:
    with serving(API | changed) as api:
        findings = await check_apis(WEB, [f"http://127.0.0.1:{api.server_port}/"])
    status, detail = told(findings)[f"127.0.0.1:{api.server_port}"]
    assert (status, detail[: len(told_of_it[1])]) == told_of_it


async def test_without_its_address_the_api_is_not_checked() -> None:
    (found,) = await check_apis(WEB, [])
    assert found.status is Status.NOT_CHECKED
