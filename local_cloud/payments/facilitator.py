"""The facilitator: checks signed payments and settles them on the chain, as the x402 package does it."""

import asyncio
from typing import Any

from starlette.concurrency import run_in_threadpool
from x402 import x402Facilitator
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import ExactEvmFacilitatorScheme
from x402.schemas import PaymentPayload, PaymentRequirements

from local_cloud.documents import Document
from local_cloud.payments.chain import known_account

GAS_MAX = 300_000
"""Of one settlement; a transfer by signature takes a third of it."""

SETTLE_SECONDS_MAX = 20.0
"""Until a settlement's block has to be there; blocks come within two seconds."""


class Facilitator:
    """Answers what sellers ask. Payments are of one scheme, `exact`, on one network."""

    def __init__(self, network: str, rpc_url: str) -> None:
        """Pay for transactions with an account that the chain has funded, through its JSON-RPC."""
        account = known_account("facilitator")
        signer = FacilitatorWeb3Signer(
            account.key.hex(), rpc_url, confirmation_timeout_seconds=SETTLE_SECONDS_MAX, gas_limit=GAS_MAX
        )
        self.address = account.address
        self._facilitator = x402Facilitator()
        self._facilitator.register([network], ExactEvmFacilitatorScheme(signer))

    def supported(self) -> Document:
        """Return the kinds of payments that can be settled."""
        return self._facilitator.get_supported().model_dump(by_alias=True, exclude_none=True)

    async def verify(self, payment: Document) -> Document:
        """Tell whether a payment would settle; ValueError for one that is malformed."""
        return await self._run("verify", payment)

    async def settle(self, payment: Document) -> Document:
        """Settle a payment and tell how that ended; ValueError for one that is malformed."""
        return await self._run("settle", payment)

    async def _run(self, operation: str, payment: Document) -> Document:
        try:
            payload = PaymentPayload.model_validate(payment["paymentPayload"])
            requirements = PaymentRequirements.model_validate(payment["paymentRequirements"])
        except KeyError as error:
            message = f"{error} is missing"
            raise ValueError(message) from error
        work: Any = getattr(self._facilitator, operation)

        # What it asks the chain is answered by this process: it waits in a thread, not in the loop.
        def done() -> Any:  # noqa: ANN401 - either response
            return asyncio.run(work(payload, requirements))

        response = await run_in_threadpool(done)
        return response.model_dump(by_alias=True, exclude_none=True)
