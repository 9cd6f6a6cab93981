"""The edge: who gets in, by which door, and where each path ends."""

from typing import Any

import pytest
from nova_common.server import DRAIN_SECONDS, STOP_SECONDS_MAX

from components.compute.container import STOP_SECONDS
from components.edge.plan import ExistingPool, SiteDomain
from components.edge.target import DEREGISTRATION_SECONDS
from tests.infra.deployment import Deployment, deployed
from tests.slices import DECLARED

LISTENER = "aws:lb/listener:Listener"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
METHOD = "aws:apigateway/method:Method"
RECORD = "aws:route53/record:Record"
POOL = {"userPoolId": "us-east-1_AbCdEf123", "userPoolClientId": "1h57kf5cpq17m0eml12EXAMPLE".lower()}


def listener(deployment: Deployment, name: str) -> dict[str, Any]:
    """The inputs of one of the load balancer's listeners."""
    return deployment.one(LISTENER, f"nova-balancer-{name}-listener").inputs


def groups_of_the_balancer(deployment: Deployment) -> list[str]:
    (balancer,) = deployment.of_type("aws:lb/loadBalancer:LoadBalancer")
    return balancer.inputs["securityGroups"]


class TestDoors:
    def test_each_listener_has_a_port_of_its_own(
        self, production: Deployment, development: Deployment
    ) -> None:
        doors = {
            which: (listener(production, which)["port"], listener(development, which)["port"])
            for which in ("api", "site")
        }
        assert doors == {"api": (443, 80), "site": (8443, 8080)}

    def test_nobody_but_the_link_and_cloudfront_is_admitted(self, deployment: Deployment) -> None:
        groups = set(groups_of_the_balancer(deployment))
        admitted = {
            (rule.inputs["fromPort"], rule.inputs["toPort"]): rule.inputs
            for rule in deployment.of_type(INGRESS)
            if rule.inputs["securityGroupId"] in groups
        }
        api, site = listener(deployment, "api")["port"], listener(deployment, "site")["port"]
        assert set(admitted) == {(api, api), (site, site)}
        link = deployment.one("aws:ec2/securityGroup:SecurityGroup", "nova-api-link-security-group")
        assert admitted[api, api]["referencedSecurityGroupId"] == f"{link.name}-0000000"
        assert "prefixListId" not in admitted[api, api]
        assert admitted[site, site]["prefixListId"] == "pl-origin-facing"
        assert not {"cidrIpv4", "cidrIpv6"} & (set(admitted[api, api]) | set(admitted[site, site]))

    def test_the_site_is_closed_to_all_but_the_vpc_origins_once_their_group_is_known(self) -> None:
        closed = deployed("dev", overrides={"originSecurityGroup": "sg-0123456789abcdef0"})
        (rule,) = [
            found for found in closed.of_type(INGRESS) if found.name == "nova-balancer-ingress-cloudfront"
        ]
        assert rule.inputs["referencedSecurityGroupId"] == "sg-0123456789abcdef0"
        assert "prefixListId" not in rule.inputs

    def test_cloudfronts_addresses_have_a_group_to_themselves(self, deployment: Deployment) -> None:
        inside, site = groups_of_the_balancer(deployment)
        rules = [
            rule.name
            for rule in deployment.of_type(INGRESS)
            if rule.inputs["securityGroupId"] == site and site != inside
        ]
        assert rules == ["nova-balancer-ingress-cloudfront"]

    def test_its_requests_are_logged(self, deployment: Deployment) -> None:
        (balancer,) = deployment.of_type("aws:lb/loadBalancer:LoadBalancer")
        logs = balancer.inputs["accessLogs"]
        assert (logs["enabled"], logs["prefix"]) == (True, "load-balancer")
        policy = deployment.one("aws:s3/bucketPolicy:BucketPolicy", "nova-access-logs-policy")
        assert logs["bucket"] == policy.inputs["bucket"]
        assert policy.urn in balancer.depends_on

    def test_a_streamed_answer_outlives_a_deployment(self, deployment: Deployment) -> None:
        for group in deployment.of_type("aws:lb/targetGroup:TargetGroup"):
            assert group.inputs["deregistrationDelay"] == DEREGISTRATION_SECONDS
        assert 60 < DEREGISTRATION_SECONDS < STOP_SECONDS <= 120
        assert DRAIN_SECONDS + STOP_SECONDS_MAX < STOP_SECONDS


class TestDomain:
    def test_production_speaks_tls_inside_the_vpc(self, production: Deployment) -> None:
        validation = production.one(
            "aws:acm/certificateValidation:CertificateValidation", "nova-certificates-balancer-validation"
        )
        for which in ("api", "site"):
            inputs = listener(production, which)
            assert inputs["protocol"] == "HTTPS"
            assert inputs["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")
            assert inputs["certificateArn"] == validation.inputs["certificateArn"]

    def test_without_a_domain_there_is_neither_certificate_nor_record(self, development: Deployment) -> None:
        for which in ("api", "site"):
            inputs = listener(development, which)
            assert inputs["protocol"] == "HTTP"
            assert "certificateArn" not in inputs
        assert development.of_type("aws:acm/certificate:Certificate") == []
        assert development.of_type(RECORD) == []

    def test_the_certificates_cover_what_is_asked_for(self, production: Deployment) -> None:
        certificates = {
            found.name.removeprefix("nova-certificates-"): found.inputs
            for found in production.of_type("aws:acm/certificate:Certificate")
        }
        assert certificates["distribution"]["domainName"] == "nova.example.com"
        assert certificates["distribution"]["region"] == "us-east-1"
        balancer = certificates["balancer"]
        assert {balancer["domainName"], *balancer["subjectAlternativeNames"]} == {
            "origin.nova.example.com",
            "nova.example.com",
        }
        assert {found["validationMethod"] for found in certificates.values()} == {"DNS"}

    def test_each_name_is_proven_by_one_record(self, production: Deployment) -> None:
        proofs = [found.inputs for found in production.of_type(RECORD) if found.inputs["type"] == "CNAME"]
        assert len({proof["name"] for proof in proofs}) == len(proofs) == 2
        assert {proof["zoneId"] for proof in proofs} == {"Z0123456789ABCDEFGHIJ"}
        validations = production.of_type("aws:acm/certificateValidation:CertificateValidation")
        awaited = {name for found in validations for name in found.inputs["validationRecordFqdns"]}
        assert awaited == {proof["name"].rstrip(".") for proof in proofs}

    def test_the_balancers_name_is_in_its_certificate(self, production: Deployment) -> None:
        record = production.one(RECORD, "nova-balancer-record").inputs
        assert (record["name"], record["type"]) == ("origin.nova.example.com", "A")
        (alias,) = record["aliases"]
        assert alias["name"].endswith(".elb.amazonaws.com")
        for integration in production.of_type("aws:apigateway/integration:Integration"):
            if integration.inputs["type"] == "HTTP_PROXY":
                assert integration.inputs["uri"].startswith("https://origin.nova.example.com:443/api/")

    @pytest.mark.parametrize("parts", [("Nova.example.com", "Z1"), ("nova.example.com", "zone")])
    def test_a_domain_that_cannot_be_is_refused(self, parts: tuple[str, str]) -> None:
        with pytest.raises(ValueError, match=r"host name|hosted zone"):
            SiteDomain(host=parts[0], zone_id=parts[1])


class TestApi:
    def test_parameters_are_validated_before_a_service_is_called(self, deployment: Deployment) -> None:
        (validator,) = deployment.of_type("aws:apigateway/requestValidator:RequestValidator")
        assert validator.inputs["validateRequestParameters"] is True
        for method in deployment.of_type(METHOD):
            assert method.inputs["requestValidatorId"] == f"{validator.name}-0000000"

    def test_old_tls_is_refused(self, deployment: Deployment) -> None:
        (api,) = deployment.of_type("aws:apigateway/restApi:RestApi")
        assert api.inputs["securityPolicy"].startswith("SecurityPolicy_TLS13_1_2")
        assert api.inputs["endpointAccessMode"] == "STRICT"

    def test_errors_are_logged_without_what_people_wrote(self, deployment: Deployment) -> None:
        found = deployment.one("aws:apigateway/methodSettings:MethodSettings", "nova-api-throttling")
        settings = found.inputs["settings"]
        assert (settings["metricsEnabled"], settings["loggingLevel"]) == (True, "ERROR")
        assert settings["dataTraceEnabled"] is False
        group = deployment.one("aws:cloudwatch/logGroup:LogGroup", "nova-api-execution-logs")
        assert group.inputs["name"] == "API-Gateway-Execution-Logs_a1b2c3d4e5/api"
        assert group.urn in found.depends_on


@pytest.fixture(scope="module")
def shared() -> Deployment:
    """A stack that is given another stack's user pool."""
    return deployed("dev", overrides={**POOL, "tokenScope": "nova/use"})


class TestExistingPool:
    def test_it_stands_in_the_place_of_our_own(self, shared: Deployment) -> None:
        assert shared.of_type("aws:cognito/userPool:UserPool") == []
        assert shared.of_type("aws:cognito/userPoolClient:UserPoolClient") == []
        (authorizer,) = shared.of_type("aws:apigateway/authorizer:Authorizer")
        arn = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_AbCdEf123"
        assert authorizer.inputs["providerArns"] == [arn]
        for method in shared.of_type(METHOD):
            assert method.inputs["authorizationScopes"] == ["nova/use"]

    def test_services_trust_it(self, shared: Deployment) -> None:
        tasks = [
            found.inputs["containerDefinitions"]
            for found in shared.of_type("aws:ecs/taskDefinition:TaskDefinition")
        ]
        trusting = [text for text in tasks if "USER_POOL_ISSUER" in text]
        called = {
            name
            for name, service in DECLARED.services.items()
            if any("Cognito" in host for host in service.calls.internet)
        }
        assert len(trusting) == len(called)
        for text in trusting:
            assert "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123" in text
            assert POOL["userPoolClientId"] in text

    def test_the_outputs_name_it(self, shared: Deployment) -> None:
        assert shared.outputs["user_pool_id"] == POOL["userPoolId"]
        assert shared.outputs["user_pool_client_id"] == POOL["userPoolClientId"]

    @pytest.mark.parametrize("ids", [("AbCdEf123", "abc"), ("us-east-1_AbC", "A-b")])
    def test_ids_that_cannot_be_are_refused(self, ids: tuple[str, str]) -> None:
        with pytest.raises(ValueError, match="user pool"):
            ExistingPool(pool_id=ids[0], client_id=ids[1])


def test_the_same_program_stands_in_another_region() -> None:
    tokyo = deployed(
        "prod",
        overrides={
            "region": "ap-northeast-1",
            "availabilityZones": '["ap-northeast-1a","ap-northeast-1c","ap-northeast-1d"]',
        },
    )
    certificates = {
        found.name: found.inputs.get("region") for found in tokyo.of_type("aws:acm/certificate:Certificate")
    }
    assert certificates == {"nova-certificates-distribution": "us-east-1", "nova-certificates-balancer": None}
    assert {found.name for found in tokyo.of_type(LISTENER)} == {
        found.name for found in deployed("prod").of_type(LISTENER)
    }
