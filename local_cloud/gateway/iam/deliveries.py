"""EventBridge delivers to a queue only what the queue's policy (and its key's) lets it deliver.

Corrects: MiniStack puts events into any queue, whatever its policy says, and knows no dead-letter queue of
a target (services/eventbridge.py `_dispatch_to_sqs`). A delivery that AWS may not make is not retried; it
goes to the target's dead-letter queue at once (EventBridge user guide, "Using dead-letter queues to
process undelivered events").
"""

import importlib
from typing import Any

from local_cloud.documents import Document, part
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.iam import decisions as iam_decisions
from local_cloud.gateway.iam import state as iam_state
from local_cloud.gateway.iam.refusals import REFUSALS
from local_cloud.gateway.iam.requests import Keys

SERVICE = "events.amazonaws.com"
QUEUE_PREFIX = "arn:aws:sqs:"
KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


def refusal(queue: str, rule: str, region: str) -> str:
    """Return why EventBridge may not send to a queue for a rule, "" when it may."""
    found = iam_state.resource_policy("sqs", queue)
    keys: Keys = {"aws:sourcearn": rule, "aws:sourceaccount": ACCOUNT}
    if found and not iam_decisions.service_may(SERVICE, "sqs:SendMessage", queue, found[0], keys, region):
        return f"because no resource-based policy allows {SERVICE} the sqs:SendMessage action for {rule}"
    key = iam_state.queue_key(queue) if found else None
    policy = iam_state.resource_policy("kms", key) if key else None
    for action in KEY_ACTIONS if policy and key else ():
        # EventBridge names neither account nor source to KMS when it encrypts for a queue.
        if not iam_decisions.service_may(
            SERVICE, action, key or "", policy[0] if policy else None, {}, region
        ):
            return f"because no key policy of {key} allows {SERVICE} the {action} action"
    return ""


def install() -> None:
    """Put the check in front of MiniStack's delivery."""
    eventbridge: Any = iam_state.service("eventbridge")
    responses: Any = importlib.import_module("ministack.core.responses")
    invoke = eventbridge._invoke_target

    def invoke_target(target: Document, event: Document, rule: Document, view: object = None) -> None:
        queue, region = str(target.get("Arn", "")), responses.get_region()
        reason = refusal(queue, str(rule.get("Arn", "")), region) if queue.startswith(QUEUE_PREFIX) else ""
        if not reason:
            invoke(target, event, rule, view)
            return
        REFUSALS.add(SERVICE, "events", "sqs:SendMessage", queue, reason)
        letters = str(part(target, "DeadLetterConfig").get("Arn", ""))
        if letters and not refusal(letters, str(rule.get("Arn", "")), region):
            invoke({**target, "Arn": letters}, event, rule, view)

    eventbridge._invoke_target = invoke_target
