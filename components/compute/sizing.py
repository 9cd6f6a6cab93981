"""Sizes of a Fargate service (pure, no resources).

The pairs of CPU and memory are those that AWS documents for Linux tasks on Fargate.
"""

from dataclasses import dataclass

TASKS_MAX = 1000
"""Tasks that ECS runs in one service by default quota are 5,000; a typing error should not reach for them."""

_GIB = 1024

MEMORY_BY_CPU: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1024: tuple(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2048: tuple(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4096: tuple(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8192: tuple(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16384: tuple(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
}
"""Memory in MiB that Fargate sells for each number of CPU units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSize:
    """The size of one service's task and the limits of its number of tasks."""

    cpu: int
    """CPU units; 1024 is one vCPU."""
    memory: int
    """MiB."""
    tasks_min: int
    tasks_max: int

    def __post_init__(self) -> None:
        """Refuse what Fargate does not sell; see ``problem`` for the fields."""
        found = problem(self.cpu, self.memory, self.tasks_min, self.tasks_max)
        if found is not None:
            field, value, allowed = found
            raise ValueError(f"{field}: {value} is not allowed; {allowed}")


def problem(cpu: int, memory: int, tasks_min: int, tasks_max: int) -> tuple[str, int, str] | None:
    """Return the first thing wrong with a size, as field, value and what is allowed, if any."""
    if cpu not in MEMORY_BY_CPU:
        return "cpu", cpu, f"Fargate sells {_either(tuple(MEMORY_BY_CPU))} CPU units"
    if memory not in MEMORY_BY_CPU[cpu]:
        return "memory", memory, f"with {cpu} CPU units Fargate sells {_either(MEMORY_BY_CPU[cpu])} MiB"
    if not 0 <= tasks_max <= TASKS_MAX:
        return "tasks_max", tasks_max, f"a service runs 0 to {TASKS_MAX} tasks"
    if not 0 <= tasks_min <= tasks_max:
        return "tasks_min", tasks_min, f"the minimum lies between 0 and the maximum, {tasks_max}"
    return None


def _either(values: tuple[int, ...]) -> str:
    return ", ".join(str(value) for value in values)
