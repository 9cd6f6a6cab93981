"""What a program made of the platform's workloads, added up for its API and its outputs (no resources)."""

from collections.abc import Sequence
from typing import Protocol

import pulumi

from components.compute.job import Job
from components.edge.routes import Route


class Workload(Protocol):
    """What a workload hands over to whoever composes it."""

    @property
    def routes(self) -> Sequence[Route]:
        """What the public API lets through to it."""
        ...

    @property
    def service_names(self) -> Sequence[pulumi.Output[str]]:
        """Names of its ECS services."""
        ...

    @property
    def jobs(self) -> Sequence[Job]:
        """What the command line may start of it."""
        ...


class Workloads:
    """All workloads of a program, in the order in which they were made."""

    def __init__(self) -> None:
        self._made: list[Workload] = []

    def add[Made: Workload](self, workload: Made) -> Made:
        """Take a workload up and return it."""
        self._made.append(workload)
        return workload

    @property
    def routes(self) -> list[Route]:
        """The routes of all that were made so far."""
        return [route for workload in self._made for route in workload.routes]

    @property
    def service_names(self) -> list[pulumi.Output[str]]:
        """The names of all their services."""
        return [name for workload in self._made for name in workload.service_names]

    @property
    def jobs(self) -> list[Job]:
        """All their jobs."""
        return [job for workload in self._made for job in workload.jobs]
