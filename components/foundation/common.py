"""What every part of the platform is made with."""

from dataclasses import dataclass, replace

import pulumi

from ..account import Account
from ..data.key_plan import DataClass
from ..data.keys import Keys
from ..messaging.queue import QueueEncryption
from ..observe.alarms import Alerts
from ..observe.logs import LogPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """Whose resources a part makes, and how they are encrypted, logged, watched and kept."""

    label: str
    """What their names begin with."""
    options: pulumi.ResourceOptions
    """Make them children of the platform."""
    account: Account
    keys: Keys
    logs: LogPolicy
    alerts: Alerts
    queues: QueueEncryption
    recovery_days: int
    protect: bool
    asleep: bool

    def named(self, part: str) -> str:
        """Return a resource's name."""
        return f"{self.label}-{part}"

    def logs_in(self, region: str) -> LogPolicy:
        """Return how logs are kept in ``region``, under a key of that region."""
        if region == self.account.region:
            return self.logs
        return replace(self.logs, key_arn=self.keys.of(DataClass.LOGS, region).arn, region=region)
