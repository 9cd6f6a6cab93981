"""The policy pack: `pulumi preview --policy-pack policy` starts it and asks it."""

from pathlib import Path

from nova_policy.exemptions import read_exemptions
from nova_policy.pack import Pack
from nova_policy.registry import all_rules
from pulumi_policy import PolicyPack

PolicyPack(
    name="nova-policy",
    policies=Pack(all_rules(), read_exemptions(Path(__file__).with_name("exceptions.toml"))).policies(),
    provider="AWS",
)
