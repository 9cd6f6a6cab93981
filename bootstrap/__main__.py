"""The account stack: reads its settings, makes what an account and a region have once, says where it is."""

import sys
from pathlib import Path

# The engine runs a program from its own folder; what this one shares with the platform lies one above.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pulumi

from bootstrap.foundation import Foundation, FoundationArgs
from bootstrap.settings import AccountSettings
from components.providers import aws_provider, ownership_tags

settings = AccountSettings.load(pulumi.Config())
provider = aws_provider(settings.region, ownership_tags(settings.owner, settings.cost_center))
foundation = Foundation(
    "foundation", FoundationArgs(settings=settings), opts=pulumi.ResourceOptions(providers=[provider])
)

for name, value in foundation.outputs.items():
    pulumi.export(name, value)
