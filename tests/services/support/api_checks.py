"""Holds a service to the OpenAPI document that it publishes: no request of any form may surprise a caller."""

import os
from typing import Any, cast

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from tests.services.support.tokens import bearer

EXAMPLES_MAX = int(os.environ.get("NOVA_TEST_API_EXAMPLES", "6"))
"""Requests that are made up for each operation; `make prove` makes up more."""

LIBRARY = cast("Any", schemathesis)
KNOWN = cast("Any", checks)
"""Their types are generic in what their users never see."""

CHECKS = [
    KNOWN.not_a_server_error,
    KNOWN.status_code_conformance,
    KNOWN.content_type_conformance,
    KNOWN.response_schema_conformance,
    KNOWN.response_headers_conformance,
]


def check_api(client: TestClient) -> None:
    """Send requests of all forms, fitting and not, to every operation of an application.

    Whatever comes, the answer is documented: its status, its content type, its schema; and none is a 5xx.
    """
    schema = LIBRARY.openapi.from_dict(client.get("/openapi.json").json())
    for result in schema.get_all_operations():

        @given(case=result.ok().as_strategy())
        @settings(
            max_examples=EXAMPLES_MAX,
            deadline=None,
            derandomize=True,
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
            database=None,
        )
        def holds(case: Any) -> None:  # noqa: ANN401 - made by the library
            request = case.as_transport_kwargs(base_url=str(client.base_url), headers=bearer())
            for option in ("stream", "cookies"):
                request.pop(option, None)
            case.validate_response(client.request(**request), checks=CHECKS)

        holds()
