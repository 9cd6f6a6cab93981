"""ECS, Cloud Map and ECR."""

import json
from collections.abc import Set

from local_cloud.documents import Document, part, parts

from ..model import After, Call, Kind, NameRule, Properties, Resource, Setting, State, Text, addressed, poll

CLUSTER = Kind(
    type="aws:ecs/cluster:Cluster",
    service="ecs",
    name=NameRule(property="name", length_max=255),
    taggable=True,
    create_call=Call(operation="CreateCluster", rename={"name": "clusterName"}),
    update_call=Call(
        operation="UpdateCluster",
        keys={"configuration", "serviceConnectDefaults", "settings"},
        extra=lambda resource: {"cluster": resource.physical},
    ),
    updatable={"configuration", "serviceConnectDefaults", "settings"},
    find_call=Call(
        operation="DescribeClusters",
        keys=frozenset(),
        extra=lambda resource: {"clusters": [resource.physical]},
    ),
    found=lambda _resource, answer: any(item["status"] == "ACTIVE" for item in answer["clusters"]),
    delete_call=addressed("DeleteCluster", cluster="{name}"),
    id=Text("arn:aws:ecs:{region}:{account}:cluster/{name}"),
    outputs={"arn": Text("arn:aws:ecs:{region}:{account}:cluster/{name}")},
)

_PROVIDERS_CALL = Call(
    operation="PutClusterCapacityProviders",
    rename={"clusterName": "cluster", "defaultCapacityProviderStrategies": "defaultCapacityProviderStrategy"},
    extra=lambda resource: {
        "capacityProviders": resource.inputs.get("capacityProviders") or [],
        "defaultCapacityProviderStrategy": [
            _strategy(item) for item in parts(resource.inputs, "defaultCapacityProviderStrategies")
        ],
    },
)


def _strategy(item: Document) -> Properties:
    numbers = {key: int(item[key]) for key in ("weight", "base") if item.get(key) is not None}
    return {"capacityProvider": item["capacityProvider"], **numbers}


CAPACITY_PROVIDERS = Kind(
    type="aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
    service="ecs",
    create_call=_PROVIDERS_CALL,
    update_call=_PROVIDERS_CALL,
    updatable={"capacityProviders", "defaultCapacityProviderStrategies"},
    id=Text("{clusterName}"),
)


def _definition(resource: Resource) -> Properties:
    # Definitions are JSON in ECS's own spelling already, and volumes nest their host path.
    request: Properties = {"containerDefinitions": json.loads(resource.inputs["containerDefinitions"])}
    if volumes := resource.inputs.get("volumes"):
        request["volumes"] = [
            {
                "name": item["name"],
                **({"host": {"sourcePath": item["hostPath"]}} if item.get("hostPath") else {}),
            }
            for item in volumes
        ]
    return request


TASK_DEFINITION = Kind(
    type="aws:ecs/taskDefinition:TaskDefinition",
    service="ecs",
    # A family holds any number of revisions, so the next one may use the same name.
    name=NameRule(property="family", length_max=255, reusable=True),
    taggable=True,
    create_call=Call(operation="RegisterTaskDefinition", extra=_definition),
    # By revision once it is known; without an id nothing tells an unrecorded revision from an older one.
    find_call=addressed("DescribeTaskDefinition", taskDefinition="{id}"),
    found=lambda resource, answer: bool(resource.id) and answer["taskDefinition"]["status"] == "ACTIVE",
    delete_call=addressed("DeregisterTaskDefinition", taskDefinition="{id}"),
    id="taskDefinition.taskDefinitionArn",
    outputs={
        "arn": "taskDefinition.taskDefinitionArn",
        "revision": "taskDefinition.revision",
        "arnWithoutRevision": Text("arn:aws:ecs:{region}:{account}:task-definition/{name}"),
    },
    ignored={"skipDestroy", "trackLatest"},
)


def _deployment(resource: Resource) -> Properties:
    inputs = resource.inputs
    configuration: Properties = dict(part(inputs, "deploymentConfiguration"))
    if (breaker := inputs.get("deploymentCircuitBreaker")) is not None:
        configuration["deploymentCircuitBreaker"] = breaker
    if (alarms := inputs.get("alarms")) is not None:
        configuration["alarms"] = alarms
    for key, member in (
        ("deploymentMaximumPercent", "maximumPercent"),
        ("deploymentMinimumHealthyPercent", "minimumHealthyPercent"),
    ):
        if inputs.get(key) is not None:
            configuration[member] = int(inputs[key])
    return {"deploymentConfiguration": configuration} if configuration else {}


_SERVICE_RENAME = {"name": "serviceName", "capacityProviderStrategies": "capacityProviderStrategy"}
_SERVICE_UPDATABLE = frozenset(
    {
        "availabilityZoneRebalancing",
        "capacityProviderStrategies",
        "deploymentCircuitBreaker",
        "deploymentConfiguration",
        "deploymentMaximumPercent",
        "deploymentMinimumHealthyPercent",
        "alarms",
        "desiredCount",
        "enableEcsManagedTags",
        "enableExecuteCommand",
        "forceNewDeployment",
        "healthCheckGracePeriodSeconds",
        "loadBalancers",
        "networkConfiguration",
        "platformVersion",
        "propagateTags",
        "serviceConnectConfiguration",
        "serviceRegistries",
        "taskDefinition",
        "triggers",
    }
)
_SERVICE_UNSENT = frozenset(
    {"deploymentConfiguration", "deploymentMaximumPercent", "deploymentMinimumHealthyPercent", "alarms"}
) | {"deploymentCircuitBreaker", "triggers", "waitForSteadyState", "sigintRollback", "forceDelete"}
_SERVICE_CREATE = (_SERVICE_UPDATABLE - _SERVICE_UNSENT - {"forceNewDeployment"}) | {
    "name",
    "cluster",
    "launchType",
    "schedulingStrategy",
    "deploymentController",
    "tags",
}


def _service_address(resource: Resource) -> Properties:
    return {"cluster": resource.inputs["cluster"], "services": [resource.physical]}


def _service_update(resource: Resource) -> Properties:
    return {"service": resource.physical, "cluster": resource.inputs["cluster"], **_deployment(resource)}


def _scale_to_zero(resource: Resource) -> None:
    request = {"cluster": resource.inputs["cluster"], "service": resource.physical, "desiredCount": 0}
    resource.cloud.call("ecs", "UpdateService", request)


def _service_deletion(resource: Resource) -> Properties:
    return {"cluster": resource.inputs["cluster"], "service": resource.physical, "force": True}


SERVICE = Kind(
    type="aws:ecs/service:Service",
    service="ecs",
    name=NameRule(property="name", length_max=255),
    taggable=True,
    create_call=Call(
        operation="CreateService", keys=_SERVICE_CREATE, rename=_SERVICE_RENAME, extra=_deployment
    ),
    update_call=Call(
        operation="UpdateService",
        keys=_SERVICE_UPDATABLE - _SERVICE_UNSENT,
        rename=_SERVICE_RENAME,
        extra=_service_update,
    ),
    updatable=_SERVICE_UPDATABLE,
    find_call=Call(operation="DescribeServices", keys=frozenset(), extra=_service_address),
    found=lambda _resource, answer: any(item["status"] == "ACTIVE" for item in answer["services"]),
    delete_call=Call(operation="DeleteService", keys=frozenset(), extra=_service_deletion),
    before_delete=_scale_to_zero,
    id="(service || services[0]).serviceArn",
    outputs={"arn": "(service || services[0]).serviceArn"},
    # Callers that need a steady state ask the control plane; the program does not wait for it here.
    ignored={"waitForSteadyState", "sigintRollback", "forceDelete"},
)


class PrivateDnsNamespace:
    """A Cloud Map namespace: made by an operation of its own that has to be waited for."""

    name = NameRule(property="name", length_max=253)
    keeps = None
    delete_first = False
    taggable = True
    findable = True
    volatile = frozenset[str]()

    def create(self, resource: Resource) -> State:
        """Create the namespace and wait for the operation."""
        request = {
            key: value
            for key, value in (
                ("Name", resource.physical),
                ("Vpc", resource.inputs["vpc"]),
                ("Description", resource.inputs.get("description")),
            )
            if value
        }
        answer = resource.cloud.call("servicediscovery", "CreatePrivateDnsNamespace", request)
        self._finished(resource, answer["OperationId"])
        state = self.find(resource)
        if state is None:
            raise LookupError(f"namespace {resource.physical} was created and cannot be found")
        return state

    def find(self, resource: Resource) -> State | None:
        """Look for a namespace of that name."""
        namespaces = resource.cloud.call("servicediscovery", "ListNamespaces", {})["Namespaces"]
        for namespace in namespaces:
            if namespace["Name"] == resource.physical:
                dns = part(namespace, "Properties", "DnsProperties")
                return State(
                    namespace["Id"],
                    {"arn": namespace["Arn"], "hostedZone": dns.get("HostedZoneId", "")},
                )
        return None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Only the description may change."""
        return changed - {"description", "tags", "tagsAll", "region"}

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Change the description."""
        if "description" in changed:
            change = {"Description": resource.inputs.get("description", "")}
            request = {"Id": resource.id, "Namespace": change}
            resource.cloud.call("servicediscovery", "UpdatePrivateDnsNamespace", request)
        return State(resource.id, resource.outputs)

    def delete(self, resource: Resource) -> None:
        """Delete the namespace and wait for the operation."""
        if self.find(resource) is None:
            return
        answer = resource.cloud.call("servicediscovery", "DeleteNamespace", {"Id": resource.id})
        self._finished(resource, answer["OperationId"])

    def _finished(self, resource: Resource, operation_id: str) -> None:
        def success() -> bool:
            answer = resource.cloud.call("servicediscovery", "GetOperation", {"OperationId": operation_id})
            operation = answer["Operation"]
            if operation["Status"] == "FAIL":
                raise RuntimeError(
                    f"namespace {resource.physical}: {operation.get('ErrorMessage', 'failed')}"
                )
            return operation["Status"] == "SUCCESS"

        poll(success, f"namespace {resource.physical}")


def _registry(resource: Resource) -> Properties:
    namespace = part(resource.inputs, "dnsConfig").get("namespaceId")
    return {"NamespaceId": namespace} if namespace else {}


def _registered(resource: Resource, answer: Properties) -> bool:
    """Find the service among its namespace's, and leave it in the answer where a creation has it."""
    for service in answer["Services"]:
        if service["Name"] == resource.physical:
            answer["Service"] = service
            return True
    return False


DISCOVERY_SERVICE = Kind(
    type="aws:servicediscovery/service:Service",
    service="servicediscovery",
    name=NameRule(property="name", length_max=64),
    taggable=True,
    create_call=Call(operation="CreateService", extra=_registry),
    find_call=Call(
        operation="ListServices",
        keys=frozenset(),
        extra=lambda resource: {
            "Filters": [{"Name": "NAMESPACE_ID", "Values": [resource.inputs["dnsConfig"]["namespaceId"]]}]
        },
    ),
    found=_registered,
    delete_call=addressed("DeleteService", Id="{id}"),
    id="Service.Id",
    outputs={"arn": "Service.Arn"},
    ignored={"forceDestroy"},
)

_REPOSITORY_OUTPUTS: dict[str, str | Text | After] = {
    "arn": "(repository || repositories[0]).repositoryArn",
    "registryId": "(repository || repositories[0]).registryId",
    "repositoryUrl": "(repository || repositories[0]).repositoryUri",
}


def _repository_deletion(resource: Resource) -> Properties:
    return {"repositoryName": resource.physical, "force": True}


_LIFECYCLE_CALL = Call(
    operation="PutLifecyclePolicy",
    keys={"repository", "policy"},
    rename={"repository": "repositoryName", "policy": "lifecyclePolicyText"},
)


def _repository(token: str, outputs: dict[str, str | Text | After], ignored: set[str]) -> Kind:
    return Kind(
        type=token,
        service="ecr",
        name=NameRule(property="name", length_max=256, lowercase=True),
        taggable=True,
        create_call=Call(
            operation="CreateRepository",
            keys={"name", "imageTagMutability", "imageScanningConfiguration", "tags"},
            rename={"name": "repositoryName"},
            extra=_repository_encryption,
        ),
        settings=(
            Setting(
                keys={"imageTagMutability"},
                at_creation=False,
                set=Call(
                    operation="PutImageTagMutability",
                    keys={"name", "imageTagMutability"},
                    rename={"name": "repositoryName"},
                ),
            ),
            Setting(
                keys={"imageScanningConfiguration"},
                at_creation=False,
                set=Call(
                    operation="PutImageScanningConfiguration",
                    keys={"name", "imageScanningConfiguration"},
                    rename={"name": "repositoryName"},
                ),
            ),
        ),
        find_call=Call(
            operation="DescribeRepositories",
            keys=frozenset(),
            extra=lambda resource: {"repositoryNames": [resource.physical]},
        ),
        delete_call=Call(operation="DeleteRepository", keys=frozenset(), extra=_repository_deletion),
        id=Text("{name}"),
        outputs=outputs,
        ignored=ignored,
    )


def _repository_encryption(resource: Resource) -> Properties:
    blocks = parts(resource.inputs, "encryptionConfigurations")
    if not blocks:
        return {}
    block = blocks[0]
    key = {"kmsKey": block["kmsKey"]} if block.get("kmsKey") else {}
    return {"encryptionConfiguration": {"encryptionType": block.get("encryptionType", "AES256"), **key}}


# The awsx component: a repository and its lifecycle policy, which expires images. What is built here is
# pruned by the image builder, so the policy has no effect.
AWSX_REPOSITORY = _repository(
    "awsx:ecr:Repository",
    {"url": "(repository || repositories[0]).repositoryUri"},
    {"forceDelete", "lifecyclePolicy"},
)

KINDS = (
    CLUSTER,
    CAPACITY_PROVIDERS,
    TASK_DEFINITION,
    SERVICE,
    DISCOVERY_SERVICE,
    AWSX_REPOSITORY,
)
OTHERS = {"aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": PrivateDnsNamespace()}
