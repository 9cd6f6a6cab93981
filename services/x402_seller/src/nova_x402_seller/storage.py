"""Sales in the event store: noted before and after each settlement."""

from datetime import UTC, datetime

from nova_common.contracts.weather import SALE, SaleFailed, SaleSettled, SaleStarted
from nova_common.event_store import EventStore, VersionConflictError
from nova_common.events import EventData

from nova_x402_seller.domain import Payment, Sale, sale_of


class AlreadyUsedError(Exception):
    """The payment was settled before, or is being settled by another request."""


class Sales:
    """The sales in the event store."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def find(self, payment: Payment) -> Sale:
        """Return the sale of a payment; one without events when it was never presented."""
        return sale_of(self._store.load(SALE.key(payment.sale_id)))

    def start(self, payment: Payment) -> None:
        """Note that a payment is going to be settled; AlreadyUsedError when that may not be."""
        sale = self.find(payment)
        if not sale.may_start(datetime.now(UTC)):
            raise AlreadyUsedError
        started = SaleStarted(
            offer=payment.offer,
            resource=payment.resource,
            amount=payment.amount,
            asset=payment.asset,
            network=payment.network,
            payer=payment.payer,
            nonce=payment.nonce,
            retry_key=payment.retry_key,
        )
        try:
            self._append(payment, started, sale.version)
        except VersionConflictError as error:
            raise AlreadyUsedError from error

    def settle(self, payment: Payment, transaction: str) -> None:
        """Note the receipt."""
        self._append(payment, SaleSettled(transaction=transaction), self.find(payment).version)

    def fail(self, payment: Payment, reason: str) -> None:
        """Note that nothing was paid."""
        self._append(payment, SaleFailed(reason=reason), self.find(payment).version)

    def _append(self, payment: Payment, data: EventData, version: int) -> None:
        event = SALE.event(payment.sale_id, data, correlation=payment.sale_id)
        self._store.append([event], version)
