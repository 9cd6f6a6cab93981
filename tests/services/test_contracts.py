"""Each service's OpenAPI is committed, and API, tools and services agree on it."""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, override

import pytest
from jsonschema_rs import validator_for
from nova_agent_tools.services import Services, ServiceUrls
from nova_common.contracts.search import SearchFilter, SearchRequest
from nova_common.openapi import described
from pydantic import BaseModel

from tests.slices import NAMES, declaring

DOCUMENTS = Path(__file__).parents[2] / "docs" / "api"
PREFIX = "/api"

type Operation = tuple[str, str]
"""A method, and a path whose parameters are all called `{}`."""


@cache
def published(service: str) -> dict[str, Any]:
    module: Any = import_module(f"nova_{service.replace('-', '_')}.app")
    return described(module.TITLE, module.router)


def operations(service: str) -> Iterator[Operation]:
    for path, methods in published(service)["paths"].items():
        for method in methods:
            yield method.upper(), unnamed(path)


def unnamed(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


@pytest.mark.parametrize("service", NAMES)
def test_the_committed_document_is_what_the_service_publishes(service: str) -> None:
    committed = json.loads((DOCUMENTS / f"{service}.json").read_text(encoding="utf-8"))
    assert committed == json.loads(json.dumps(published(service))), "write it again: make contracts"


def test_there_are_no_other_documents() -> None:
    assert {path.stem for path in DOCUMENTS.iterdir()} == set(NAMES)


@pytest.mark.parametrize("service", NAMES)
def test_the_service_is_held_to_its_document(service: str) -> None:
    tests = Path(__file__).parent / service.replace("-", "_") / "test_app.py"
    assert "    check_api(client)\n" in tests.read_text(encoding="utf-8"), "see support/api_checks.py"


@pytest.mark.parametrize("service", NAMES)
def test_the_public_routes_are_those_of_the_services(service: str) -> None:
    declared = [(route.method, unnamed(f"{PREFIX}{route.path}")) for route in declaring(service).routes]
    assert sorted(declared) == sorted(operations(service))


class Recorder(Services):
    """The tools' client, which writes down what it would ask."""

    @override
    async def _call[A: BaseModel](
        self,
        service: str,
        answer: type[A],
        authorization: str,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
    ) -> A:
        self.asked = (service, method, url.removeprefix("http://service"), body, answer.__name__)
        return answer.model_construct()


URLS = ServiceUrls(
    search="http://service", audio="http://service", video="http://service", projector="http://service"
)
RECORDING = str(uuid.UUID(int=1))
CALLS = [
    name
    for name, member in vars(Services).items()
    if not name.startswith("_") and callable(member) and name != "close"
]


@pytest.mark.parametrize("call", CALLS)
def test_the_tools_ask_what_the_services_answer(call: str) -> None:
    recorder = Recorder(URLS)
    arguments: dict[str, tuple[Any, ...]] = {
        "search": (SearchRequest(text="a", limit=3, filter=SearchFilter(media_id=RECORDING)),),
        "transcript": (RECORDING,),
        "video_analysis": (RECORDING,),
    }
    asyncio.run(getattr(recorder, call)(*arguments.get(call, ()), "Bearer token"))
    service, method, path, body, answer = recorder.asked
    document = published(service)
    template = next(
        known
        for known in document["paths"]
        if re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(known)), path)
    )
    operation = document["paths"][template][method.lower()]
    assert schema_name(operation["responses"]["200"]) == answer
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{schema_name(operation['requestBody'])}"}
        validator_for(schema | {"components": document["components"]}).validate(dict(body))


def schema_name(part: dict[str, Any]) -> str:
    return part["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
