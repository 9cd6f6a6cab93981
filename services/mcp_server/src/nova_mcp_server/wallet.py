"""The wallet: its key is read for each payment, by this role alone, and is in no log, error or variable.

Nobody makes a key by deploying: the secret begins without a value, which is the state "not set", and
`nova wallet rotate` writes one.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from nova_common.aws import error_code

from nova_mcp_server.domain import Offer, Terms

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

IDENTIFIER = "payment-identifier"
"""The x402 extension by which what was paid may be asked for again."""
ADDRESS_SECONDS = 60.0
"""How long an address is shown before the key is looked at again."""

_KEY = re.compile(r"0x[0-9a-fA-F]{64}")
_NO_VALUE = frozenset({"ResourceNotFoundException"})


class NotSetError(Exception):
    """The wallet has no key yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A payment as it is sent, and when it ends, epoch seconds."""

    header: str
    valid_before: int


class Wallet:
    """Signs payments with the key in Secrets Manager. Every method blocks."""

    def __init__(
        self,
        client: SecretsManagerClient,
        secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._secret = secret
        self._clock = clock
        self._address = ""
        self._until = 0.0

    def address(self) -> str | None:
        """Return the address that pays; None while no key is set."""
        if self._clock() >= self._until:
            try:
                self._address = str(self._account().address)
            except NotSetError:
                self._address = ""
            self._until = self._clock() + ADDRESS_SECONDS
        return self._address or None

    def sign(self, offer: Offer, terms: Terms, resource: dict[str, Any], identifier: str) -> Signed:
        """Sign a payment of exactly this offer, which was checked; NotSetError."""
        from x402.mechanisms.evm.exact import ExactEvmClientScheme  # noqa: PLC0415 - half a second, for payments
        from x402.mechanisms.evm.signers import EthAccountSigner  # noqa: PLC0415
        from x402.schemas import PaymentPayload, PaymentRequirements  # noqa: PLC0415

        requirements = PaymentRequirements(
            scheme=offer.scheme,
            network=offer.network,
            asset=offer.asset,
            amount=offer.amount,
            pay_to=offer.payee,
            max_timeout_seconds=offer.seconds,
            # What the token's contract calls itself is ours to know, not the seller's to say.
            extra={"name": terms.asset_name, "version": terms.asset_version},
        )
        scheme: Any = ExactEvmClientScheme(EthAccountSigner(self._account()))
        inner: dict[str, Any] = scheme.create_payment_payload(requirements)
        payload = PaymentPayload(
            x402_version=2,
            payload=inner,
            accepted=requirements,
            resource=resource or None,  # pyright: ignore[reportArgumentType] - validated by the model
            extensions={IDENTIFIER: {"info": {"required": False, "id": identifier}}},
        )
        text = json.dumps(payload.model_dump(by_alias=True, exclude_none=True))
        return Signed(
            header=base64.b64encode(text.encode()).decode(),
            valid_before=int(inner["authorization"]["validBefore"]),
        )

    def _account(self) -> Any:  # noqa: ANN401 - a LocalAccount, whose types are partial
        from eth_account import Account  # noqa: PLC0415 - half a second, for payments

        accounts: Any = Account
        try:
            value = self._client.get_secret_value(SecretId=self._secret)["SecretString"].strip()
        except ClientError as error:
            if error_code(error) in _NO_VALUE:
                raise NotSetError from None
            raise
        if _KEY.fullmatch(value) is None:
            # Its text is in no message: who pasted something else may have pasted a secret.
            raise NotSetError
        return accounts.from_key(value)
