"""No open door: what the program registers, against the controls of the design."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from components.compute.container import CONTAINER_PORT, STOP_SECONDS, TEMPORARY_PATH
from components.compute.image import image_sources
from components.compute.sources import SKIPPED
from evaluation.answers import ACCOUNT_ID
from evaluation.secrecy import plain
from tests.infra.deployment import ROOT, Deployment, key_name
from tests.infra.policies import statements
from tests.infra.walk import function_methods
from tests.slices import ALWAYS, CALLED, IMAGES, NAMES, SERVICES, declaring

RUNTIME = "agent-core-runtime"
FOLDERS = tuple(f"services/{name.replace('-', '_')}" for name in sorted(IMAGES - {"mcp-server"}))
"""Of images that ECS runs."""
ERASURES = {f"{slice_name}-erase" for slice_name in ("agent-core", "audio", "projector", "search", "video")}
JOBS = {"projector-rebuild", "search-reindex"} | ERASURES
KEYS = "nova-data-keys-table"
PRIVATE = {"DATA_KEYS_TABLE", "DATA_KEYS_WRAPPING_KEY"}
INDEX = {"EMBEDDING_DIMENSION", "EMBEDDING_MODEL", "EMBEDDING_REGION", "VECTOR_BUCKET", "VECTOR_INDEX"}


def sellers(deployment: Deployment) -> set[str]:
    """The service that sells, where a stack says how it is paid."""
    return {"x402-seller"} if "seller_url" in deployment.outputs else set()


def payers(deployment: Deployment) -> set[str]:
    """The job that forgets payments, where a stack pays."""
    return {"mcp-server-erase"} if "mcp_server_url" in deployment.outputs else set()


def containers(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """The only container of each task definition, by name."""
    found: dict[str, dict[str, Any]] = {}
    for task in deployment.of_type("aws:ecs/taskDefinition:TaskDefinition"):
        (container,) = json.loads(task.inputs["containerDefinitions"])
        found[container["name"]] = container
    return found


def environment(deployment: Deployment, name: str) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in containers(deployment)[name]["environment"]}


class TestNetwork:
    def test_subnets_gateways_and_endpoints(self, production: Deployment, development: Deployment) -> None:
        network = production.one("awsx:ec2:Vpc", "nova-vpc-network").inputs
        assert network["availabilityZoneNames"] == ["us-east-1a", "us-east-1b", "us-east-1c"]
        assert (network["subnetStrategy"], network["vpcEndpointStrategy"]) == ("Auto", "Auto")
        assert network["natGateways"] == {"strategy": "OnePerAz"}
        names = [spec["serviceName"] for spec in network["vpcEndpointSpecs"]]
        assert names == ["com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.dynamodb"]
        assert development.one("awsx:ec2:Vpc", "nova-vpc-network").inputs["natGateways"] == {
            "strategy": "Single"
        }

    def test_endpoints_carry_only_this_accounts_principals(self, production: Deployment) -> None:
        for spec in production.one("awsx:ec2:Vpc", "nova-vpc-network").inputs["vpcEndpointSpecs"]:
            for statement in statements(spec["policy"]):
                bounded = statement.get("Condition") == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT_ID}}
                layers = statement["Resource"] == ["arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"]
                assert bounded or layers

    def test_the_default_security_group_is_closed(self, deployment: Deployment) -> None:
        (group,) = deployment.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
        assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])

    def test_flows_are_logged(self, deployment: Deployment) -> None:
        (flow_log,) = deployment.of_type("aws:ec2/flowLog:FlowLog")
        assert flow_log.inputs["trafficType"] == "ALL"

    def test_ingress_names_a_security_group(self, deployment: Deployment) -> None:
        rules = deployment.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        at_endpoints = {rule.name for rule in rules if rule.name.endswith("-ingress-at-endpoints")}
        with_endpoints = deployment.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
        callers = {*ALWAYS, *sellers(deployment), "nova-jobs", RUNTIME}
        assert at_endpoints == {f"{name}-ingress-at-endpoints" for name in callers if with_endpoints}
        sold = {f"{name}-ingress-load-balancer" for name in sellers(deployment)}
        called = {f"{name}-ingress-load-balancer" for name in CALLED}
        assert {rule.name for rule in rules} - at_endpoints == sold | called | {
            "agent-core-erase-ingress-at-cache",
            "agent-core-ingress-at-audio",
            "agent-core-ingress-at-cache",
            "agent-core-ingress-at-projector",
            "agent-core-ingress-at-search",
            "agent-core-ingress-at-video",
            "agent-core-runtime-ingress-at-audio",
            "agent-core-runtime-ingress-at-cache",
            "agent-core-runtime-ingress-at-projector",
            "agent-core-runtime-ingress-at-search",
            "agent-core-runtime-ingress-at-video",
            "audio-live-ingress-at-audio",
            "audio-live-ingress-at-projector",
            "audio-live-ingress-at-search",
            "audio-live-ingress-at-video",
            "frontend-ingress-at-agent-core",
            "frontend-ingress-at-audio",
            "frontend-ingress-at-cache",
            "frontend-ingress-at-projector",
            "frontend-ingress-at-search",
            "frontend-ingress-at-video",
            "nova-balancer-ingress-api-link",
            "nova-balancer-ingress-cloudfront",
        }
        for rule in rules:
            # CloudFront's group exists after its first origin; until then the list of its addresses is used.
            by_list = rule.name == "nova-balancer-ingress-cloudfront"
            source = "prefixListId" if by_list else "referencedSecurityGroupId"
            stated = {"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"} & set(rule.inputs)
            assert stated == {source}
            assert rule.inputs["fromPort"] == rule.inputs["toPort"]

    def test_a_call_is_allowed_on_both_sides(self, deployment: Deployment) -> None:
        kinds = {
            side: deployment.of_type(f"aws:vpc/securityGroup{side}Rule:SecurityGroup{side}Rule")
            for side in ("Ingress", "Egress")
        }
        admitted = {
            (
                rule.inputs["referencedSecurityGroupId"],
                rule.inputs["securityGroupId"],
                rule.inputs["fromPort"],
            )
            for rule in kinds["Ingress"]
            if "referencedSecurityGroupId" in rule.inputs
        }
        opened = {
            (
                rule.inputs["securityGroupId"],
                rule.inputs["referencedSecurityGroupId"],
                rule.inputs["fromPort"],
            )
            for rule in kinds["Egress"]
            if "referencedSecurityGroupId" in rule.inputs
        }
        assert admitted == opened
        callees = {
            (callee.removesuffix("-security-group-0000000"), port)
            for caller, callee, port in opened
            if caller.startswith("agent-core-")
        }
        assert callees - {("nova-vpc-endpoints", 443)} == {
            ("nova-cache", 6379),
            ("audio", 8000),
            ("projector", 8000),
            ("search", 8000),
            ("video", 8000),
        }

    def test_egress_leaves_over_tls_or_to_a_group(self, deployment: Deployment) -> None:
        for rule in deployment.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"):
            assert rule.inputs["ipProtocol"] == "tcp"
            if "referencedSecurityGroupId" not in rule.inputs:
                assert rule.inputs["fromPort"] == rule.inputs["toPort"] == 443

    def test_groups_and_rules_are_described(self, deployment: Deployment) -> None:
        for kind in (
            "aws:ec2/securityGroup:SecurityGroup",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        ):
            assert all(found.inputs["description"] for found in deployment.of_type(kind))


class TestData:
    def test_tables(self, production: Deployment, development: Deployment) -> None:
        for deployed, protected, days in ((production, True, 30), (development, False, 7)):
            for table in deployed.of_type("aws:dynamodb/table:Table"):
                inputs = table.inputs
                assert inputs["billingMode"] == "PAY_PER_REQUEST"
                kept = 7 if table.name == KEYS else days
                assert inputs["pointInTimeRecovery"] == {"enabled": True, "recoveryPeriodInDays": kept}
                assert inputs["serverSideEncryption"]["kmsKeyArn"].endswith(
                    f"key/{key_name(deployed, 'tables')}"
                )
                assert inputs["deletionProtectionEnabled"] is protected
                assert table.protect is protected
                if table.name == KEYS:
                    assert [attribute["name"] for attribute in inputs["attributes"]] == ["pk"]
                    continue
                if table.name in {"mcp-server-payments-table", "nova-leases-table", "nova-usage-table"}:
                    assert [attribute["name"] for attribute in inputs["attributes"]] == ["pk", "sk"]
                    assert inputs["ttl"] == {"attributeName": "expires_at", "enabled": True}
                    continue
                (index,) = inputs["globalSecondaryIndexes"]
                assert [schema["attributeName"] for schema in index["keySchemas"]] == ["gsi1pk", "gsi1sk"]
                declared = {attribute["name"] for attribute in inputs["attributes"]}
                assert declared == {"pk", "sk", "gsi1pk", "gsi1sk"}

    def test_a_data_key_has_no_copy_but_for_a_short_recovery(self, production: Deployment) -> None:
        """Neither a stream nor a backup: what is erased is gone when the recovery has forgotten it."""
        keys = production.one("aws:dynamodb/table:Table", KEYS).inputs
        assert "streamEnabled" not in keys
        (selection,) = production.of_type("aws:backup/selection:Selection")
        assert not [arn for arn in selection.inputs["resources"] if "data-keys" in arn]

    def test_the_event_store_streams_and_the_read_model_forgets(self, production: Deployment) -> None:
        events = production.one("aws:dynamodb/table:Table", "nova-events-table").inputs
        read_model = production.one("aws:dynamodb/table:Table", "nova-read-model-table").inputs
        assert (events["streamEnabled"], events["streamViewType"]) == (True, "NEW_AND_OLD_IMAGES")
        assert "ttl" not in events
        assert read_model["ttl"] == {"attributeName": "expires_at", "enabled": True}


class TestCompute:
    def test_containers_are_hardened(self, deployment: Deployment) -> None:
        found = containers(deployment)
        assert set(found) == ALWAYS | sellers(deployment) | JOBS | payers(deployment)
        for name, container in found.items():
            assert container["readonlyRootFilesystem"] is True
            assert container["user"] != "0"
            assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
            assert container["linuxParameters"]["initProcessEnabled"] is True
            (mount,) = container["linuxParameters"]["tmpfs"]
            assert mount["containerPath"] == TEMPORARY_PATH
            assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])
            assert container["logConfiguration"]["options"]["mode"] == "non-blocking"
            controls = {found["namespace"]: found["value"] for found in container["systemControls"]}
            # Shorter than the 350 s after which NAT and endpoints forget a silent connection.
            assert controls["net.ipv4.tcp_keepalive_time"] == "60"
            if name in JOBS | payers(deployment):
                assert "portMappings" not in container
                assert "healthCheck" not in container
                continue
            assert container["healthCheck"]["command"][0] == "CMD"
            assert container["portMappings"] == [{"containerPort": CONTAINER_PORT, "protocol": "tcp"}]

    @pytest.mark.parametrize(
        ("name", "command", "variables"),
        [
            (
                "audio",
                "nova_audio.app",
                {
                    "CONTENT_BUCKET",
                    "EVENT_STORE_TABLE",
                    "LIVE_TABLE",
                    "USER_POOL_CLIENT_ID",
                    "USER_POOL_ISSUER",
                }
                | PRIVATE,
            ),
            (
                "audio-live",
                "nova_audio.live.app",
                {
                    "AUDIO_URL",
                    "EVENT_STORE_TABLE",
                    "LIVE_TABLE",
                    "MODEL_ID",
                    "MODEL_REGION",
                    "PROJECTOR_URL",
                    "SEARCH_URL",
                    "USER_POOL_CLIENT_ID",
                    "USER_POOL_ISSUER",
                    "VIDEO_URL",
                }
                | PRIVATE,
            ),
            (
                "audio-worker",
                "nova_audio.worker",
                {
                    "CONTENT_BUCKET",
                    "CONTENT_KEY_ARN",
                    "EVENT_STORE_TABLE",
                    "QUEUE_URL",
                    "TRANSCRIPTION_JOB_PREFIX",
                    "SENTIMENT_MODEL",
                    "SPEAKERS_MAX",
                },
            ),
            (
                "projector",
                "nova_projector.app",
                {"DATA_KEYS_TABLE", "READ_MODEL_TABLE", "USER_POOL_CLIENT_ID", "USER_POOL_ISSUER"},
            ),
            (
                "projector-worker",
                "nova_projector.worker",
                {"EVENT_STORE_TABLE", "QUEUE_URL", "READ_MODEL_TABLE"} | PRIVATE,
            ),
            (
                "search",
                "nova_search.app",
                {"CONTENT_BUCKET", "EVENT_STORE_TABLE", "USER_POOL_CLIENT_ID", "USER_POOL_ISSUER"}
                | INDEX
                | PRIVATE,
            ),
            (
                "search-indexer",
                "nova_search.worker",
                {"CONTENT_BUCKET", "EVENT_STORE_TABLE", "QUEUE_URL"} | INDEX,
            ),
            (
                "video",
                "nova_video.app",
                {"CONTENT_BUCKET", "EVENT_STORE_TABLE", "USER_POOL_CLIENT_ID", "USER_POOL_ISSUER"} | PRIVATE,
            ),
            (
                "video-worker",
                "nova_video.worker",
                {
                    "CONTENT_BUCKET",
                    "CONTENT_OWNER",
                    "EVENT_STORE_TABLE",
                    "MODEL_ID",
                    "MODEL_REGION",
                    "QUEUE_URL",
                },
            ),
            (
                "agent-core",
                "nova_agent_core.app",
                {
                    "AUDIO_URL",
                    "BEHAVIOUR",
                    "CONTENT_BUCKET",
                    "DATA_KEYS_TABLE",
                    "EMBEDDING_DIMENSION",
                    "EMBEDDING_MODEL",
                    "EMBEDDING_REGION",
                    "EVENT_STORE_TABLE",
                    "MCP_SERVER_TOOLS",
                    "MCP_SERVER_URL",
                    "MODEL_ID",
                    "MODEL_NAME",
                    "MODEL_REGION",
                    "PROJECTOR_URL",
                    "VIDEO_URL",
                    "QUOTA_USD_PER_MONTH",
                    "REDIS_URL",
                    "REDIS_USERNAME",
                    "SEARCH_URL",
                    "USAGE_TABLE",
                    "USER_POOL_CLIENT_ID",
                    "USER_POOL_ISSUER",
                    "VECTOR_BUCKET",
                    "VECTOR_INDEX",
                },
            ),
        ],
    )
    def test_command_and_environment(
        self, production: Deployment, name: str, command: str, variables: set[str]
    ) -> None:
        assert containers(production)[name]["command"] == ["python", "-m", command]
        found = environment(production, name)
        assert set(found) == variables | {"HOST", "LOG_LEVEL", "METRICS_NAMESPACE", "PORT", "SERVICE_NAME"}
        assert found["SERVICE_NAME"] == name
        assert found["PORT"] == "8000"
        if "USER_POOL_ISSUER" in found:
            assert found["USER_POOL_ISSUER"].startswith(
                "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_"
            )

    def test_tasks_run_on_arm_without_public_addresses(self, deployment: Deployment) -> None:
        for task in deployment.of_type("aws:ecs/taskDefinition:TaskDefinition"):
            assert task.inputs["runtimePlatform"]["cpuArchitecture"] == "ARM64"
            assert task.inputs["networkMode"] == "awsvpc"
        for image in deployment.of_type("docker:index/image:Image"):
            assert image.inputs["build"]["platform"] == "linux/arm64"
        for job in deployment.outputs["jobs"].values():
            assert all("-private-" in subnet for subnet in job["subnets"])
        for service in deployment.of_type("aws:ecs/service:Service"):
            network = service.inputs["networkConfiguration"]
            assert network["assignPublicIp"] is False
            assert all("-private-" in subnet for subnet in network["subnets"])
            assert len(network["securityGroups"]) == 1

    def test_deployments_roll_and_roll_back(self, deployment: Deployment) -> None:
        for service in deployment.of_type("aws:ecs/service:Service"):
            inputs = service.inputs
            assert inputs["name"] in ALWAYS | sellers(deployment)
            assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
            assert (inputs["deploymentMinimumHealthyPercent"], inputs["deploymentMaximumPercent"]) == (
                100,
                200,
            )
            assert inputs["availabilityZoneRebalancing"] == "ENABLED"
            assert "launchType" not in inputs
            assert service.ignore_changes == ("desiredCount",)

    def test_only_apis_are_called_and_found_by_name(self, deployment: Deployment) -> None:
        for service in deployment.of_type("aws:ecs/service:Service"):
            called = service.inputs["name"] in CALLED | sellers(deployment)
            assert ("loadBalancers" in service.inputs) is called
            assert ("serviceRegistries" in service.inputs) is called
            rules = [urn for urn in service.depends_on if ":ListenerRule::" in urn]
            assert bool(rules) is called
        names = {found.inputs["name"] for found in deployment.of_type("aws:servicediscovery/service:Service")}
        assert names == CALLED | sellers(deployment)

    def test_sizes_and_capacity(self, production: Deployment, development: Deployment) -> None:
        prod = production.one("aws:ecs/service:Service", "audio-service").inputs
        dev = development.one("aws:ecs/service:Service", "audio-service").inputs
        assert (prod["desiredCount"], dev["desiredCount"]) == (2, 1)
        assert prod["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "weight": 100}]
        assert dev["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 100}]
        sizes = {
            "audio": ("512", "1024"),
            "search": ("512", "1024"),
            "agent-core": ("1024", "2048"),
            "video-worker": ("1024", "2048"),
        }
        for name, size in sizes.items():
            task = production.one("aws:ecs/taskDefinition:TaskDefinition", f"{name}-task").inputs
            assert (task["cpu"], task["memory"]) == size

    def test_services_scale_on_what_loads_them(self, production: Deployment) -> None:
        targets = production.of_type("aws:appautoscaling/target:Target")
        assert {(target.inputs["minCapacity"], target.inputs["maxCapacity"]) for target in targets} == {
            (2, 20)
        }
        metrics = {
            policy.name: policy.inputs["targetTrackingScalingPolicyConfiguration"]
            for policy in production.of_type("aws:appautoscaling/policy:Policy")
        }
        assert len(metrics) == 3 * len(SERVICES)
        assert metrics["audio-scaling-cpu"]["targetValue"] == 70
        assert metrics["audio-worker-scaling-memory"]["targetValue"] == 80
        label = metrics["audio-scaling-requests"]["predefinedMetricSpecification"]["resourceLabel"]
        assert re.fullmatch(r"app/[^/]+/[0-9a-f]+/targetgroup/[^/]+/[0-9a-f]+", label)

    def test_repositories_are_immutable_and_scanned(self, production: Deployment) -> None:
        for repository in production.of_type("awsx:ecr:Repository"):
            assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
            assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
            assert repository.inputs["encryptionConfigurations"][0]["encryptionType"] == "KMS"
            (rule,) = repository.inputs["lifecyclePolicy"]["rules"]
            assert (rule["tagStatus"], rule["maximumNumberOfImages"]) == ("any", 100)
            assert repository.inputs["forceDelete"] is False

    def test_logs_are_kept_and_encrypted(self, production: Deployment, development: Deployment) -> None:
        # Services, jobs, and what the platform itself logs.
        stacks = ((production, 365, len(SERVICES) + 14), (development, 14, len(ALWAYS) + 11))
        for deployed, days, count in stacks:
            groups = deployed.of_type("aws:cloudwatch/logGroup:LogGroup")
            assert len(groups) == count
            for group in groups:
                assert group.inputs["retentionInDays"] == days
                assert group.inputs["kmsKeyId"].endswith(f"key/{key_name(deployed, 'logs')}")


def asked_for(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """What a listener rule compares of a request, apart from where it came from."""
    return [condition for condition in plain(rule["conditions"]) if "httpHeader" not in condition]


OPEN_METHODS = {
    "nova-api-weather-get-method",
    "nova-api-weather-city-get-method",
    "nova-api-weather-city-year-get-method",
}
"""What anybody may ask: offers, and answers that are paid. See test_seller."""


def takes(rule: dict[str, Any], method: str, path: str) -> bool:
    """Whether a listener rule takes a request, as Elastic Load Balancing compares."""
    conditions = asked_for(rule)
    patterns = [value for one in conditions for value in one.get("pathPattern", {}).get("values", [])]
    methods = [value for one in conditions for value in one.get("httpRequestMethod", {}).get("values", [])]
    return any(fnmatchcase(path, pattern) for pattern in patterns) and (not methods or method in methods)


class TestEdge:
    def test_the_load_balancer_is_internal_and_answers_404(self, production: Deployment) -> None:
        (balancer,) = production.of_type("aws:lb/loadBalancer:LoadBalancer")
        assert balancer.inputs["internal"] is True
        assert balancer.inputs["dropInvalidHeaderFields"] is True
        assert balancer.inputs["enableDeletionProtection"] is True
        listeners = production.of_type("aws:lb/listener:Listener")
        assert len(listeners) == 2
        for listener in listeners:
            (action,) = listener.inputs["defaultActions"]
            assert action["fixedResponse"]["statusCode"] == "404"
            assert json.loads(action["fixedResponse"]["messageBody"])["status"] == 404

    def test_lists_go_to_the_projector_and_the_rest_to_their_owners(self, deployment: Deployment) -> None:
        rules = {rule.name: rule.inputs for rule in deployment.of_type("aws:lb/listenerRule:ListenerRule")}
        lists = rules["projector-rule-lists"]
        assert asked_for(lists) == [
            {"pathPattern": {"values": ["/api/??d?o", "/api/??????n*s"]}},
            {"httpRequestMethod": {"values": ["GET"]}},
        ]
        for name, paths in {
            "agent-core": ["/api/sessions*", "/api/memory*", "/api/?????"],
            "audio": ["/api/audio", "/api/audio/*", "/api/speaking-sessions/*"],
            "search": ["/api/search", "/api/documents", "/api/documents/*"],
            "video": ["/api/video", "/api/video/*"],
        }.items():
            rest = rules[f"{name}-rule-all"]
            assert lists["priority"] < rest["priority"]
            assert asked_for(rest) == [{"pathPattern": {"values": paths}}]

    def test_each_route_reaches_the_workload_that_declares_it(self, production: Deployment) -> None:
        rules = sorted(
            (
                rule
                for rule in production.of_type("aws:lb/listenerRule:ListenerRule")
                if "-rule-test" not in rule.name
            ),
            key=lambda rule: rule.inputs["priority"],
        )
        for label in sorted({*NAMES} - {"mcp-server"}):
            for route in declaring(label).routes:
                path = re.sub(r"\{[^}]*\}", "01234567-89ab-4cde-8f01-23456789abcd", f"/api{route.path}")
                reached = next(rule for rule in rules if takes(rule.inputs, route.method, path))
                assert reached.name.startswith(f"{label}-rule-"), (route.method, path, reached.name)

    def test_targets_leave_before_they_are_killed(self, deployment: Deployment) -> None:
        for group in deployment.of_type("aws:lb/targetGroup:TargetGroup"):
            assert group.inputs["targetType"] == "ip"
            assert group.inputs["healthCheck"]["path"] == "/health"
            assert group.inputs["deregistrationDelay"] < STOP_SECONDS

    def test_every_method_demands_an_access_token(self, deployment: Deployment) -> None:
        methods = [
            method
            for method in deployment.of_type("aws:apigateway/method:Method")
            if method.name not in OPEN_METHODS
        ]
        assert {method.name for method in methods} - function_methods(deployment) == {
            f"nova-api{re.sub(r'[{}]', '', route.path).replace('/', '-')}-{route.method.lower()}-method"
            for label in {*NAMES} - {"mcp-server", "x402-seller"}
            for route in declaring(label).routes
        }
        for method in methods:
            assert method.inputs["authorization"] == "COGNITO_USER_POOLS"
            assert method.inputs["authorizationScopes"] == ["aws.cognito.signin.user.admin"]
            assert method.inputs["authorizerId"]

    def test_integrations_keep_the_path_and_go_through_the_link(self, deployment: Deployment) -> None:
        integrations = {
            found.name: found.inputs for found in deployment.of_type("aws:apigateway/integration:Integration")
        }
        transcript = integrations["nova-api-audio-id-transcript-get-integration"]
        assert re.fullmatch(
            r"(http://internal-[^/]+\.elb\.amazonaws\.com:80|https://origin\.nova\.example\.com:443)"
            r"/api/audio/\{id\}/transcript",
            transcript["uri"],
        )
        mapped = transcript["requestParameters"]
        assert mapped["integration.request.path.id"] == "method.request.path.id"
        for integration in integrations.values():
            if integration["type"] == "AWS_PROXY":
                continue  # see test_paying
            assert (integration["type"], integration["connectionType"]) == ("HTTP_PROXY", "VPC_LINK")
            assert ":loadbalancer/app/" in integration["integrationTarget"]

    def test_only_messages_are_streamed(self, deployment: Deployment) -> None:
        for found in deployment.of_type("aws:apigateway/integration:Integration"):
            limits = (found.inputs["responseTransferMode"], found.inputs["timeoutMilliseconds"])
            streams = found.name == "nova-api-sessions-id-messages-post-integration"
            assert limits == (("STREAM", 900_000) if streams else ("BUFFERED", 29_000)), found.name

    def test_an_answer_may_be_silent_between_heartbeats(self, deployment: Deployment) -> None:
        (balancer,) = deployment.of_type("aws:lb/loadBalancer:LoadBalancer")
        assert balancer.inputs["idleTimeout"] == 300

    def test_the_stage_is_logged_traced_and_throttled(self, deployment: Deployment) -> None:
        (stage,) = deployment.of_type("aws:apigateway/stage:Stage")
        assert stage.inputs["stageName"] == "api"
        assert stage.inputs["xrayTracingEnabled"] is True
        assert json.loads(stage.inputs["accessLogSettings"]["format"])["request_id"] == "$context.requestId"
        settings = deployment.one("aws:apigateway/methodSettings:MethodSettings", "nova-api-throttling")
        assert settings.inputs["methodPath"] == "*/*"
        assert settings.inputs["settings"]["throttlingRateLimit"] == 200
        assert settings.inputs["settings"]["throttlingBurstLimit"] == 400

    def test_a_deployment_waits_for_all_it_copies(self, deployment: Deployment) -> None:
        (found,) = deployment.of_type("aws:apigateway/deployment:Deployment")
        copied = {
            resource.urn
            for kind in ("method:Method", "integration:Integration", "response:Response")
            for resource in deployment.of_type(f"aws:apigateway/{kind}")
        }
        assert found.depends_on >= copied

    def test_the_gateways_own_errors_are_problems(self, deployment: Deployment) -> None:
        responses = deployment.of_type("aws:apigateway/response:Response")
        statuses = {found.inputs["responseType"]: found.inputs["statusCode"] for found in responses}
        assert statuses["UNAUTHORIZED"] == statuses["EXPIRED_TOKEN"] == "401"
        assert statuses["MISSING_AUTHENTICATION_TOKEN"] == "404"
        for found in responses:
            template = found.inputs["responseTemplates"]["application/json"]
            body = json.loads(template.replace("$context.error.messageString", '"because"'))
            assert set(body) == {"type", "title", "status", "detail", "instance", "request_id"}
            assert str(body["status"]) == found.inputs["statusCode"]
            # API Gateway calls a path that it does not know a missing token.
            unknown_path = found.inputs["responseType"] == "MISSING_AUTHENTICATION_TOKEN"
            assert (body["detail"] == "There is nothing here.") == unknown_path
            assert found.inputs["responseParameters"] == {
                "gatewayresponse.header.Content-Type": "'application/problem+json'"
            }

    def test_the_user_pool_admits_nobody_by_itself(self, production: Deployment) -> None:
        (pool,) = production.of_type("aws:cognito/userPool:UserPool")
        assert pool.inputs["adminCreateUserConfig"] == {"allowAdminCreateUserOnly": True}
        assert pool.inputs["passwordPolicy"]["minimumLength"] >= 12
        assert pool.inputs["deletionProtection"] == "ACTIVE"
        (client,) = production.of_type("aws:cognito/userPoolClient:UserPoolClient")
        assert client.inputs["preventUserExistenceErrors"] == "ENABLED"
        assert client.inputs["enableTokenRevocation"] is True
        assert client.inputs["accessTokenValidity"] == 60
        assert client.inputs["tokenValidityUnits"]["accessToken"] == "minutes"


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_build_sees_exactly_what_the_tag_covers(folder: str) -> None:
    """Otherwise an image would change while its tag stays, which immutable repositories refuse."""
    text = (ROOT / folder / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    admitted = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert lines[0] == "*"
    # Docker reads the two files that steer the build whatever they say themselves.
    assert admitted == set(image_sources(ROOT, folder)) - {
        f"{folder}/Dockerfile",
        f"{folder}/Dockerfile.dockerignore",
    }
    assert set(lines) - {"*"} - {f"!{path}" for path in admitted} == {f"**/{pattern}" for pattern in SKIPPED}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_image_agrees_with_its_task_definition(production: Deployment, folder: str) -> None:
    instructions = (ROOT / folder / "Dockerfile").read_text(encoding="utf-8").splitlines()
    container = containers(production)[folder.removeprefix("services/").replace("_", "-")]
    assert f"USER {container['user']}:{container['user']}" in instructions
    assert f"EXPOSE {CONTAINER_PORT}" in instructions
    # AgentCore Runtime takes no command, so that the coordinator's image runs what that host needs.
    own = ["python", "-m", "nova_agent_core.runtime_app"]
    command = own if folder == "services/agent_core" else container["command"]
    assert f"CMD {json.dumps(command)}" in instructions
    assert not [line for line in instructions if line.startswith("ENTRYPOINT")]
    (check,) = [line for line in instructions if line.startswith("HEALTHCHECK")]
    assert check.endswith("CMD " + json.dumps(container["healthCheck"]["command"][1:]))
