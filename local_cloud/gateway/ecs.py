"""ECS services and tasks with processes behind them; clusters and task definitions stay MiniStack's.

Corrects: MiniStack's ECS runs containers through Docker and otherwise reports RUNNING without a process
(services/ecs.py `_run_task_worker`).
"""

import datetime
import time
import uuid
from typing import Any

from local_cloud.documents import Document
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import ACCOUNT, MiniStack
from local_cloud.gateway.protocol import AwsError, Handler, NotOurs, TargetService
from local_cloud.runtime.services import Scheduler, new_record

COPIED = (
    "loadBalancers", "serviceRegistries", "networkConfiguration", "deploymentConfiguration",
    "capacityProviderStrategy", "healthCheckGracePeriodSeconds", "propagateTags", "enableExecuteCommand",
    "enableECSManagedTags", "platformVersion", "availabilityZoneRebalancing", "placementConstraints",
    "placementStrategy", "serviceConnectConfiguration", "volumeConfigurations",
)  # fmt: skip
"""Members of CreateService and UpdateService that DescribeServices shows as they were given."""
REPLACING = (
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
    "capacityProviderStrategy",
    "platformVersion",
)
"""Members whose change starts a new deployment (UpdateService reference)."""
INTERNAL = ("definitions", "lastFailure")
RUN_TASK_MOST = 10


def tail(reference: str) -> str:
    """Return the name that an ARN or a name refers to."""
    return reference.rpartition("/")[2]


class EcsService:
    """The operations on services and tasks."""

    def __init__(self, scheduler: Scheduler, aws: Aws, ministack: MiniStack) -> None:
        self._scheduler = scheduler
        self._aws = aws
        self._ministack = ministack

    def handler(self, otherwise: Handler) -> TargetService:
        """Return the service's handler."""
        operations = {
            "CreateService": self.create_service,
            "UpdateService": self.update_service,
            "DeleteService": self.delete_service,
            "DescribeServices": self.describe_services,
            "ListServices": self.list_services,
            "DeleteCluster": self.delete_cluster,
            "RunTask": self.run_task,
            "StopTask": self.stop_task,
            "DescribeTasks": self.describe_tasks,
            "ListTasks": self.list_tasks,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }
        return TargetService(operations, otherwise)

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:ecs:{self._ministack.region()}:{ACCOUNT}:{kind}/{name}"

    def _cluster_arn(self, request: Document) -> str:
        return self._arn("cluster", tail(request.get("cluster") or "default"))

    async def _existing_cluster(self, request: Document) -> str:
        arn, region = self._cluster_arn(request), self._ministack.region()
        found = await self._aws.call("ecs", "DescribeClusters", {"clusters": [arn]}, region=region)
        if not any(cluster["status"] == "ACTIVE" for cluster in found["clusters"]):
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return arn

    async def _definition(self, reference: str) -> Document:
        parameters = {"taskDefinition": reference}
        output = await self._aws.call(
            "ecs", "DescribeTaskDefinition", parameters, region=self._ministack.region()
        )
        definition: Document = output["taskDefinition"]
        if definition["status"] != "ACTIVE":
            raise AwsError("ClientException", f"TaskDefinition is inactive: {reference}")
        return {key: value for key, value in definition.items() if not isinstance(value, datetime.datetime)}

    def _service(self, request: Document) -> Document:
        prefix = self._cluster_arn(request).replace(":cluster/", ":service/")
        arn = f"{prefix}/{tail(request.get('service', ''))}"
        service = self._scheduler.services.get(arn)
        if service is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return service

    def _shown(self, service: Document) -> Document:
        shown = {key: value for key, value in service.items() if key not in INTERNAL}
        tasks = [task for task in self._scheduler.tasks_of(service) if not task.stopping]
        for deployment in shown["deployments"]:
            own = [task for task in tasks if task.record["startedBy"] == deployment["id"]]
            running = sum(task.record["lastStatus"] == "RUNNING" for task in own)
            deployment.update(
                runningCount=running, pendingCount=len(own) - running, desiredCount=service["desiredCount"]
            )
        return shown | self._scheduler.counts(service)

    @staticmethod
    def _deployment(definition: Document) -> Document:
        now = time.time()
        return {
            "id": f"ecs-svc/{uuid.uuid4().int % 10**19:019d}",
            "status": "PRIMARY",
            "taskDefinition": definition["taskDefinitionArn"],
            "failedTasks": 0,
            "createdAt": now,
            "updatedAt": now,
            "launchType": "FARGATE",
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": "ECS deployment in progress.",
        }

    async def create_service(self, request: Document) -> Document:
        """Create a service and start its tasks."""
        cluster_arn, name = await self._existing_cluster(request), request.get("serviceName") or ""
        if not name:
            raise AwsError("InvalidParameterException", "Service name cannot be blank.")
        arn = f"{cluster_arn.replace(':cluster/', ':service/')}/{name}"
        if self._scheduler.services.get(arn, {}).get("status") in ("ACTIVE", "DRAINING"):
            raise AwsError("InvalidParameterException", "Creation of service was not idempotent.")
        definition = await self._definition(request.get("taskDefinition") or "")
        deployment = self._deployment(definition)
        service: Document = {
            "serviceArn": arn,
            "serviceName": name,
            "clusterArn": cluster_arn,
            "status": "ACTIVE",
            "desiredCount": request.get("desiredCount", 1),
            "taskDefinition": definition["taskDefinitionArn"],
            "launchType": request.get("launchType", "FARGATE"),
            "schedulingStrategy": request.get("schedulingStrategy", "REPLICA"),
            "deploymentController": request.get("deploymentController", {"type": "ECS"}),
            "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
            "loadBalancers": [],
            "serviceRegistries": [],
            "deployments": [deployment],
            "definitions": {definition["taskDefinitionArn"]: definition},
            "events": [],
            "createdAt": time.time(),
            "tags": request.get("tags", []),
        }
        service |= {key: request[key] for key in COPIED if key in request}
        self._scheduler.services[arn] = service
        self._scheduler.wake()
        return {"service": self._shown(service)}

    async def update_service(self, request: Document) -> Document:
        """Change a service; a new task definition (or a forced deployment) rolls its tasks."""
        service = self._service(request)
        if service["status"] != "ACTIVE":
            raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
        definition: Document = service["definitions"][service["taskDefinition"]]
        if "taskDefinition" in request:
            definition = await self._definition(request["taskDefinition"])
        roll = definition["taskDefinitionArn"] != service["taskDefinition"] or bool(
            request.get("forceNewDeployment")
        )
        roll = roll or any(key in request and request[key] != service.get(key) for key in REPLACING)
        service |= {key: request[key] for key in COPIED if key in request}
        service["desiredCount"] = request.get("desiredCount", service["desiredCount"])
        if roll:
            for deployment in service["deployments"]:
                deployment["status"] = "ACTIVE"
            service["deployments"].insert(0, self._deployment(definition))
            service["definitions"][definition["taskDefinitionArn"]] = definition
            service["taskDefinition"] = definition["taskDefinitionArn"]
            service.pop("lastFailure", None)
        elif "desiredCount" in request:
            service["deployments"][0].update(rolloutState="IN_PROGRESS", updatedAt=time.time())
        self._scheduler.wake()
        return {"service": self._shown(service)}

    async def delete_service(self, request: Document) -> Document:
        """Drain a service: its tasks stop, then it is INACTIVE."""
        service = self._service(request)
        if service["status"] == "INACTIVE":
            raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
        if service["desiredCount"] > 0 and not request.get("force"):
            raise AwsError(
                "InvalidParameterException", "The service cannot be stopped while it is scaled above 0."
            )
        service.update(status="DRAINING", desiredCount=0)
        self._scheduler.wake()
        return {"service": self._shown(service)}

    async def describe_services(self, request: Document) -> Document:
        """Return services with their deployments, counts and events."""
        await self._existing_cluster(request)
        services: list[Document] = []
        failures: list[Document] = []
        for reference in request.get("services", []):
            try:
                services.append(self._shown(self._service({**request, "service": reference})))
            except AwsError:
                failures.append({"arn": self._arn("service", reference), "reason": "MISSING"})
        if "TAGS" not in request.get("include", []):
            services = [
                {key: value for key, value in service.items() if key != "tags"} for service in services
            ]
        return {"services": services, "failures": failures}

    async def list_services(self, request: Document) -> Document:
        """Return the ARNs of a cluster's services."""
        cluster_arn = await self._existing_cluster(request)
        services = self._scheduler.services.values()
        arns = [
            item["serviceArn"]
            for item in services
            if item["clusterArn"] == cluster_arn and item["status"] != "INACTIVE"
        ]
        return {"serviceArns": arns}

    async def delete_cluster(self, request: Document) -> Document:
        """Refuse to delete a cluster that has services; MiniStack deletes it otherwise."""
        cluster_arn = self._cluster_arn(request)
        if any(
            item["clusterArn"] == cluster_arn and item["status"] != "INACTIVE"
            for item in self._scheduler.services.values()
        ):
            raise AwsError(
                "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
            )
        raise NotOurs

    async def run_task(self, request: Document) -> Document:
        """Start tasks that belong to no service."""
        cluster_arn, definition = (
            await self._existing_cluster(request),
            await self._definition(request["taskDefinition"]),
        )
        count: int = request.get("count", 1)
        if not 1 <= count <= RUN_TASK_MOST:
            raise AwsError(
                "InvalidParameterException", f"Count should be between 1 and {RUN_TASK_MOST}: {count}"
            )
        records: list[Document] = []
        for _ in range(count):
            record = new_record(
                cluster_arn, definition, request.get("group") or f"family:{definition['family']}"
            )
            record.update(
                startedBy=request.get("startedBy", ""),
                overrides=request.get("overrides") or {},
                tags=request.get("tags", []),
            )
            self._scheduler.launch(record, definition)
            records.append(record)
        return {"tasks": records, "failures": []}

    def _task(self, reference: str) -> Document | None:
        return next(
            (item for item in self._scheduler.records.values() if tail(item["taskArn"]) == tail(reference)),
            None,
        )

    async def stop_task(self, request: Document) -> Document:
        """Stop a task; its service starts another one."""
        record = self._task(request.get("task", ""))
        if record is None:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        self._scheduler.stop_task(record["taskArn"], request.get("reason", "Task stopped by user"))
        return {"task": record}

    async def describe_tasks(self, request: Document) -> Document:
        """Return tasks, also stopped ones for a while."""
        found = {reference: self._task(reference) for reference in request.get("tasks", [])}
        failures = [
            {"arn": self._arn("task", name), "reason": "MISSING"}
            for name, record in found.items()
            if not record
        ]
        return {"tasks": [record for record in found.values() if record], "failures": failures}

    async def list_tasks(self, request: Document) -> Document:
        """Return the ARNs of a cluster's tasks: by service, family, starter and desired status."""
        cluster_arn = await self._existing_cluster(request)
        wanted: dict[str, Any] = {
            "clusterArn": cluster_arn,
            "desiredStatus": request.get("desiredStatus", "RUNNING"),
        }
        if request.get("serviceName"):
            wanted["group"] = f"service:{tail(request['serviceName'])}"
        if request.get("startedBy"):
            wanted["startedBy"] = request["startedBy"]
        family: str = request.get("family", "")
        return {"taskArns": [
            arn for arn, record in self._scheduler.records.items()
            if all(record.get(key) == value for key, value in wanted.items())
            and (not family or tail(record["taskDefinitionArn"]).partition(":")[0] == family)
        ]}  # fmt: skip

    def _tagged(self, request: Document) -> Document:
        arn: str = request.get("resourceArn", "")
        found = self._scheduler.services.get(arn) or self._scheduler.records.get(arn)
        if found is None:
            raise NotOurs
        return found

    async def tag(self, request: Document) -> Document:
        """Add tags to a service or task."""
        resource, added = self._tagged(request), {entry["key"]: entry for entry in request.get("tags", [])}
        kept = [entry for entry in resource.get("tags", []) if entry["key"] not in added]
        resource["tags"] = [*kept, *added.values()]
        self._scheduler.wake()
        return {}

    async def untag(self, request: Document) -> Document:
        """Remove tags from a service or task."""
        resource = self._tagged(request)
        resource["tags"] = [
            entry for entry in resource.get("tags", []) if entry["key"] not in request.get("tagKeys", [])
        ]
        self._scheduler.wake()
        return {}

    async def list_tags(self, request: Document) -> Document:
        """Return the tags of a service or task."""
        return {"tags": self._tagged(request).get("tags", [])}
