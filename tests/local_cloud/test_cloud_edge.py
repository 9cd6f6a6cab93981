"""REST API -> authorizer -> VPC link -> load balancer -> task, as declared."""

import itertools
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore
import botocore.config
import httpx2
import pytest
import wsproto
import wsproto.events as ws

from tests.local_cloud.running import Running, until

SCOPE = "aws.cognito.signin.user.admin"
PAUSE_S = 0.3
"""Between two events of a stream."""
APPLICATION = (
    f"PAUSE_S = {PAUSE_S}\n"
    + """
import base64, hashlib, http.server, json, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        size = len(self.rfile.read(int(self.headers.get("content-length", 0))))
        name = self.path.partition("?")[0].rpartition("/")[2]
        if name == "talk":
            self.talk()
            return
        if name == "stream":
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            try:
                for number in range(int(self.path.partition("count=")[2] or 3)):
                    part = b"data: %d\\n\\n" % number
                    self.wfile.write(b"%x\\r\\n" % len(part) + part + b"\\r\\n")
                    time.sleep(PAUSE_S)
                self.wfile.write(b"0\\r\\n\\r\\n")
            except OSError:
                print("LEFT", self.path, number, flush=True)
            return
        if name == "silent":
            time.sleep(4)
        if name == "large":
            body = b"x" * (11 * 1024 * 1024)
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        body = json.dumps({"path": self.path, "headers": dict(self.headers), "size": size}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def frame(self):
        first, second = self.rfile.read(2)
        size = second & 127
        if size > 125:
            size = int.from_bytes(self.rfile.read(2 if size == 126 else 8))
        mask = self.rfile.read(4)
        return first & 15, bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(size)))
    def talk(self):
        if "refused" in self.path:
            self.send_response(403)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "upgrade")
        digest = hashlib.sha1(key.encode()).digest()
        self.send_header("sec-websocket-accept", base64.b64encode(digest).decode())
        self.end_headers()
        kind, content = self.frame()
        while kind != 8:
            if content == b"headers":
                content = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
            if content == b"leave":
                content = (4001).to_bytes(2) + b"enough"
                kind = 8
            size = len(content)
            wide = bytes([126]) + size.to_bytes(2) if size < 65536 else bytes([127]) + size.to_bytes(8)
            length = bytes([size]) if size < 126 else wide
            self.wfile.write(bytes([128 | kind]) + length + content)
            kind, content = self.frame()
        print("CLOSED", int.from_bytes(content[:2]), flush=True)
        self.close_connection = True
    def log_message(self, *arguments):
        pass
address = (os.environ["HOST"], int(os.environ["PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""
)


@dataclass(frozen=True)
class Edge:
    """What the tests call."""

    cloud: Running
    api: str
    listener: str
    listener_arn: str
    target_group: str
    access_token: str
    id_token: str
    other: str

    def get(self, path: str, token: str | None = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx2.get(self.api + path, headers=headers)


def network(cloud: Running) -> tuple[str, list[str]]:
    ec2 = cloud.client("ec2")
    vpc: str = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        for number in range(2)
    ]
    return vpc, subnets


def balancer(cloud: Running) -> tuple[str, str, str, list[str]]:
    vpc, subnets = network(cloud)
    elb = cloud.client("elbv2")
    arn: str = elb.create_load_balancer(Name="edge", Subnets=subnets, Scheme="internal")["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    group: str = elb.create_target_group(
        Name="edge", Port=8000, Protocol="HTTP", VpcId=vpc, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    nothing = {"StatusCode": "404", "ContentType": "application/json", "MessageBody": '{"title": "none"}'}
    listener: str = elb.create_listener(
        LoadBalancerArn=arn, Port=80, Protocol="HTTP",
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": nothing}],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    for priority, patterns, action in (
        (20, ["/api/audio", "/api/audio/*", "/api/streamed/*"], {"Type": "forward", "TargetGroupArn": group}),
        (
            10,
            ["/api/audio/fixed"],
            {"Type": "fixed-response", "FixedResponseConfig": {**nothing, "StatusCode": "418"}},
        ),
    ):
        conditions: list[dict[str, Any]] = [
            {"Field": "path-pattern", "PathPatternConfig": {"Values": patterns}}
        ]
        elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=[action])
    return arn, listener, group, subnets


def service(cloud: Running, group: str) -> str:
    """A service behind the target group and a private name; returns what its OTHER variable became."""
    discovery, ecs = cloud.client("servicediscovery"), cloud.client("ecs")
    operation = discovery.create_private_dns_namespace(Name="edge.local", Vpc="vpc-1")["OperationId"]
    namespace = discovery.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"]
    records = [{"Type": "A", "TTL": 10}]
    registry = discovery.create_service(
        Name="edge", DnsConfig={"NamespaceId": namespace, "DnsRecords": records}
    )
    probe = (
        "python -c \"import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'])\""
    )
    variables = {"PORT": "8000", "HOST": "0.0.0.0", "OTHER": "http://edge.edge.local:8000/by-name"}  # noqa: S104
    definition = ecs.register_task_definition(family="edge", containerDefinitions=[{
        "name": "edge", "image": "python:3.13-slim", "command": ["python", "-c", APPLICATION],
        "environment": [{"name": name, "value": value} for name, value in variables.items()],
        "portMappings": [{"containerPort": 8000}], "stopTimeout": 2,
        "healthCheck": {"command": ["CMD-SHELL", probe], "interval": 5},
    }])["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    ecs.create_cluster(clusterName="edge")
    ecs.create_service(
        cluster="edge", serviceName="edge", taskDefinition=definition, desiredCount=2,
        loadBalancers=[{"targetGroupArn": group, "containerName": "edge", "containerPort": 8000}],
        serviceRegistries=[{"registryArn": registry["Service"]["Arn"]}],
    )  # fmt: skip
    ecs.get_waiter("services_stable").wait(
        cluster="edge", services=["edge"], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    ports: dict[str, int] = (
        json.loads((cloud.home / "state" / "nova-ports.json").read_text()) if _saved(cloud) else {}
    )
    return f"http://127.0.0.1:{ports['name:edge.edge.local']}/by-name"


def _saved(cloud: Running) -> bool:
    time.sleep(1.5)  # ports are written with the next save
    return (cloud.home / "state" / "nova-ports.json").exists()


def tokens(cloud: Running) -> tuple[str, str, str]:
    """A user pool's ARN, and an access and an identity token of a user of it."""
    identity = cloud.client("cognito-idp")
    pool = identity.create_user_pool(PoolName="edge")["UserPool"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = identity.create_user_pool_client(
        UserPoolId=pool["Id"], ClientName="edge", ExplicitAuthFlows=flows
    )
    identity.admin_create_user(UserPoolId=pool["Id"], Username="ada", MessageAction="SUPPRESS")
    identity.admin_set_user_password(
        UserPoolId=pool["Id"], Username="ada", Password="Passw0rd!x", Permanent=True
    )
    session: Any = boto3.Session()
    anonymous = session.client(
        "cognito-idp", endpoint_url=cloud.url, region_name="us-east-1",
        config=botocore.config.Config(signature_version=botocore.UNSIGNED),
    )  # fmt: skip
    result = anonymous.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH", ClientId=client["UserPoolClient"]["ClientId"],
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Passw0rd!x"},
    )["AuthenticationResult"]  # fmt: skip
    return pool["Arn"], result.get("AccessToken", ""), result.get("IdToken", "")


def rest_api(cloud: Running, load_balancer: str, subnets: list[str], pool: str) -> str:
    gateway = cloud.client("apigateway")
    link = cloud.client("apigatewayv2").create_vpc_link(Name="edge", SubnetIds=subnets)
    api: str = gateway.create_rest_api(name="edge")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    authorizer = gateway.create_authorizer(
        restApiId=api, name="users", type="COGNITO_USER_POOLS", providerARNs=[pool],
        identitySource="method.request.header.Authorization",
    )["id"]  # fmt: skip
    audio = gateway.create_resource(restApiId=api, parentId=root, pathPart="audio")["id"]
    item = gateway.create_resource(restApiId=api, parentId=audio, pathPart="{id}")["id"]
    streamed = gateway.create_resource(restApiId=api, parentId=root, pathPart="streamed")["id"]
    live = gateway.create_resource(restApiId=api, parentId=streamed, pathPart="{id}")["id"]
    for resource, method in ((audio, "POST"), (item, "GET"), (live, "GET"), (live, "POST")):
        at = {"restApiId": api, "resourceId": resource, "httpMethod": method}
        gateway.put_method(
            **at, authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer, authorizationScopes=[SCOPE]
        )
        stored = gateway.put_integration(
            **at, type="HTTP_PROXY", integrationHttpMethod=method, connectionType="VPC_LINK",
            connectionId=link["VpcLinkId"], uri="http://internal.edge/audio", integrationTarget=load_balancer,
            timeoutInMillis=3000, **({"responseTransferMode": "STREAM"} if resource == live else {}),
        )  # fmt: skip
        assert (stored["connectionId"], stored["integrationTarget"]) == (link["VpcLinkId"], load_balancer)
    deployment = gateway.create_deployment(restApiId=api)["id"]
    gateway.create_stage(restApiId=api, stageName="api", deploymentId=deployment)
    return cloud.status()["rest_apis"][api]["stages"]["api"]


@pytest.fixture(scope="module")
def edge(cloud: Running) -> Edge:
    arn, listener, group, subnets = balancer(cloud)
    other = service(cloud, group)
    pool, access_token, id_token = tokens(cloud)
    api = rest_api(cloud, arn, subnets, pool)
    url = cloud.status()["load_balancers"][arn][listener]
    return Edge(cloud, api, url, listener, group, access_token, id_token, other)


def test_a_good_token_reaches_the_task_on_the_same_path(edge: Edge) -> None:
    answer = edge.get("/audio/7?x=1", edge.access_token)
    assert answer.status_code == 200
    assert answer.json()["path"] == "/api/audio/7?x=1"
    assert answer.json()["headers"]["host"] == "internal.edge"
    assert answer.headers["x-amzn-requestid"] == answer.json()["headers"]["x-amzn-requestid"]
    posted = httpx2.post(
        f"{edge.api}/audio", content=b"x" * 300_000, headers={"authorization": f"Bearer {edge.access_token}"}
    )
    assert posted.json()["size"] == 300_000


def test_other_tokens_are_refused(edge: Edge) -> None:
    head, payload, signature = edge.access_token.split(".")
    other = signature[:-8] + ("A" * 8 if signature[-8:] != "A" * 8 else "B" * 8)
    for token in (None, "nonsense", f"{head}.{payload}.{other}", f"{head}.{payload}.", edge.id_token):
        answer = edge.get("/audio/7", token)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


def test_unknown_paths_and_stages_are_refused_like_by_aws(edge: Edge) -> None:
    base = edge.api.removesuffix("/api")
    for url in (
        f"{edge.api}/other",
        f"{edge.api}/audio/1/2",
        f"{edge.api}/audio",
        f"{base}/stage/audio/1",
        f"{base}/",
    ):
        answer = httpx2.get(url, headers={"authorization": f"Bearer {edge.access_token}"})
        assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


def arrivals(url: str, token: str | None = None, method: str = "GET") -> list[tuple[float, bytes]]:
    """When each part of an answer came, in seconds since the request."""
    headers, begun = {"authorization": f"Bearer {token}"} if token else {}, time.monotonic()
    with httpx2.stream(method, url, headers=headers, content=b"{}" if method == "POST" else None) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        return [(time.monotonic() - begun, part) for part in answer.iter_raw()]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_events_are_streamed_as_they_come_where_that_is_declared(edge: Edge, method: str) -> None:
    parts = arrivals(f"{edge.api}/streamed/stream", edge.access_token, method)
    assert [text for _, text in parts] == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
    # Kept back they would come at once; however slow the machine, the server pauses between them.
    assert all(after - before > PAUSE_S / 2 for (before, _), (after, _) in itertools.pairwise(parts))


def test_the_load_balancer_streams_always(edge: Edge) -> None:
    parts = arrivals(f"{edge.listener}/api/audio/stream")
    assert len(parts) == 3
    assert parts[2][0] - parts[0][0] > PAUSE_S


def test_other_answers_are_kept_back_until_they_are_whole(edge: Edge) -> None:
    headers = {"authorization": f"Bearer {edge.access_token}"}
    begun = time.monotonic()
    with httpx2.stream("GET", f"{edge.api}/audio/stream", headers=headers) as answer:
        assert time.monotonic() - begun > 0.9
        assert answer.read() == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"
        assert answer.headers["content-length"] == "27"


def test_an_answer_has_its_limits(edge: Edge) -> None:
    def ask(path: str) -> tuple[httpx2.Response, float]:
        begun = time.monotonic()
        return edge.get(path, edge.access_token), time.monotonic() - begun

    with ThreadPoolExecutor() as pool:
        asked = pool.map(ask, ("/audio/silent", "/streamed/silent", "/audio/stream?count=20"))
        for answer, seconds in asked:
            assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})
            assert 3 <= seconds < 6
    assert edge.get("/audio/large", edge.access_token).status_code == 504
    assert len(edge.get("/streamed/large", edge.access_token).content) == 11 * 1024 * 1024
    with pytest.raises(httpx2.RemoteProtocolError):  # what has begun is broken off
        edge.get("/streamed/stream?count=20", edge.access_token)


def test_a_client_that_leaves_ends_the_stream_at_the_task(edge: Edge) -> None:
    headers = {"authorization": f"Bearer {edge.access_token}"}
    for url in (f"{edge.api}/streamed/stream?count=8", f"{edge.listener}/api/audio/stream?count=9"):
        with httpx2.stream("GET", url, headers=headers) as answer:
            assert next(answer.iter_raw()) == b"data: 0\n\n"
        path = url.partition("/api")[2].partition("/")[2]
        log = edge.cloud.home / "logs" / "edge.log"
        until(lambda: f"LEFT /api/{path.removeprefix('api/')}" in log.read_text(), 3)  # noqa: B023


def test_a_load_balancer_waits_as_long_as_it_is_told(edge: Edge) -> None:
    elb = edge.cloud.client("elbv2")
    (balancer,) = elb.describe_load_balancers(Names=["edge"])["LoadBalancers"]
    for seconds, status in (("1", 504), ("60", 200)):
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": seconds}],
        )
        assert httpx2.get(f"{edge.listener}/api/audio/silent", timeout=10).status_code == status


def test_the_load_balancer_chooses_by_priority(edge: Edge) -> None:
    assert httpx2.get(f"{edge.listener}/api/audio/fixed").status_code == 418
    assert httpx2.get(f"{edge.listener}/api/audio/1").json()["path"] == "/api/audio/1"
    none = httpx2.get(f"{edge.listener}/elsewhere")
    assert (none.status_code, none.json()) == (404, {"title": "none"})


def test_a_private_name_leads_to_the_tasks(edge: Edge) -> None:
    assert httpx2.get(edge.other).json()["path"] == "/by-name"


def test_a_name_that_is_asked_for_later_is_served_too(edge: Edge) -> None:
    ecs, discovery = edge.cloud.client("ecs"), edge.cloud.client("servicediscovery")
    (namespace,) = discovery.list_namespaces()["Namespaces"]
    records = {"NamespaceId": namespace["Id"], "DnsRecords": [{"Type": "A", "TTL": 10}]}
    registry = discovery.create_service(Name="later", DnsConfig=records)["Service"]["Id"]
    target = {"AWS_INSTANCE_IPV4": "127.0.0.1", "AWS_INSTANCE_PORT": edge.other.split(":")[2].split("/")[0]}
    discovery.register_instance(ServiceId=registry, InstanceId="one", Attributes=target)
    time.sleep(0.5)  # the runtime has seen all changes before the name is wanted
    code = "import os, urllib.request as u; print('GOT', u.urlopen(os.environ['OTHER']).read().decode())"
    definition = ecs.register_task_definition(family="late", containerDefinitions=[{
        "name": "late", "image": "python:3.13-slim", "command": ["python", "-c", code],
        "environment": [{"name": "OTHER", "value": "http://later.edge.local:8000/late"}],
    }])["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    ecs.run_task(cluster="edge", taskDefinition=definition)
    log = edge.cloud.home / "logs" / "late.log"
    assert '"/late"' in until(lambda: log.read_text() if log.exists() else "")


def test_without_tasks_the_load_balancer_says_so(edge: Edge) -> None:
    elb = edge.cloud.client("elbv2")
    empty = elb.create_target_group(Name="empty", Port=1, Protocol="HTTP", VpcId="vpc-1", TargetType="ip")[
        "TargetGroups"
    ][0]
    condition: dict[str, Any] = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/empty"]}}
    action = {"Type": "forward", "TargetGroupArn": empty["TargetGroupArn"]}
    elb.create_rule(ListenerArn=edge.listener_arn, Priority=30, Conditions=[condition], Actions=[action])
    assert httpx2.get(f"{edge.listener}/empty").status_code == 503
    elb.register_targets(TargetGroupArn=empty["TargetGroupArn"], Targets=[{"Id": "127.0.0.1", "Port": 9}])
    assert httpx2.get(f"{edge.listener}/empty").status_code == 502


# --- a distribution in front of both ---

METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
UNCACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


def behavior(origin: str, request_policy: str, headers_policy: str, methods: list[str]) -> dict[str, Any]:
    return {
        "TargetOriginId": origin,
        "ViewerProtocolPolicy": "https-only",
        "AllowedMethods": {
            "Quantity": len(methods),
            "Items": methods,
            "CachedMethods": {"Quantity": 2, "Items": ["GET", "HEAD"]},
        },
        "CachePolicyId": UNCACHED,
        "OriginRequestPolicyId": request_policy,
        "ResponseHeadersPolicyId": headers_policy,
    }


def distribution_config(
    edge: Edge, vpc_origin: str, headers_policy: str, request_policy: str
) -> dict[str, Any]:
    apis = edge.cloud.client("apigateway").get_rest_apis()["items"]
    (api,) = (found for found in apis if found["name"] == "edge")
    proof = {"HeaderName": "X-Origin-Proof", "HeaderValue": "of the distribution"}
    origins = [
        {
            "Id": "api",
            "DomainName": f"{api['id']}.execute-api.us-east-1.amazonaws.com",
            "CustomHeaders": {"Quantity": 1, "Items": [proof]},
            "CustomOriginConfig": {
                "HTTPPort": 80,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "https-only",
                "OriginReadTimeout": 60,
            },
        },
        {
            "Id": "site",
            "DomainName": "internal.edge",
            "VpcOriginConfig": {"VpcOriginId": vpc_origin, "OriginReadTimeout": 2},
        },
    ]
    return {
        "CallerReference": "edge",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 2, "Items": origins},
        "CacheBehaviors": {
            "Quantity": 1,
            "Items": [
                {"PathPattern": "/api/*", **behavior("api", ALL_VIEWER_EXCEPT_HOST, headers_policy, METHODS)}
            ],
        },
        "DefaultCacheBehavior": behavior("site", request_policy, headers_policy, ["GET", "HEAD"]),
    }


@pytest.fixture(scope="module")
def site(edge: Edge) -> str:
    """Where a distribution answers that asks the REST API for /api/ and the load balancer for the rest."""
    cloudfront, elb = edge.cloud.client("cloudfront"), edge.cloud.client("elbv2")
    (balancer,) = elb.describe_load_balancers(Names=["edge"])["LoadBalancers"]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Port=8080, Protocol="HTTP",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": edge.target_group}],
    )  # fmt: skip
    assert listener["Listeners"]
    origin = cloudfront.create_vpc_origin(
        VpcOriginEndpointConfig={
            "Name": "edge",
            "Arn": balancer["LoadBalancerArn"],
            "HTTPPort": 8080,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "http-only",
        }
    )["VpcOrigin"]["Id"]
    policy = cloudfront.create_response_headers_policy(
        ResponseHeadersPolicyConfig={
            "Name": "edge",
            "SecurityHeadersConfig": {
                "ContentTypeOptions": {"Override": True},
                "FrameOptions": {"Override": True, "FrameOption": "DENY"},
            },
        }
    )["ResponseHeadersPolicy"]["Id"]
    viewer = cloudfront.create_origin_request_policy(
        OriginRequestPolicyConfig={
            "Name": "edge",
            "HeadersConfig": {
                "HeaderBehavior": "allExcept",
                "Headers": {"Quantity": 1, "Items": ["X-Forwarded-Host"]},
            },
            "CookiesConfig": {"CookieBehavior": "all"},
            "QueryStringsConfig": {"QueryStringBehavior": "all"},
        }
    )["OriginRequestPolicy"]["Id"]
    config = distribution_config(edge, origin, policy, viewer)
    made = cloudfront.create_distribution(DistributionConfig=config)
    domain = made["Distribution"]["DomainName"]
    until(lambda: domain in edge.cloud.status()["distributions"], 5)
    return edge.cloud.status()["distributions"][domain]


def test_a_distribution_asks_the_api_by_its_own_name_and_proves_itself(edge: Edge, site: str) -> None:
    answer = httpx2.get(
        f"{site}/api/audio/7?x=1",
        headers={"authorization": f"Bearer {edge.access_token}", "x-origin-proof": "of the viewer"},
    )
    assert answer.status_code == 200
    assert answer.json()["path"] == "/api/audio/7?x=1"
    received = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert received["x-origin-proof"] == "of the distribution"
    assert httpx2.get(f"{site}/api/audio/7").status_code == 401


def test_all_else_goes_to_the_vpc_origin_as_the_viewer_asked(site: str) -> None:
    answer = httpx2.get(
        f"{site}/pages/7",
        headers={"host": "nova.example.com", "X-Forwarded-Host": "evil.test", "X-Other": "passes"},
    )
    received = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert answer.json()["path"] == "/pages/7"
    assert received["host"] == "nova.example.com"
    assert "x-origin-proof" not in received
    assert "x-forwarded-host" not in received
    assert received["x-other"] == "passes"
    assert received["via"].endswith("(CloudFront)")


def test_what_a_distribution_adds_to_answers(edge: Edge, site: str) -> None:
    for path in ("/pages/7", "/api/audio/7"):
        headers = httpx2.get(f"{site}{path}").headers
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert "x-frame-options" not in edge.get("/audio/7", edge.access_token).headers


def test_what_a_distribution_refuses_by_itself(site: str) -> None:
    assert httpx2.post(f"{site}/pages/7").status_code == 403
    assert httpx2.get(f"{site}/pages/silent", timeout=10).status_code == 504


def test_a_distribution_passes_streams_on_as_they_come(edge: Edge, site: str) -> None:
    parts = arrivals(f"{site}/api/streamed/stream", edge.access_token)
    assert [text for _, text in parts] == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
    assert all(after - before > PAUSE_S / 2 for (before, _), (after, _) in itertools.pairwise(parts))


# --- WebSockets ---


class Talk:
    """A WebSocket of a client."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20)
        self.protocol = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        fields = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.send(ws.Request(host="nova.example.com", target=target, extra_headers=fields))
        self.opening = self.next()

    def send(self, event: ws.Event) -> None:
        self.socket.sendall(self.protocol.send(event))

    def next(self) -> ws.Event:
        """What came next; pieces of a message are put together."""
        text = ""
        while True:
            for event in self.protocol.events():
                if isinstance(event, ws.TextMessage) and not event.message_finished:
                    text += event.data
                elif isinstance(event, ws.TextMessage):
                    return ws.TextMessage(text + event.data)
                else:
                    return event
            self.protocol.receive_data(self.socket.recv(65536) or None)

    def ask(self, text: str) -> str:
        self.send(ws.TextMessage(text))
        answer = self.next()
        assert isinstance(answer, ws.TextMessage)
        return answer.data


@pytest.fixture(params=["listener", "distribution"])
def door(request: pytest.FixtureRequest, edge: Edge, site: str) -> str:
    """Either way to the same task."""
    return f"{edge.listener}/api/audio" if request.param == "listener" else f"{site}/pages"


def test_messages_pass_both_ways(door: str) -> None:
    talk = Talk(f"{door}/talk?ticket=7", {"origin": "https://nova.example.com"})
    assert isinstance(talk.opening, ws.AcceptConnection)
    assert talk.ask("hello") == "hello"
    assert talk.ask("x" * 200_000) == "x" * 200_000
    talk.send(ws.BytesMessage(data=bytes(range(256))))
    sound = talk.next()
    assert isinstance(sound, ws.BytesMessage) and bytes(sound.data) == bytes(range(256))
    received = json.loads(talk.ask("headers"))
    headers = {name.lower(): value for name, value in received["headers"].items()}
    assert received["path"].endswith("/talk?ticket=7")
    assert (headers["host"], headers["origin"]) == ("nova.example.com", "https://nova.example.com")
    assert "x-forwarded-for" in headers


def test_the_close_of_either_side_reaches_the_other(door: str, edge: Edge) -> None:
    talk = Talk(f"{door}/talk")
    talk.send(ws.TextMessage("leave"))
    closed = talk.next()
    assert isinstance(closed, ws.CloseConnection)
    assert (closed.code, closed.reason) == (4001, "enough")
    other = Talk(f"{door}/talk")
    log = edge.cloud.home / "logs" / "edge.log"
    before = log.read_text().count("CLOSED 1001")
    other.send(ws.CloseConnection(code=1000))
    until(lambda: log.read_text().count("CLOSED 1001") > before, 10)


def test_a_handshake_can_be_refused(door: str, edge: Edge) -> None:
    refused = Talk(f"{door}/talk?refused").opening
    assert isinstance(refused, ws.RejectConnection) and refused.status_code == 403
    fixed = Talk(f"{edge.listener}/api/audio/fixed").opening
    assert isinstance(fixed, ws.RejectConnection) and fixed.status_code == 418
    nothing = Talk(f"{edge.listener}/nothing").opening
    assert isinstance(nothing, ws.RejectConnection) and nothing.status_code == 404
