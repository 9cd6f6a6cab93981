"""The distribution, and that it is the only way in: requests are walked over what each stack declares."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.rpc import is_rpc_secret

from components.edge.behaviors import (
    PATHS_MAX,
    Behavior,
    CachePolicy,
    Origin,
    RequestPolicy,
    behaviors,
)
from components.edge.origin_proof import PROOF_HEADER
from evaluation.recorder import Recorded
from evaluation.secrecy import plain
from tests.infra.deployment import Deployment, deployed
from tests.infra.walk import (
    DISTRIBUTION,
    RULE,
    VPC_ORIGIN,
    WEB_ACL,
    WEB_ACL_ASSOCIATION,
    Reached,
    Refused,
    Request,
    Walk,
    function_methods,
)

HEALTH = "/health"
SITE = Reached(door="site", targets=frozenset({"frontend-target"}))
"""Where all ends that is neither the API's nor live voice."""


def distribution(deployment: Deployment) -> Recorded:
    """The only one."""
    (found,) = deployment.of_type(DISTRIBUTION)
    return found


def sent_proof(deployment: Deployment) -> str:
    """What the distribution adds to what it asks the API."""
    origins = plain(distribution(deployment).inputs["origins"])
    (header,) = [header for origin in origins for header in origin.get("customHeaders", [])]
    assert header["name"] == PROOF_HEADER
    return header["value"]


def proven(value: str) -> Mapping[str, str]:
    """The headers that state a proof."""
    return {PROOF_HEADER.lower(): value}


@pytest.fixture
def walk(deployment: Deployment) -> Walk:
    """The ways into each stack in turn."""
    return Walk(deployment)


class TestTheOnlyWayIn:
    def test_every_public_path_ends_at_a_service_behind_the_api(
        self, walk: Walk, deployment: Deployment
    ) -> None:
        requests = list(walk.public_requests())
        methods = deployment.of_type("aws:apigateway/method:Method")
        assert len(requests) + len(function_methods(deployment)) == len(methods)
        for request in requests:
            end = walk.from_the_internet(request)
            assert isinstance(end, Reached), request
            assert end.door == "api"
            assert end.targets

    def test_no_service_is_reached_by_the_site_listener(self, walk: Walk, deployment: Deployment) -> None:
        site = walk.port("site")
        rules = [plain(rule.inputs["conditions"]) for rule in deployment.of_type(RULE)]
        patterns = [
            pattern
            for conditions in rules
            for condition in conditions
            for pattern in condition.get("pathPattern", {}).get("values", [])
            if pattern.startswith("/api")
        ]
        assert len(patterns) > 5
        paths = {pattern.replace("*", deep) for pattern in patterns for deep in ("", "a", "a/b")}
        paths |= {request.path for request in walk.public_requests()}
        paths |= {f"/{path.removeprefix('/api/')}" for path in paths}
        paths |= {"/api", "/api/", HEALTH, f"/api{HEALTH}", "/docs", "/openapi.json", "/metrics"}
        proof = proven(sent_proof(deployment))
        for path in sorted(paths):
            for method in ("DELETE", "GET", "POST", "PUT"):
                end = walk.at_port(site, Request(method=method, path=path, headers=proof))
                assert end == SITE, (method, path)

    def test_the_site_listener_knows_live_voice_and_the_site_alone(
        self, walk: Walk, deployment: Deployment
    ) -> None:
        rules = deployment.of_type(RULE)
        at_the_site = [rule for rule in rules if "-site-listener" in str(rule.references["listenerArn"])]
        assert sorted(rule.name for rule in at_the_site) == ["audio-live-rule-live", "frontend-rule-all"]
        end = walk.from_the_internet(Request(path="/live"))
        assert isinstance(end, Reached)
        assert (end.door, len(end.targets)) == ("site", 1)
        # Nothing else of that service is reached: neither its health nor what may be added.
        for path in ("/live/", "/live/a", "/liveness", "/Live", f"/live{HEALTH}"):
            assert walk.from_the_internet(Request(path=path)) == SITE, path

    def test_no_target_of_the_api_is_behind_the_site_too(self, deployment: Deployment) -> None:
        doors: dict[str, set[str]] = {"api": set(), "site": set()}
        for rule in deployment.of_type(RULE):
            (listener,) = rule.references["listenerArn"]
            door = "site" if listener.endswith("-site-listener") else "api"
            doors[door] |= rule.references["actions"]
        assert doors["api"]
        assert doors["api"].isdisjoint(doors["site"])

    def test_the_api_refuses_what_did_not_come_through_the_distribution(
        self, walk: Walk, deployment: Deployment
    ) -> None:
        proof = sent_proof(deployment)
        for request in walk.public_requests():
            assert isinstance(walk.at_the_api(request), Refused), request
            for guess in ("", "*", "x", proof[:-1], f"{proof}0"):
                end = walk.at_the_api(request.with_headers(proven(guess)))
                assert isinstance(end, Refused), guess
            assert isinstance(walk.at_the_api(request.with_headers(proven(proof))), Reached)

    def test_a_proof_of_the_viewers_own_is_replaced(self, walk: Walk) -> None:
        for request in walk.public_requests():
            end = walk.from_the_internet(request.with_headers(proven("of my own")))
            assert isinstance(end, Reached)

    def test_unknown_paths_of_the_api_end_nowhere_and_all_others_at_the_site(self, walk: Walk) -> None:
        for path in ("/api/unknown", "/api/audio/1/2/3"):
            assert isinstance(walk.from_the_internet(Request(path=path)), Refused), path
        for path in ("/", "/api", "/chat", "/bff/sign-in", "/live/voice", HEALTH):
            assert walk.from_the_internet(Request(path=path)) == SITE, path


class TestProof:
    def test_it_is_secret_wherever_it_stands(self, deployment: Deployment) -> None:
        assert is_rpc_secret(distribution(deployment).inputs["origins"])
        proof = sent_proof(deployment)
        for found in deployment.resources.values():
            for key, value in found.inputs.items():
                assert is_rpc_secret(value) or proof not in str(value), (found.urn, key)
        assert proof not in str(deployment.outputs)

    @pytest.mark.parametrize("stack", ["dev", "prod"])
    def test_a_rotation_refuses_nobody(self, stack: str) -> None:
        before, after = deployed(stack), deployed(stack, overrides={"originProofGeneration": "2"})
        older, newer = sent_proof(before), sent_proof(after)
        assert older != newer
        walk = Walk(after)
        for request in walk.public_requests():
            for proof in (older, newer):
                assert isinstance(walk.at_the_api(request.with_headers(proven(proof))), Reached)

    def test_it_is_accepted_before_it_is_sent(self, production: Deployment, development: Deployment) -> None:
        rules = {
            rule.urn
            for rule in development.of_type(RULE)
            if any("httpHeader" in condition for condition in plain(rule.inputs["conditions"]))
        }
        assert rules
        assert rules <= distribution(development).depends_on
        acls = {
            found.urn
            for found in (
                production.one(WEB_ACL, "nova-web-api-acl"),
                production.one(WEB_ACL_ASSOCIATION, "nova-web-api-of-stage"),
            )
        }
        assert acls <= distribution(production).depends_on

    def test_either_the_load_balancer_asks_or_the_web_acl(
        self, production: Deployment, development: Deployment
    ) -> None:
        for stack, asks in ((production, False), (development, True)):
            conditions = [
                plain(rule.inputs["conditions"])
                for rule in stack.of_type(RULE)
                # CloudFront alone reaches the site's listener, by its addresses.
                if rule.name not in {"audio-live-rule-live", "frontend-rule-all"}
            ]
            assert all(("httpHeader" in str(found)) is asks for found in conditions)
            assert (stack.of_type(WEB_ACL) == []) is asks


class TestDistribution:
    def test_only_the_api_gets_the_proof(self, deployment: Deployment) -> None:
        origins = {origin["originId"]: origin for origin in plain(distribution(deployment).inputs["origins"])}
        assert set(origins) == {"api", "site"}
        assert "customHeaders" not in origins["site"]

    def test_the_api_is_asked_by_its_own_name_over_tls(self, deployment: Deployment) -> None:
        inputs = distribution(deployment).inputs
        (api,) = [origin for origin in plain(inputs["origins"]) if origin["originId"] == "api"]
        assert api["domainName"] == "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
        assert "originPath" not in api
        assert api["customOriginConfig"]["originProtocolPolicy"] == "https-only"
        (behavior,) = [found for found in inputs["orderedCacheBehaviors"] if found["pathPattern"] == "/api/*"]
        assert behavior["originRequestPolicyId"] == RequestPolicy.ALL_VIEWER_EXCEPT_HOST

    def test_the_site_is_asked_as_the_viewer_asked_without_what_only_proxies_know(
        self, deployment: Deployment
    ) -> None:
        (policy,) = deployment.of_type("aws:cloudfront/originRequestPolicy:OriginRequestPolicy")
        headers = policy.inputs["headersConfig"]
        assert headers["headerBehavior"] == "allExcept"
        assert "X-Forwarded-Host" in headers["headers"]["items"]
        assert "Host" not in headers["headers"]["items"]
        inputs = distribution(deployment).inputs
        asked = {
            found["targetOriginId"]: found.get("originRequestPolicyId")
            for found in inputs["orderedCacheBehaviors"]
        }
        assert inputs["defaultCacheBehavior"]["originRequestPolicyId"] not in (None, asked["api"])
        live = next(found for found in inputs["orderedCacheBehaviors"] if found["pathPattern"] == "/live*")
        assert live["originRequestPolicyId"] == inputs["defaultCacheBehavior"]["originRequestPolicyId"]

    def test_an_origin_may_be_silent_between_heartbeats(self, deployment: Deployment) -> None:
        for origin in plain(distribution(deployment).inputs["origins"]):
            config = origin.get("customOriginConfig") or origin["vpcOriginConfig"]
            assert 2 * 15 < config["originReadTimeout"] <= 120, origin["originId"]

    def test_answers_are_not_compressed_or_kept_on_their_way_from_the_api(
        self, deployment: Deployment
    ) -> None:
        inputs = distribution(deployment).inputs
        kept = {
            found.get("pathPattern", "*"): (found["cachePolicyId"], found["compress"])
            for found in [*inputs["orderedCacheBehaviors"], inputs["defaultCacheBehavior"]]
        }
        assert kept.pop("/_next/static/*") == (CachePolicy.OPTIMIZED, True)
        assert set(kept.values()) == {(CachePolicy.DISABLED, False)}

    def test_no_token_travels_in_the_clear(self, deployment: Deployment) -> None:
        inputs = distribution(deployment).inputs
        for found in [*inputs["orderedCacheBehaviors"], inputs["defaultCacheBehavior"]]:
            assert found["viewerProtocolPolicy"] in ("https-only", "redirect-to-https")
            assert found["responseHeadersPolicyId"]
            if found.get("pathPattern") in ("/api/*", "/live*"):
                assert found["viewerProtocolPolicy"] == "https-only"

    def test_another_load_balancer_has_another_origin(self, deployment: Deployment) -> None:
        (origin,) = deployment.of_type(VPC_ORIGIN)
        config = origin.inputs["vpcOriginEndpointConfig"]
        name = config["name"]
        assert name.endswith("-50dc6c495c0c9188")
        assert config["arn"].endswith("/50dc6c495c0c9188")
        assert len(name) <= 64

    def test_its_requests_are_logged_without_what_signs_people_in(self, deployment: Deployment) -> None:
        source = deployment.one(
            "aws:cloudwatch/logDeliverySource:LogDeliverySource", "nova-site-access"
        ).inputs
        assert (source["logType"], source["region"]) == ("ACCESS_LOGS", "us-east-1")
        delivery = deployment.one("aws:cloudwatch/logDelivery:LogDelivery", "nova-site-access-delivery")
        assert not {"cs(Cookie)", "cs-uri-query", "cs(Referer)"} & set(delivery.inputs["recordFields"])
        policy = deployment.one("aws:s3/bucketPolicy:BucketPolicy", "nova-access-logs-policy")
        assert policy.urn in delivery.depends_on

    def test_with_a_domain_it_has_its_names(self, production: Deployment) -> None:
        inputs = distribution(production).inputs
        assert inputs["aliases"] == ["nova.example.com"]
        certificate = inputs["viewerCertificate"]
        assert ":us-east-1:" in certificate["acmCertificateArn"]
        assert certificate["minimumProtocolVersion"] == "TLSv1.2_2021"
        records = {
            found.inputs["type"]: found.inputs["aliases"][0]["name"]
            for found in production.of_type("aws:route53/record:Record")
            if found.name.startswith("nova-site-record-")
        }
        assert records == dict.fromkeys(("A", "AAAA"), "d111111abcdef8.cloudfront.net")
        assert production.outputs["site_url"] == "https://nova.example.com"
        assert production.outputs["api_url"] == "https://nova.example.com/api"

    def test_without_one_it_has_cloudfronts(self, development: Deployment) -> None:
        inputs = distribution(development).inputs
        assert "aliases" not in inputs
        assert inputs["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
        assert development.outputs["site_url"] == "https://d111111abcdef8.cloudfront.net"


class TestBehaviors:
    @given(paths=st.lists(st.sampled_from(("/a/*", "/b", "/c?")), unique=True))
    def test_the_default_comes_last_and_the_api_first(self, paths: list[str]) -> None:
        planned = behaviors(paths)
        assert [behavior.pattern for behavior in planned] == ["/api/*", "/live*", *paths, "*"]
        assert [behavior for behavior in planned if behavior.origin is Origin.API] == [planned[0]]
        assert all(_reads_only(behavior) for behavior in planned if behavior.compresses)

    @pytest.mark.parametrize(
        "paths",
        [["a"], ["/api/a"], ["/live/a"], ["/a", "/a"], [f"/{number}" for number in range(PATHS_MAX)]],
    )
    def test_what_stands_in_another_ones_way_is_refused(self, paths: list[str]) -> None:
        with pytest.raises(ValueError, match="static_paths"):
            behaviors(paths)


def _reads_only(behavior: Behavior) -> bool:
    return set(behavior.methods) <= {"GET", "HEAD", "OPTIONS"}


def test_the_same_distribution_stands_before_a_stack_elsewhere() -> None:
    tokyo = deployed(
        "prod",
        overrides={
            "region": "ap-northeast-1",
            "availabilityZones": '["ap-northeast-1a","ap-northeast-1c","ap-northeast-1d"]',
        },
    )
    (api,) = [
        origin for origin in plain(distribution(tokyo).inputs["origins"]) if origin["originId"] == "api"
    ]
    assert api["domainName"] == "a1b2c3d4e5.execute-api.ap-northeast-1.amazonaws.com"
    home = {found.name for found in deployed("prod").of_type(VPC_ORIGIN)}
    assert {found.name for found in tokyo.of_type(VPC_ORIGIN)} == home
