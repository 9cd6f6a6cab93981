"""The job with which a workload takes part in erasing a person.

Creates: the job `<workload>-erase`, which `nova erase` starts together with those of all other workloads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from .access.role import ServiceRole
from .compute.environment import job_environment
from .compute.image import Image
from .compute.job import Job, JobArgs
from .compute.task import task_service_role
from .data.secrets import SecretReference
from .network.connection import Callee
from .platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureArgs:
    """What a workload runs, as whom, and what it has to know besides what every erasure knows."""

    platform: Platform
    image: Image
    module: str
    """Of Python, in the image; it uses `nova_common.erasure`."""
    role: ServiceRole
    """From `erasure_role`, granted what removing takes; it is sealed here."""
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, SecretReference] = field(default_factory=dict[str, SecretReference])
    calls: Sequence[Callee] = ()


def erasure_role(label: str, platform: Platform, opts: pulumi.ResourceOptions) -> ServiceRole:
    """Return the role of the workload's erasure: it finds what a person has, and takes their key away."""
    role = task_service_role(f"{_name(label)}-task", platform.account, opts)
    platform.data_keys.grant_erase(role)
    platform.events.grant_find(role)
    platform.events.grant_query(role)
    return role


def erasure_job(label: str, args: ErasureArgs, opts: pulumi.ResourceOptions) -> Job:
    """Declare the erasure of the workload ``label``."""
    name, platform = _name(label), args.platform
    return Job(
        name,
        JobArgs(
            ground=platform.jobs,
            image=args.image,
            command=("python", "-m", args.module),
            environment={
                **job_environment(name),
                **platform.data_keys.telling_environment(),
                "EVENT_STORE_TABLE": platform.events.name,
                **args.environment,
            },
            secrets=args.secrets,
            role=args.role,
            calls=args.calls,
        ),
        opts=opts,
    )


def _name(label: str) -> str:
    return f"{label}-erase"
