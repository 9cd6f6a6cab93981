"""CloudFront: distributions, VPC origins and policies of requests and of response headers."""

from collections.abc import Callable

from local_cloud.documents import Document, part, parts

from ..addresses import STATUS_TIMEOUT_S, daemon_status
from ..model import Call, Kind, NameRule, Properties, Resource, addressed, placed, poll

SERVICE = "cloudfront"


def distribution_config(inputs: Properties) -> Properties:
    """Return a distribution's inputs in the structure of the API, where Terraform's differs."""
    config = {
        key: value for key, value in inputs.items() if key not in ("retainOnDelete", "waitForDeployment")
    }
    config["origins"] = [_origin(item) for item in parts(config, "origins")]
    config["defaultCacheBehavior"] = _behavior(part(config, "defaultCacheBehavior"))
    config["cacheBehaviors"] = [_behavior(item) for item in parts(config, "orderedCacheBehaviors")]
    config.pop("orderedCacheBehaviors", None)
    geography = part(config, "restrictions", "geoRestriction")
    locations: list[str] = geography.get("locations") or []
    config["restrictions"] = {
        "geoRestriction": {
            "restrictionType": geography["restrictionType"],
            "quantity": len(locations),
            **({"items": locations} if locations else {}),
        }
    }
    return config


def _behavior(behavior: Document) -> Properties:
    methods = {key: behavior.get(key) for key in ("allowedMethods", "cachedMethods")}
    counted = {key: {"quantity": len(items), "items": items} for key, items in methods.items() if items}
    rest = {key: value for key, value in behavior.items() if key not in counted}
    cached = counted.pop("cachedMethods", None)
    return {**rest, "allowedMethods": {**counted["allowedMethods"], "cachedMethods": cached}}


def _origin(origin: Document) -> Properties:
    headers = [
        {"headerName": item["name"], "headerValue": item["value"]} for item in parts(origin, "customHeaders")
    ]
    renamed = {"originId": "id"}
    rest = {renamed.get(key, key): value for key, value in origin.items()}
    return {**rest, "customHeaders": headers, "originPath": origin.get("originPath") or ""}


def _config(resource: Resource, reference: str) -> Properties:
    declared = {key: resource.inputs[key] for key in resource.inputs if key != "tags"}
    config = placed(
        resource, SERVICE, "CreateDistribution", "DistributionConfig", distribution_config(declared)
    )
    return {"CallerReference": reference, **config}


def _present(resource: Resource) -> Properties:
    return resource.cloud.call(SERVICE, "GetDistributionConfig", {"Id": resource.id})


def _update(resource: Resource) -> Properties:
    present = _present(resource)
    config = _config(resource, present["DistributionConfig"]["CallerReference"])
    return {"Id": resource.id, "IfMatch": present["ETag"], "DistributionConfig": config}


def _disable(resource: Resource) -> None:
    present = _present(resource)
    request = {"Id": resource.id, "IfMatch": present["ETag"]}
    config = {**present["DistributionConfig"], "Enabled": False}
    resource.cloud.call(SERVICE, "UpdateDistribution", {**request, "DistributionConfig": config})


def _matching(operation: str) -> Callable[[Resource], Properties]:
    """Address the present version of a resource, which ``operation`` shows."""

    def extra(resource: Resource) -> Properties:
        found = resource.cloud.call(SERVICE, operation, {"Id": resource.id})
        return {"Id": resource.id, "IfMatch": found["ETag"]}

    return extra


def _until_served(resource: Resource) -> None:
    domain = str(resource.outputs["domainName"])

    def served() -> bool:
        return domain in daemon_status(resource.cloud.endpoint)["distributions"]

    poll(served, f"distribution {domain}", timeout_s=STATUS_TIMEOUT_S)


DISTRIBUTION = Kind(
    type="aws:cloudfront/distribution:Distribution",
    service=SERVICE,
    create_call=Call(
        operation="CreateDistribution",
        keys=frozenset(),
        extra=lambda resource: {"DistributionConfig": _config(resource, resource.urn)},
    ),
    update_call=Call(operation="UpdateDistribution", keys=frozenset(), extra=_update),
    updatable=None,
    find_call=addressed("GetDistribution", Id="{id}"),
    delete_call=Call(
        operation="DeleteDistribution", keys=frozenset(), extra=_matching("GetDistributionConfig"), by_id=True
    ),
    before_delete=_disable,
    wait=_until_served,
    id="Distribution.Id",
    outputs={
        "arn": "Distribution.ARN",
        "domainName": "Distribution.DomainName",
        "status": "Distribution.Status",
    },
)

VPC_ORIGIN = Kind(
    type="aws:cloudfront/vpcOrigin:VpcOrigin",
    service=SERVICE,
    create_call=Call(operation="CreateVpcOrigin", keys={"vpcOriginEndpointConfig"}),
    find_call=addressed("GetVpcOrigin", Id="{id}"),
    delete_call=Call(
        operation="DeleteVpcOrigin", keys=frozenset(), extra=_matching("GetVpcOrigin"), by_id=True
    ),
    id="VpcOrigin.Id",
    outputs={"arn": "VpcOrigin.Arn"},
)

HEADERS_POLICY = Kind(
    type="aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
    service=SERVICE,
    name=NameRule(property="name", length_max=128),
    create_call=Call(operation="CreateResponseHeadersPolicy", into="ResponseHeadersPolicyConfig"),
    update_call=Call(
        operation="UpdateResponseHeadersPolicy",
        into="ResponseHeadersPolicyConfig",
        extra=_matching("GetResponseHeadersPolicy"),
    ),
    updatable=None,
    find_call=addressed("GetResponseHeadersPolicy", Id="{id}"),
    delete_call=Call(
        operation="DeleteResponseHeadersPolicy",
        keys=frozenset(),
        extra=_matching("GetResponseHeadersPolicy"),
        by_id=True,
    ),
    id="ResponseHeadersPolicy.Id",
)


def request_policy_config(inputs: Properties) -> Properties:
    """Return an origin request policy's inputs in the structure of the API, which counts what it lists."""
    headers = part(inputs, "headersConfig")
    listed: list[object] = part(headers, "headers").get("items") or []
    counted = {"headers": {"quantity": len(listed), "items": listed}} if listed else {}
    # Read by name, each: what no request reads is reported as without an effect.
    return {**{name: inputs[name] for name in inputs}, "headersConfig": {**headers, **counted}}


def _request_policy(resource: Resource) -> Properties:
    member, operation = "OriginRequestPolicyConfig", "CreateOriginRequestPolicy"
    inputs = request_policy_config(resource.inputs)
    return {member: placed(resource, SERVICE, operation, member, inputs)}


def _next_request_policy(resource: Resource) -> Properties:
    return {**_matching("GetOriginRequestPolicy")(resource), **_request_policy(resource)}


REQUEST_POLICY = Kind(
    type="aws:cloudfront/originRequestPolicy:OriginRequestPolicy",
    service=SERVICE,
    name=NameRule(property="name", length_max=128),
    create_call=Call(operation="CreateOriginRequestPolicy", keys=frozenset(), extra=_request_policy),
    update_call=Call(operation="UpdateOriginRequestPolicy", keys=frozenset(), extra=_next_request_policy),
    updatable=None,
    find_call=addressed("GetOriginRequestPolicy", Id="{id}"),
    delete_call=Call(
        operation="DeleteOriginRequestPolicy",
        keys=frozenset(),
        extra=_matching("GetOriginRequestPolicy"),
        by_id=True,
    ),
    id="OriginRequestPolicy.Id",
)

KINDS = (
    DISTRIBUTION,
    VPC_ORIGIN,
    HEADERS_POLICY,
    REQUEST_POLICY,
)
