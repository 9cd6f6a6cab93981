"""The stage of a REST API: its address on this machine is known to the daemon alone."""

from collections.abc import Set

from ..addresses import STATUS_TIMEOUT_S, daemon_status
from ..model import Kind, Resource, State, poll


class RestStage:
    """The declared kind, with the address where the stage listens as `invokeUrl`."""

    def __init__(self, declared: Kind) -> None:
        self._declared = declared
        self.name = declared.name
        self.keeps = declared.keeps
        self.delete_first = declared.delete_first
        self.taggable = declared.taggable
        self.findable = declared.findable
        self.volatile = declared.volatile

    def create(self, resource: Resource) -> State:
        """Create the stage and ask where it listens."""
        return self._with_url(resource, self._declared.create(resource))

    def find(self, resource: Resource) -> State | None:
        """Look the stage up; it counts as missing when its address has changed."""
        found = self._declared.find(resource)
        if found is None:
            return None
        located = self._with_url(resource, found)
        known = resource.outputs.get("invokeUrl")
        return located if known is None or known == located.outputs["invokeUrl"] else None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """As declared."""
        return self._declared.needs_replacement(changed)

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Change the stage in place."""
        return self._with_url(resource, self._declared.update(resource, changed))

    def delete(self, resource: Resource) -> None:
        """Delete the stage."""
        self._declared.delete(resource)

    def _with_url(self, resource: Resource, state: State) -> State:
        api, stage = str(resource.inputs["restApi"]), str(resource.inputs["stageName"])
        found: dict[str, str] = {}

        def listening() -> bool:
            found.update(_stage_urls(resource.cloud.endpoint, api))
            return stage in found

        poll(listening, f"stage {stage} of API {api}", timeout_s=STATUS_TIMEOUT_S)
        return State(state.id, {**state.outputs, "invokeUrl": found[stage]})


def _stage_urls(endpoint: str, api: str) -> dict[str, str]:
    return daemon_status(endpoint)["rest_apis"].get(api, {}).get("stages", {})
