"""All kinds of aggregates, of all services: what may stand in the event store.

A service reads the kinds that it needs; whoever goes through the whole store reads them all.
"""

from nova_common.contracts.audio import RECORDING
from nova_common.contracts.live import LIVE_CONVERSATION
from nova_common.contracts.payments import PAYMENT
from nova_common.contracts.search import DOCUMENT
from nova_common.contracts.sessions import SESSION
from nova_common.contracts.video import VIDEO
from nova_common.contracts.weather import SALE

AGGREGATES = (DOCUMENT, LIVE_CONVERSATION, PAYMENT, RECORDING, SALE, SESSION, VIDEO)
