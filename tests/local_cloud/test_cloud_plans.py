"""The pure parts of the local cloud: rolling plans, rule conditions, routes, templates, environments."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from local_cloud.gateway.iam.dynamodb import stream_of
from local_cloud.gateway.transcribe import s3_location
from local_cloud.runtime import environment, routes, templates
from local_cloud.runtime.authorizer import permits
from local_cloud.runtime.conditions import Request, choose, matches
from local_cloud.runtime.deployments import TaskView, backoff_seconds, breaker_threshold, limits, plan
from local_cloud.runtime.following import Follower


def declared(desired: int, **configuration: int) -> dict[str, Any]:
    return {"desiredCount": desired, "deploymentConfiguration": configuration}


def view(number: int, new: bool, state: str) -> TaskView:
    return TaskView(str(number), "new" if new else "old", state == "healthy", state == "unhealthy")


VIEWS = some.builds(
    view,
    some.integers(), some.booleans(), some.sampled_from(["healthy", "starting", "unhealthy"]),
)  # fmt: skip


@given(
    some.integers(0, 6), some.lists(VIEWS, max_size=12, unique_by=lambda view: view.id), some.integers(0, 100)
)
def test_a_step_keeps_enough_healthy_tasks_and_starts_not_too_many(
    desired: int, views: list[TaskView], minimum_percent: int
) -> None:
    service = declared(desired, minimumHealthyPercent=minimum_percent, maximumPercent=200)
    maximum, minimum = limits(service)
    step = plan(service, "new", views)
    stopped = {identity for identity, _ in step.stop}
    healthy_before = sum(view.healthy for view in views)
    healthy_after = sum(view.healthy for view in views if view.id not in stopped)
    assert healthy_after >= min(minimum, healthy_before, desired)
    assert step.start == 0 or len(views) + step.start <= maximum


@given(some.integers(0, 5), some.lists(VIEWS, max_size=8, unique_by=lambda view: view.id))
def test_steps_end_at_the_desired_count_of_new_tasks(desired: int, views: list[TaskView]) -> None:
    service, number = declared(desired), 0
    for _ in range(30):
        step = plan(service, "new", views)
        stopped = {identity for identity, _ in step.stop}
        left = [view for view in views if view.id not in stopped]
        number += step.start
        started = [TaskView(f"started-{number}-{index}", "new", True, False) for index in range(step.start)]
        # Whoever starts gets healthy until the next step.
        views = [TaskView(view.id, view.deployment, True, False) for view in left] + started
    assert [view.deployment for view in views] == ["new"] * desired


@pytest.mark.parametrize(("desired", "threshold"), [(1, 3), (6, 3), (25, 13), (1000, 200)])
def test_the_circuit_breaker_has_the_documented_threshold(desired: int, threshold: int) -> None:
    assert breaker_threshold(desired) == threshold


def test_restarts_back_off_and_are_limited() -> None:
    assert [backoff_seconds(count) for count in (0, 1, 2, 3, 50)] == [0, 1, 2, 4, 60]


REQUEST = Request(
    "GET", "/api/audio/7", "a=1&B=two", "127.0.0.1", {"host": "Api.example.com:80", "x-key": "Secret"}
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"Field": "path-pattern", "Values": ["/api/audio/?"]}, True),
        ({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}, True),
        ({"Field": "path-pattern", "Values": ["/API/*", "/api/audio"]}, False),
        ({"Field": "host-header", "Values": ["api.*.com"]}, True),
        ({"Field": "host-header", "Values": ["example.com"]}, False),
        ({"Field": "http-request-method", "Values": ["GET", "POST"]}, True),
        ({"Field": "http-request-method", "Values": ["DELETE"]}, False),
        ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Key", "Values": ["sec*"]}}, True),
        ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-None", "Values": ["*"]}}, False),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "b", "Value": "t*"}]}}, True),
        ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "3"}]}}, False),
        ({"Field": "source-ip", "Values": ["127.0.0.1/32"]}, False),
    ],
)
def test_conditions_match_like_the_load_balancer(condition: dict[str, Any], expected: bool) -> None:
    assert matches(condition, REQUEST) is expected


def test_the_first_rule_by_number_wins_and_the_default_is_last() -> None:
    always: list[dict[str, Any]] = []
    rules = [{"Priority": "default", "Conditions": always}, {"Priority": "100", "Conditions": always}]
    assert choose([*rules, {"Priority": "20", "Conditions": always}], REQUEST) == {
        "Priority": "20",
        "Conditions": [],
    }
    assert choose(rules[:1], REQUEST) == rules[0]


def resource(identity: str, parent: str, part: str) -> dict[str, Any]:
    return {
        "id": identity,
        "parentId": parent,
        "pathPart": part,
        "resourceMethods": {"GET": {"httpMethod": "GET"}},
    }


RESOURCES: list[dict[str, Any]] = [
    {"id": "root", "path": "/"},
    resource("audio", "root", "audio"),
    resource("fixed", "audio", "fixed"),
    resource("item", "audio", "{id}"),
    resource("transcript", "item", "transcript"),
    resource("rest", "root", "{proxy+}"),
]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("audio", ("audio", dict[str, str]())),
        ("audio/fixed", ("fixed", dict[str, str]())),
        ("audio/a%20b", ("item", {"id": "a b"})),
        ("audio/fixed/transcript", ("transcript", {"id": "fixed"})),
        ("other/way", ("rest", {"proxy": "other/way"})),
        ("audio/1/2", ("rest", {"proxy": "audio/1/2"})),
        ("", None),
    ],
)
def test_paths_find_their_resource(path: str, found: tuple[str, dict[str, str]] | None) -> None:
    root = routes.tree(RESOURCES)
    assert root is not None
    result = routes.find(root, [segment for segment in path.split("/") if segment])
    assert (result and (result[0]["id"], result[1])) == found


def test_gateway_responses_take_their_declared_form() -> None:
    declared_response = {
        "statusCode": "418",
        "responseParameters": {"gatewayresponse.header.X-Test": "'yes'"},
        "responseTemplates": {
            "application/json": '{"title": $context.error.messageString, "id": "$context.requestId", '
            '"at": "$context.path"}'
        },
    }
    status, headers, body = routes.gateway_response(
        declared_response, "UNAUTHORIZED", {"requestId": "r-1", "path": "/api/audio"}
    )
    assert (status, headers["X-Test"], body) == (
        418,
        "yes",
        b'{"title": "Unauthorized", "id": "r-1", "at": "/api/audio"}',
    )
    assert routes.gateway_response(None, "THROTTLED", {"requestId": "r-1"})[0] == 429


def test_throttling_lets_the_burst_in_and_no_more() -> None:
    throttle, settings = routes.Throttle(), {"*/*": {"throttlingRateLimit": 0.001, "throttlingBurstLimit": 2}}
    assert [throttle.admit(settings, "/audio", "GET") for _ in range(3)] == [True, True, False]
    assert throttle.admit({}, "/audio", "GET")


@pytest.mark.parametrize(
    ("claims", "scopes", "expected"),
    [
        ({"token_use": "access", "scope": "a b"}, ["b"], True),
        ({"token_use": "access", "scope": "a b"}, ["c"], False),
        ({"token_use": "id", "scope": "b"}, ["b"], False),
        ({"token_use": "id"}, [], True),
        ({"token_use": "access", "scope": "a"}, [], False),
    ],
)
def test_tokens_need_the_right_kind_and_scope(
    claims: dict[str, Any], scopes: list[str], expected: bool
) -> None:
    assert permits(claims, scopes) is expected


def test_templates_fill_text_inside_quotes_and_values_outside() -> None:
    event = {"name": 'a"b', "count": 3, "list": [{"x": "y"}]}
    text = '{"a": "<$.name>", "b": <$.name>, "c": <$.count>, "d": "<$.count>", "e": "<$.none>", "f": <$.none>, "g": "<$.list[0].x>", "h": "<aws.pipes.pipe-name>"}'  # noqa: E501
    assert templates.render(text, event, {"aws.pipes.pipe-name": "p"}) == (
        '{"a": "a\\"b", "b": "a\\"b", "c": 3, "d": "3", "e": "", "f": null, "g": "y", "h": "p"}'
    )
    assert templates.value_of(event, "$.count") == "3"
    assert templates.value_of(event, "literal") == "literal"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8000", "4711"),
        ("0.0.0.0:8000", "127.0.0.1:4711"),
        ("--port=8000", "--port=4711"),
        ("curl -f http://localhost:8000/health || exit 1", "curl -f http://localhost:4711/health || exit 1"),
        ("18000", "18000"),
        ("80000", "80000"),
        ("v8000", "v8000"),
    ],
)
def test_ports_are_replaced_where_they_are_ports(text: str, expected: str) -> None:
    assert environment.replace_port(text, {8000: 4711}) == expected


def test_an_environment_is_built_from_nothing() -> None:
    place = environment.Place("/image/bin", "/private", {8000: 4711})
    values = {
        "PORT": "8000",
        "HOST": "0.0.0.0",  # noqa: S104 (it must be replaced)
        "PATH": "/app/bin",
        "URL": "http://audio.nova.local:8000/x",
        "N": "8000",
    }
    names = {"audio.nova.local": "127.0.0.1:4803"}
    found = environment.process_environment(
        values, {"AWS_REGION": "r"}, place, lambda name, _port: names.get(name)
    )
    assert found == {
        "PATH": "/image/bin:/usr/local/bin:/usr/bin:/bin", "HOME": "/private", "TMPDIR": "/private",
        "LANG": "C.UTF-8", "PORT": "4711", "HOST": "127.0.0.1", "URL": "http://127.0.0.1:4803/x", "N": "8000",
        "AWS_REGION": "r",
    }  # fmt: skip


def test_the_keys_address_follows_the_issuer() -> None:
    issuer = {"USER_POOL_ISSUER": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab1"}
    added = environment.added_variables(
        issuer, "http://127.0.0.1:1", "uri", "", "us-east-1", "/roots.pem", ""
    )
    assert added["NOVA_JWKS_URL"] == "http://127.0.0.1:1/us-east-1_Ab1/.well-known/jwks.json"
    assert added["SSL_CERT_FILE"] == added["AWS_CA_BUNDLE"] == "/roots.pem"
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in added


def test_commands_come_from_the_definition_then_the_image() -> None:
    assert environment.command_line({}, ["tini"], ["run"], {}) == ["tini", "run"]
    assert environment.command_line({"command": ["x", "8000"]}, [], ["run"], {8000: 1}) == ["x", "1"]
    assert environment.command_line({"entryPoint": ["sh"]}, ["tini"], ["run"], {}) == ["sh"]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/a/b", ("bucket", "a/b")),
        ("https://s3.us-east-1.amazonaws.com/bucket/a", ("bucket", "a")),
        ("https://bucket.s3.us-east-1.amazonaws.com/a", ("bucket", "a")),
    ],
)
def test_media_locations(uri: str, expected: tuple[str, str]) -> None:
    assert s3_location(uri) == expected


@pytest.mark.parametrize(
    "uri", ["", "s3://bucket", "file:///etc/passwd", "https://example.com/a", "http://169.254.169.254/a"]
)
def test_other_media_locations_are_refused(uri: str) -> None:
    with pytest.raises(Exception, match="can't be accessed"):
        s3_location(uri)


def test_the_stream_of_a_request() -> None:
    assert stream_of({"StreamArn": "arn"}) == "arn"
    assert stream_of({"ShardIterator": "eyJhcm4iOiAiYXJuIn0="}) == "arn"
    assert stream_of({"ShardIterator": "nonsense"}) is None


class _Refreshes(Follower):
    """Counts its refreshes; the first one fails."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def _refresh(self) -> None:
        self.count += 1
        if self.count == 1:
            raise OSError("not now")


def test_a_refresh_that_failed_is_due_again_and_one_that_succeeded_is_not() -> None:
    async def follow() -> int:
        follower = _Refreshes()
        with pytest.raises(OSError, match="not now"):
            await follower.refresh_if_changed()
        await asyncio.gather(*(follower.refresh_if_changed() for _ in range(3)))
        return follower.count

    assert asyncio.run(follow()) == 2
