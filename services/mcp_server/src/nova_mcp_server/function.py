"""The function: its URL answers MCP and, under `/api/`, the API beside it; the REST API that API alone.

The site's server asks by the URL: browsers have no token that the REST API would take.

What is shared between events is made once a process. The MCP application is made for each event: its session
manager runs once.
"""

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from mangum import Mangum
from mcp.server.transport_security import TransportSecuritySettings
from nova_common import aws
from nova_common.contracts.payments import PAYMENT, TOKEN_HEADER
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.identity import Caller, TokenVerifier, token_verifier
from nova_common.logs import configure_logging
from nova_common.settings import SettingsError

from nova_mcp_server.app import create_app
from nova_mcp_server.catalogue import Catalogue
from nova_mcp_server.ledger import Ledger
from nova_mcp_server.payer import Payer
from nova_mcp_server.resource_server import ResourceServer
from nova_mcp_server.settings import FunctionSettings
from nova_mcp_server.tools import Shop, make_server
from nova_mcp_server.wallet import Wallet

TEXT = ["text/", "application/json", "application/problem+json"]
"""Answers that are passed on as text: a REST API would hand out the base64 of any other."""

URL_EVENTS = "2.0"
"""The payload format of function URLs; REST APIs have none in their events."""

API_PREFIX = "/api/"

CHATTY = ("httpx2", "mangum", "mcp", "x402")
"""Libraries that tell of each request, which the access log does."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Process:
    """What events share."""

    shop: Shop
    api: FastAPI
    verifier: TokenVerifier


def assemble(settings: FunctionSettings) -> Process:
    """Return what events share, from what the environment names."""
    dynamodb = aws.dynamodb(settings.region)
    events = DynamoEventStore(dynamodb, settings.event_store_table, EventRegistry((PAYMENT,)))
    ledger = Ledger(dynamodb, settings.ledger_table, events)
    wallet = Wallet(aws.secretsmanager(settings.region), settings.wallet_secret)
    server = ResourceServer(settings.resource_server_url)
    payer = Payer(settings.terms, ledger, wallet, server)
    verifier = token_verifier(settings.identity, settings.region)
    api = create_app(settings.terms, ledger, wallet, payer, verifier)
    return Process(Shop(settings.terms, payer, Catalogue(server)), api, verifier)


@cache
def process() -> Process:
    """Return what events of this process share; incomplete settings end it."""
    try:
        settings = FunctionSettings.from_env()
    except SettingsError as error:
        configure_logging("nova", "INFO")
        logger.critical("%s", error)
        sys.exit(78)
    configure_logging(settings.service_name, settings.log_level, settings.metrics_namespace, CHATTY)
    return assemble(settings)


def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one event."""
    return answer(process(), event, context)


def answer(shared: Process, event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one event with what a process shares."""
    if event.get("version") != URL_EVENTS:
        # The path with its stage, as services see it and as it is documented.
        event = {**event, "path": event["requestContext"]["path"]}
    elif event["rawPath"].startswith(API_PREFIX):
        # Whoever signed the request is let in by IAM; for whom it asks, the person's token says.
        headers = _headers(event)
        event = {**event, "headers": {**headers, "authorization": headers.get(TOKEN_HEADER.lower(), "")}}
    else:
        return _mcp(shared, event, context)
    api = Mangum(shared.api, lifespan="off", text_mime_types=TEXT)
    return api(event, context)  # pyright: ignore[reportArgumentType]


def _mcp(shared: Process, event: dict[str, Any], context: object) -> dict[str, Any]:
    headers = _headers(event)

    def identify() -> Caller:
        return shared.verifier.verify_authorization(headers.get(TOKEN_HEADER.lower()))

    # A page that made its own name mean this address still sends its own name.
    security = TransportSecuritySettings(allowed_hosts=[event["requestContext"]["domainName"]])
    app = make_server(shared.shop, identify).streamable_http_app(
        stateless_http=True, json_response=True, transport_security=security
    )
    return Mangum(app, lifespan="auto")(event, context)  # pyright: ignore[reportArgumentType]


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): text for name, text in event["headers"].items()}
