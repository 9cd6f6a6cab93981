"""Where running tasks are announced: the target groups and Cloud Map services of their ECS service."""

from collections.abc import Callable, Iterator

from local_cloud.documents import Document
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime.tasks import Task

LOOPBACK = "127.0.0.1"


class Registrar:
    """Registers tasks while they serve."""

    def __init__(self, ministack: MiniStack, aws: Aws, touch_service: Callable[[str], None]) -> None:
        self._ministack = ministack
        self._aws = aws
        self._touch_service = touch_service

    @staticmethod
    def _targets(service: Document, task: Task) -> Iterator[tuple[str, int]]:
        for balancer in service.get("loadBalancers", []):
            port = task.ports.get(balancer["containerName"], {}).get(int(balancer["containerPort"]))
            if port is not None and balancer.get("targetGroupArn"):
                yield balancer["targetGroupArn"], port

    async def register(self, service: Document, task: Task) -> None:
        """Announce a healthy task."""
        for target_group, port in self._targets(service, task):
            self._ministack.register_target(target_group, LOOPBACK, port)
            self._touch_service("elasticloadbalancing")
        for registry in service.get("serviceRegistries", []):
            name: str = registry.get("containerName") or next(iter(task.ports), "")
            ports = task.ports.get(name, {})
            port = ports.get(int(registry.get("containerPort") or next(iter(ports), 0)))
            attributes = {"AWS_INSTANCE_IPV4": LOOPBACK, "ECS_SERVICE_NAME": service["serviceName"]}
            if port is not None:
                attributes["AWS_INSTANCE_PORT"] = str(port)
            await self._aws.call("servicediscovery", "RegisterInstance", {
                "ServiceId": registry["registryArn"].rpartition("/")[2],
                "InstanceId": task.record["taskArn"].rpartition("/")[2],
                "Attributes": attributes,
            })  # fmt: skip

    async def withdraw(self, service: Document, task: Task) -> None:
        """Take back a task that is about to stop, so that nothing new is sent to it."""
        for target_group, port in self._targets(service, task):
            self._ministack.deregister_targets(
                target_group, lambda host, own, port=port: (host, own) == (LOOPBACK, port)
            )
            self._touch_service("elasticloadbalancing")
        for registry in service.get("serviceRegistries", []):
            await self._deregister(registry, task.record["taskArn"].rpartition("/")[2])

    async def clear(self, service: Document) -> None:
        """Take back everything that a service of an earlier daemon announced."""
        for balancer in service.get("loadBalancers", []):
            self._ministack.deregister_targets(
                balancer.get("targetGroupArn", ""), lambda host, _port: host == LOOPBACK
            )
        for registry in service.get("serviceRegistries", []):
            service_id: str = registry["registryArn"].rpartition("/")[2]
            try:
                output = await self._aws.call("servicediscovery", "ListInstances", {"ServiceId": service_id})
            except AwsError:
                continue  # the registry is gone: nothing is announced there
            for instance in output["Instances"]:
                await self._deregister(registry, instance["Id"])

    async def _deregister(self, registry: Document, instance: str) -> None:
        parameters = {"ServiceId": registry["registryArn"].rpartition("/")[2], "InstanceId": instance}
        try:
            await self._aws.call("servicediscovery", "DeregisterInstance", parameters)
        except AwsError as error:
            if error.code not in ("InstanceNotFound", "ServiceNotFound"):
                raise
