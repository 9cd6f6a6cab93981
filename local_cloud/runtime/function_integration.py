"""Lambda proxy integrations of REST APIs: functions are called as API Gateway, which they have to admit."""

import re

from local_cloud.documents import Document
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.iam import decisions as iam_decisions
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime import function_events
from local_cloud.runtime.function_events import Answered, Asked, Matched
from local_cloud.runtime.functions import Functions

URI = re.compile(
    r"arn:aws:apigateway:(?P<region>[a-z0-9-]+):lambda:path/2015-03-31/functions/"
    r"(?P<arn>arn:aws:lambda:[^/]+)/invocations"
)
PRINCIPAL = "apigateway.amazonaws.com"


class IntegrationError(Exception):
    """An integration cannot be used; the message is the type of API Gateway's own answer."""


class FunctionIntegrations:
    """Calls functions for REST APIs."""

    def __init__(self, functions: Functions, ministack: MiniStack) -> None:
        self._functions = functions
        self._ministack = ministack

    async def answer(self, integration: Document, asked: Asked, matched: Matched) -> Answered:
        """Return what a function answers to a request.

        Raises:
            IntegrationError: it is not there, does not admit the API, failed, or answered in another form.

        """
        found = URI.fullmatch(integration.get("uri") or "")
        function = await self._functions.find(found["arn"]) if found else None
        if found is None or function is None or not self._admits(found, asked, matched):
            raise IntegrationError("API_CONFIGURATION_ERROR")
        event = function_events.proxy_event(asked, matched)
        try:
            outcome = await function.invoke(function_events.encoded(event))
        except AwsError as error:
            raise IntegrationError("DEFAULT_5XX") from error
        answer = None if outcome.error else function_events.proxy_answer(outcome.payload)
        if answer is None:
            raise IntegrationError("DEFAULT_5XX")
        return answer

    def _admits(self, found: re.Match[str], asked: Asked, matched: Matched) -> bool:
        region = found["region"]
        caller = (
            f"arn:aws:execute-api:{region}:{ACCOUNT}:{matched.api_id}/"
            f"{matched.stage}/{asked.method}{matched.resource}"
        )
        policy = self._ministack.function_policy(found["arn"].partition(":function:")[2])
        return iam_decisions.service_may(
            PRINCIPAL,
            "lambda:InvokeFunction",
            found["arn"],
            policy,
            {"aws:sourcearn": caller, "aws:sourceaccount": ACCOUNT},
            region,
        )
