"""Which rights on a customer managed key a call to another service takes.

These services use the key with the caller's own rights (forward access sessions), so that AWS checks both:
SSE-KMS of S3, SQS and SNS ("Key management" of each developer guide), DynamoDB's encryption at rest
("usage notes"), Secrets Manager and Parameter Store ("Secret encryption and decryption", "How Parameter
Store uses KMS"). What a key policy grants to a service itself (EventBridge, CloudWatch Logs) is not asked
of the caller.
"""

from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.iam.requests import Call, Keys, Need


def use(
    call: Call, service: str, key: str | None, actions: tuple[str, ...], context: dict[str, str]
) -> list[Need]:
    """Return the needs on a key (none without one) for a service that uses it in the caller's name.

    `service` is the first label of the service's endpoint, `context` the encryption context that it sets.
    """
    if key is None:
        return []
    principal = f"{service}.amazonaws.com"
    keys: Keys = {
        "kms:viaservice": f"{service}.{call.region}.amazonaws.com",
        "kms:calleraccount": ACCOUNT,
        "kms:encryptioncontextkeys": list(context),
        "aws:viaawsservice": "true",
        "aws:calledvia": [principal],
        "aws:calledviafirst": principal,
        "aws:calledvialast": principal,
    }
    keys |= {f"kms:encryptioncontext:{name.lower()}": value for name, value in context.items()}
    return [Need(f"kms:{action}", key, keys) for action in actions]
