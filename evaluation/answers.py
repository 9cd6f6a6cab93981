"""What AWS would compute for the resources of this platform, and answer to the program's questions (pure).

Values have the form that AWS gives them, in an account that belongs to nobody. The functions below write them
for one region; a resource of another region gets that region's name in all that is computed for it.
"""

from collections.abc import Callable, Mapping
from hashlib import sha512
from typing import Any, cast
from uuid import NAMESPACE_OID, uuid5

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
_ZONES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "ap-northeast-1": ("acd", (4, 1, 2)),
    "ca-central-1": ("abd", (1, 2, 4)),
    "us-east-1": ("abcdef", (1, 2, 4, 6, 3, 5)),
}
"""Letters of a region's zones and the numbers of their ids in this account; elsewhere abc and 1 to 3."""
_DIRECTIONS = {"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw"}

type Properties = dict[str, Any]


class UnknownInvokeError(Exception):
    """The program asked the cloud something that it is not known to need."""


def computed_outputs(
    kind: str, name: str, inputs: Properties, region: str = REGION
) -> tuple[str, Properties]:
    """Return the physical id and all outputs of a resource of type ``kind``, inputs among them.

    ``region`` is its provider's; a resource may name another.
    """
    place = str(inputs.get("region", region))
    identity, computed = _computed(kind, name, inputs)
    if kind in _REMOTE:
        # A remote component's outputs share names with its inputs, but not their types.
        return identity, _relocated(computed, place)
    outputs = {**_relocated(computed, place), **inputs}
    return _relocated(identity, place), outputs | _computed_within(kind, outputs)


def _computed_within(kind: str, outputs: Properties) -> Properties:
    """Return the inputs in whose members AWS computes something, with it."""
    if kind != "aws:dynamodb/table:Table" or "replicas" not in outputs:
        return {}
    arn = str(outputs["arn"]).split(":")
    replicas: list[Properties] = []
    for replica in cast("list[Properties]", outputs["replicas"]):
        there = ":".join([*arn[:3], str(replica["regionName"]), *arn[4:]])
        replicas.append({**replica, "arn": there, "streamArn": f"{there}/stream/2026-01-02T00:00:00.000"})
    return {"replicas": replicas}


def _computed(kind: str, name: str, inputs: Properties) -> tuple[str, Properties]:
    identity = f"{name}-0000000"
    if kind in _REMOTE:
        return "", _REMOTE[kind](name, identity, inputs)
    physical = str(inputs.get("name", identity))
    service, resource = kind.split(":")[1].partition("/")[0], kind.rpartition(":")[2]
    computed: Properties = {"name": physical, "arn": resource_arn(service, f"{resource}/{physical}")}
    if kind in _COMPUTED:
        computed |= _COMPUTED[kind](name, physical, inputs)
    return str(computed.pop("__id", identity)), computed


def _relocated[T](value: T, region: str) -> T:
    """Put ``region`` in the place of the one that the table is written for."""
    if isinstance(value, str):
        return cast("T", value.replace(REGION, region))
    if isinstance(value, dict):
        members = cast("Properties", value)
        return cast("T", {key: _relocated(member, region) for key, member in members.items()})
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return cast("T", [_relocated(item, region) for item in items])
    return value


def answer_invoke(token: str, arguments: Properties, region: str = REGION) -> Properties:
    """Answer the invoke ``token``; raises ``UnknownInvokeError`` for one that nobody foresaw."""
    if token not in _INVOKES:
        raise UnknownInvokeError(f"{token} with {arguments}")
    return _relocated(_INVOKES[token]({"region": region, **arguments}), region)


def resource_arn(service: str, resource: str) -> str:
    """Return an ARN in the account of nobody, in the region that this table is written for."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


type _Maker = Callable[[str, str, Properties], Properties]


def _table(_name: str, physical: str, inputs: Properties) -> Properties:
    arn = resource_arn("dynamodb", f"table/{physical}")
    stream = {"streamArn": f"{arn}/stream/2026-01-01T00:00:00.000"} if inputs.get("streamEnabled") else {}
    return {"__id": physical, "arn": arn, **stream}


def _queue(_name: str, physical: str, _inputs: Properties) -> Properties:
    url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT_ID}/{physical}"
    return {"__id": url, "url": url, "arn": resource_arn("sqs", physical)}


def _vault(_name: str, physical: str, _inputs: Properties) -> Properties:
    return {"__id": physical, "arn": resource_arn("backup", f"backup-vault:{physical}")}


def _key(name: str, _physical: str, _inputs: Properties) -> Properties:
    return {"__id": name, "keyId": name, "arn": resource_arn("kms", f"key/{name}")}


def _replica_key(name: str, _physical: str, inputs: Properties) -> Properties:
    home = resource_arn("kms", f"key/{name}")
    return {"__id": name, "keyId": name, "arn": home.replace(REGION, str(inputs["region"]), 1)}


def _role(_name: str, physical: str, inputs: Properties) -> Properties:
    return {"__id": physical, "arn": f"arn:aws:iam::{ACCOUNT_ID}:role{inputs.get('path', '/')}{physical}"}


def _bucket(_name: str, physical: str, inputs: Properties) -> Properties:
    bucket = str(inputs.get("bucket", physical))
    return {"__id": bucket, "bucket": bucket, "arn": f"arn:aws:s3:::{bucket}"}


def _log_group(_name: str, physical: str, _inputs: Properties) -> Properties:
    return {"__id": physical, "arn": resource_arn("logs", f"log-group:{physical}")}


def _rule(_name: str, physical: str, inputs: Properties) -> Properties:
    bus = inputs.get("eventBusName", "default")
    path = f"rule/{physical}" if bus == "default" else f"rule/{bus}/{physical}"
    return {"__id": f"{bus}/{physical}", "arn": resource_arn("events", path)}


def _bus(_name: str, physical: str, _inputs: Properties) -> Properties:
    return {"__id": physical, "arn": resource_arn("events", f"event-bus/{physical}")}


def _topic(_name: str, physical: str, _inputs: Properties) -> Properties:
    arn = resource_arn("sns", physical)
    return {"__id": arn, "arn": arn}


def _load_balancer(_name: str, physical: str, _inputs: Properties) -> Properties:
    suffix = f"app/{physical}/50dc6c495c0c9188"
    return {
        "arnSuffix": suffix,
        "arn": resource_arn("elasticloadbalancing", f"loadbalancer/{suffix}"),
        "dnsName": f"internal-{physical}.{REGION}.elb.amazonaws.com",
        "zoneId": "Z35SXDOTRQ7X7K",
    }


def _target_group(_name: str, physical: str, _inputs: Properties) -> Properties:
    suffix = f"targetgroup/{physical}/73e2d6bc24d8a067"
    return {"arnSuffix": suffix, "arn": resource_arn("elasticloadbalancing", suffix)}


def _listener_rule(_name: str, physical: str, _inputs: Properties) -> Properties:
    path = f"listener-rule/app/balancer/50dc6c495c0c9188/f2f7dc8efc522ab2/{physical}"
    return {"arn": resource_arn("elasticloadbalancing", path)}


def _network(name: str, _physical: str, inputs: Properties) -> Properties:
    zones = inputs["availabilityZoneNames"]
    subnets: dict[str, list[str]] = {f"{kind}SubnetIds": [] for kind in ("public", "private", "isolated")}
    for zone in zones:
        # Stable within a type, as awsx sorts them.
        for spec in inputs["subnetSpecs"]:
            kind = str(spec["type"]).lower()
            subnets[f"{kind}SubnetIds"].append(f"subnet-{name}-{spec.get('name') or kind}-{zone}")
    return {"vpcId": f"vpc-{name}", **subnets}


def _repository(name: str, _physical: str, _inputs: Properties) -> Properties:
    return {"url": f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com/{name}-0000000"}


def _image(_name: str, _physical: str, inputs: Properties) -> Properties:
    repository, _, tag = str(inputs["imageName"]).rpartition(":")
    return {"repoDigest": f"{repository}@sha256:{tag:0<64}"}


def _certificate(name: str, _physical: str, inputs: Properties) -> Properties:
    arn = resource_arn("acm", f"certificate/{uuid5(NAMESPACE_OID, name)}")
    hosts: list[str] = [inputs["domainName"], *(inputs.get("subjectAlternativeNames") or [])]
    options = [
        {
            "domainName": host,
            "resourceRecordName": f"_{uuid5(NAMESPACE_OID, host).hex}.{host}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"_{uuid5(NAMESPACE_OID, name).hex}.acm-validations.aws.",
        }
        for host in hosts
    ]
    return {"__id": arn, "arn": arn, "domainValidationOptions": options}


def _record(_name: str, _physical: str, inputs: Properties) -> Properties:
    host = str(inputs["name"]).rstrip(".")
    return {"__id": f"{inputs['zoneId']}_{host}_{inputs['type']}", "fqdn": host}


def _distribution(_name: str, _physical: str, _inputs: Properties) -> Properties:
    return {
        "__id": "EDFDVBD632BHDS5",
        "arn": f"arn:aws:cloudfront::{ACCOUNT_ID}:distribution/EDFDVBD632BHDS5",
        "domainName": "d111111abcdef8.cloudfront.net",
        "hostedZoneId": "Z2FDTNDATAQYW2",
    }


def _vpc_origin(_name: str, _physical: str, _inputs: Properties) -> Properties:
    return {
        "__id": "vo_0123456789abcdefghijkl",
        "arn": f"arn:aws:cloudfront::{ACCOUNT_ID}:vpcorigin/vo_0123456789abcdefghijkl",
    }


def _headers_policy(name: str, _physical: str, _inputs: Properties) -> Properties:
    return {"__id": str(uuid5(NAMESPACE_OID, name))}


def _web_acl(_name: str, physical: str, inputs: Properties) -> Properties:
    place = {"CLOUDFRONT": "global", "REGIONAL": "regional"}[inputs["scope"]]
    identity = str(uuid5(NAMESPACE_OID, physical))
    return {
        "__id": identity,
        "arn": resource_arn("wafv2", f"{place}/webacl/{physical}/{identity}"),
    }


def _rest_api(_name: str, _physical: str, _inputs: Properties) -> Properties:
    return {
        "__id": "a1b2c3d4e5",
        "rootResourceId": "r00t",
        "executionArn": resource_arn("execute-api", "a1b2c3d4e5"),
    }


def _stage(_name: str, _physical: str, inputs: Properties) -> Properties:
    host = f"{inputs['restApi']}.execute-api.{REGION}.amazonaws.com"
    path = f"/restapis/{inputs['restApi']}/stages/{inputs['stageName']}"
    return {
        "arn": f"arn:aws:apigateway:{REGION}::{path}",
        "invokeUrl": f"https://{host}/{inputs['stageName']}",
    }


def _user_pool(name: str, _physical: str, _inputs: Properties) -> Properties:
    identity = f"{REGION}_{name.replace('-', '')}"
    return {"__id": identity, "arn": resource_arn("cognito-idp", f"userpool/{identity}")}


def _function(_name: str, physical: str, _inputs: Properties) -> Properties:
    arn = resource_arn("lambda", f"function:{physical}")
    path = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
    return {"__id": physical, "arn": arn, "invokeArn": path}


def _function_url(name: str, _physical: str, _inputs: Properties) -> Properties:
    return {"functionUrl": f"https://{name}.lambda-url.{REGION}.on.aws/"}


def _cluster(_name: str, physical: str, _inputs: Properties) -> Properties:
    return {"arn": resource_arn("ecs", f"cluster/{physical}")}


def _cache_user(_name: str, _physical: str, inputs: Properties) -> Properties:
    return {"__id": inputs["userId"], "arn": resource_arn("elasticache", f"user:{inputs['userId']}")}


def _cache_user_group(_name: str, _physical: str, inputs: Properties) -> Properties:
    identity = inputs["userGroupId"]
    return {"__id": identity, "arn": resource_arn("elasticache", f"usergroup:{identity}")}


def _cache_group(_name: str, physical: str, inputs: Properties) -> Properties:
    identity = str(inputs.get("replicationGroupId", physical))
    return {
        "__id": identity,
        "replicationGroupId": identity,
        "arn": resource_arn("elasticache", f"replicationgroup:{identity}"),
        "primaryEndpointAddress": f"master.{identity}.abc123.use1.cache.amazonaws.com",
        "readerEndpointAddress": f"replica.{identity}.abc123.use1.cache.amazonaws.com",
        "memberClusters": [f"{identity}-{node:03}" for node in range(1, 1 + int(inputs["numCacheClusters"]))],
    }


def _secret(_name: str, physical: str, _inputs: Properties) -> Properties:
    arn = resource_arn("secretsmanager", f"secret:{physical}-AbCdEf")
    return {"__id": arn, "arn": arn}


def _secret_version(_name: str, _physical: str, inputs: Properties) -> Properties:
    # As AWS, which makes a version id up for each value.
    version = str(uuid5(NAMESPACE_OID, str(inputs["secretString"])))
    arn = inputs["secretId"]
    return {"__id": f"{arn}|{version}", "arn": arn, "versionId": version}


def _vector_bucket(_name: str, _physical: str, inputs: Properties) -> Properties:
    name = inputs["vectorBucketName"]
    return {"__id": name, "vectorBucketArn": resource_arn("s3vectors", f"bucket/{name}")}


def _vector_index(_name: str, _physical: str, inputs: Properties) -> Properties:
    arn = resource_arn("s3vectors", f"bucket/{inputs['vectorBucketName']}/index/{inputs['indexName']}")
    return {"__id": arn, "indexArn": arn}


def _random_password(name: str, _physical: str, inputs: Properties) -> Properties:
    seed = f"{name} {sorted(inputs.get('keepers', {}).items())}"
    return {"__id": "none", "result": sha512(seed.encode()).hexdigest()[: int(inputs["length"])]}


def _identity_provider(_name: str, _physical: str, inputs: Properties) -> Properties:
    arn = f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{str(inputs['url']).removeprefix('https://')}"
    return {"__id": arn, "arn": arn}


def _managed_policy(_name: str, physical: str, inputs: Properties) -> Properties:
    arn = f"arn:aws:iam::{ACCOUNT_ID}:policy{inputs.get('path', '/')}{physical}"
    return {"__id": arn, "arn": arn}


def _agent_runtime(_name: str, _physical: str, inputs: Properties) -> Properties:
    identity = f"{inputs['agentRuntimeName']}-a1B2c3D4e5"
    return {
        "__id": identity,
        "agentRuntimeId": identity,
        "agentRuntimeArn": resource_arn("bedrock-agentcore", f"runtime/{identity}"),
        "agentRuntimeVersion": "1",
    }


def _guardrail(_name: str, physical: str, _inputs: Properties) -> Properties:
    identity = uuid5(NAMESPACE_OID, physical).hex[:12]
    return {
        "__id": identity,
        "guardrailId": identity,
        "guardrailArn": resource_arn("bedrock", f"guardrail/{identity}"),
        "version": "DRAFT",
    }


def _guardrail_version(_name: str, _physical: str, inputs: Properties) -> Properties:
    return {"__id": f"{inputs['guardrailArn']},1", "version": "1"}


def _inference_profile(name: str, _physical: str, _inputs: Properties) -> Properties:
    arn = resource_arn("bedrock", f"application-inference-profile/{uuid5(NAMESPACE_OID, name).hex[:12]}")
    return {"__id": arn, "arn": arn}


def _agent_endpoint(_name: str, _physical: str, inputs: Properties) -> Properties:
    runtime, name = inputs["agentRuntimeId"], inputs["name"]
    return {
        "__id": f"{runtime},{name}",
        "agentRuntimeEndpointArn": resource_arn(
            "bedrock-agentcore", f"runtime/{runtime}/runtime-endpoint/{name}"
        ),
    }


def _log_delivery(kind: str) -> _Maker:
    def make(_name: str, physical: str, _inputs: Properties) -> Properties:
        return {"__id": physical, "arn": resource_arn("logs", f"{kind}:{physical}")}

    return make


_COMPUTED: Mapping[str, _Maker] = {
    "aws:acm/certificate:Certificate": _certificate,
    "aws:apigateway/restApi:RestApi": _rest_api,
    "aws:apigateway/stage:Stage": _stage,
    "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime": _agent_runtime,
    "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint": _agent_endpoint,
    "aws:backup/vault:Vault": _vault,
    "aws:bedrock/guardrail:Guardrail": _guardrail,
    "aws:bedrock/guardrailVersion:GuardrailVersion": _guardrail_version,
    "aws:bedrock/inferenceProfile:InferenceProfile": _inference_profile,
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _headers_policy,
    "aws:cloudfront/vpcOrigin:VpcOrigin": _vpc_origin,
    "aws:cloudwatch/eventBus:EventBus": _bus,
    "aws:cloudwatch/eventRule:EventRule": _rule,
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": _log_delivery("delivery-destination"),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": _log_delivery("delivery-source"),
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cognito/userPool:UserPool": _user_pool,
    "aws:dynamodb/table:Table": _table,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:elasticache/replicationGroup:ReplicationGroup": _cache_group,
    "aws:elasticache/user:User": _cache_user,
    "aws:elasticache/userGroup:UserGroup": _cache_user_group,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _identity_provider,
    "aws:iam/policy:Policy": _managed_policy,
    "aws:iam/role:Role": _role,
    "aws:kms/key:Key": _key,
    "aws:kms/replicaKey:ReplicaKey": _replica_key,
    "aws:lambda/function:Function": _function,
    "aws:lambda/functionUrl:FunctionUrl": _function_url,
    "aws:lb/listenerRule:ListenerRule": _listener_rule,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:lb/targetGroup:TargetGroup": _target_group,
    "aws:route53/record:Record": _record,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/vectorsIndex:VectorsIndex": _vector_index,
    "aws:s3/vectorsVectorBucket:VectorsVectorBucket": _vector_bucket,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "aws:sns/topic:Topic": _topic,
    "aws:sqs/queue:Queue": _queue,
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "docker:index/image:Image": _image,
    "random:index/randomPassword:RandomPassword": _random_password,
}

_REMOTE: Mapping[str, _Maker] = {
    "awsx:ec2:Vpc": _network,
    "awsx:ecr:Repository": _repository,
}


def _caller_identity(_arguments: Properties) -> Properties:
    return {
        "accountId": ACCOUNT_ID,
        "arn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/deploy/session",
        "id": ACCOUNT_ID,
        "userId": "AROAEXAMPLE:session",
    }


def _authorization_token(_arguments: Properties) -> Properties:
    return {
        "authorizationToken": "QVdTOnRva2Vu",
        "expiresAt": "2026-01-01T12:00:00Z",
        "id": REGION,
        "password": "token",
        "proxyEndpoint": f"https://{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com",
        "region": REGION,
        "userName": "AWS",
    }


def _availability_zones(arguments: Properties) -> Properties:
    region = str(arguments["region"])
    letters, numbers = _ZONES.get(region, ("abc", (1, 2, 3)))
    *country, direction, number = region.split("-")
    prefix = f"{country[0]}{_DIRECTIONS.get(direction, direction[0])}{number}"
    return {
        "id": region,
        "region": region,
        "names": [f"{region}{letter}" for letter in letters],
        "zoneIds": [f"{prefix}-az{number}" for number in numbers],
        "groupNames": [region],
    }


def _managed_prefix_list(arguments: Properties) -> Properties:
    name = str(arguments["name"])
    identity = f"pl-{name.rpartition('.')[2]}"
    return {"id": identity, "name": name, "region": REGION, "entries": [], "maxEntries": 0, "version": 1}


def _subnet(arguments: Properties) -> Properties:
    # The last digit of an id stands for the zone.
    zone = "abcdef"[int(arguments["id"][-1]) % 6]
    return {"id": arguments["id"], "availabilityZone": f"{REGION}{zone}", "region": REGION}


def _endpoint_service(arguments: Properties) -> Properties:
    service = str(arguments["service"])
    return {
        "id": service,
        "region": REGION,
        "service": service,
        "serviceName": f"com.amazonaws.{REGION}.{service}",
        "serviceType": "Interface",
        "availabilityZones": [f"{REGION}{letter}" for letter in "abcdef"],
        "vpcEndpointPolicySupported": True,
        "privateDnsNames": [f"{service}.{REGION}.amazonaws.com"],
    }


_INVOKES: Mapping[str, Callable[[Properties], Properties]] = {
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _managed_prefix_list,
    "aws:ec2/getSubnet:getSubnet": _subnet,
    "aws:ec2/getVpcEndpointService:getVpcEndpointService": _endpoint_service,
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": _authorization_token,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
}
