"""The house rules of components, and what they refuse."""

import ast
import dataclasses
import importlib
import inspect
from collections.abc import Callable
from typing import Any, cast

import pulumi
import pytest
from pulumi_aws import sqs

from components.access.role import ServiceRole, ServiceRoleArgs
from components.access.statements import Statement
from components.account import Account
from components.compute.capacity import Capacity
from components.compute.deployment import Deployment as TaskDeployment
from components.compute.deployment import Strategy
from components.compute.insights import Insights
from components.compute.service import FargateService, FargateServiceArgs
from components.compute.sizing import ServiceSize
from components.data.cache_plan import CacheEngine, CachePlan
from components.edge.api import ApiArgs
from components.edge.listener_rules import ListenerName, RequestMatch
from components.edge.plan import DEFAULT_SCOPE, EdgePlan
from components.messaging.queue import QueueArgs, QueueEncryption, Subscription
from components.network.needs import EndpointMode
from components.network.plan import NewNetwork
from components.network.vpc import VpcArgs
from components.network.zones import NatStrategy
from components.observe.logs import LogPolicy
from components.observe.severity import AlarmScope
from components.platform import Platform, PlatformArgs
from services.projector.infra import Projector, ProjectorArgs
from tests.infra.deployment import ROOT, Deployment, run
from tests.infra.policies import granted


def modules() -> list[str]:
    """Every module that may hold components, by import name."""
    paths = [*ROOT.glob("components/**/*.py"), *ROOT.glob("services/*/infra.py")]
    names = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in sorted(paths)]
    return [name.removesuffix(".__init__") for name in names]


def classes() -> list[type]:
    """Every class that these modules define."""
    return [
        found
        for name in modules()
        for _, found in inspect.getmembers(importlib.import_module(name), inspect.isclass)
        if found.__module__ == name
    ]


COMPONENTS = [found for found in classes() if issubclass(found, pulumi.ComponentResource)]


def package_of(component: type) -> str:
    """The folder under components/ or services/, or the module that stands directly in it."""
    return component.__module__.split(".")[1]


def source_of(component: type) -> ast.ClassDef:
    (tree,) = ast.parse(inspect.getsource(component)).body
    assert isinstance(tree, ast.ClassDef)
    return tree


def test_there_are_components() -> None:
    assert len(COMPONENTS) >= 28


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda found: found.__name__)
def test_the_type_token_names_package_and_class(component: type) -> None:
    tokens = [
        node.args[0].value
        for node in ast.walk(source_of(component))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "super().__init__"
        and isinstance(node.args[0], ast.Constant)
    ]
    assert tokens == [f"nova:{package_of(component)}:{component.__name__}"]


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda found: found.__name__)
def test_the_constructor_takes_name_args_and_options(component: type) -> None:
    parameters = inspect.signature(component).parameters
    assert list(parameters) == ["name", "args", "opts"]
    arguments = inspect.get_annotations(component.__init__)["args"]
    assert dataclasses.is_dataclass(arguments)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda found: found.__name__)
def test_the_constructor_registers_outputs_last(component: type) -> None:
    (constructor,) = [
        node
        for node in source_of(component).body
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ]
    assert ast.unparse(constructor.body[-1]).startswith("self.register_outputs(")
    assert "apply(" not in ast.unparse(constructor)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda found: found.__name__)
def test_every_component_says_what_it_is(component: type) -> None:
    assert len(component.__doc__ or "") > 40
    module = importlib.import_module(component.__module__)
    assert "Creates:" in (module.__doc__ or "")


@pytest.mark.parametrize(
    "found",
    [found for found in classes() if dataclasses.is_dataclass(found)],
    ids=lambda found: found.__qualname__,
)
def test_dataclasses_are_frozen_slotted_and_keyword_only(found: type) -> None:
    parameters = cast("Any", found).__dataclass_params__
    assert (parameters.frozen, parameters.slots, parameters.kw_only) == (True, True, True)


def test_no_component_calls_aws_or_reads_settings() -> None:
    for name in modules():
        source = (ROOT / name.replace(".", "/")).with_suffix(".py")
        path = source if source.exists() else ROOT / name.replace(".", "/") / "__init__.py"
        imported = {
            part
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for part in imported_packages(node)
        }
        assert not imported & {"boto3", "settings", "cli", "local_cloud", "nova_common"}, name


def imported_packages(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module.split(".")[0]}
    return set()


def account() -> Account:
    return Account(
        account_id=pulumi.Output.from_input("123456789012"),
        partition=pulumi.Output.from_input("aws"),
        region="us-east-1",
    )


def role() -> ServiceRole:
    return ServiceRole("work", ServiceRoleArgs(service="ecs-tasks.amazonaws.com", account=account()))


RIGHT = Statement(sid="Read", actions=("s3:GetObject",), resources=("arn:aws:s3:::b/*",))


class TestRole:
    def test_grants_become_one_policy(self) -> None:
        def program() -> None:
            made = role()
            made.add(RIGHT)
            made.add_shared(RIGHT)
            made.seal()

        policies = run(program).of_type("aws:iam/rolePolicy:RolePolicy")
        assert [policy.name for policy in policies] == ["work-policy"]

    def test_a_grant_after_sealing_raises(self) -> None:
        def program() -> None:
            made = role()
            made.add(RIGHT)
            made.seal()
            with pytest.raises(RuntimeError, match="role work is sealed"):
                made.add(Statement(sid="More", actions=("s3:GetObject",), resources=("arn:aws:s3:::c/*",)))
            with pytest.raises(RuntimeError, match="role work is sealed"):
                made.add_shared(RIGHT)
            with pytest.raises(RuntimeError, match="seal it once"):
                made.seal()

        run(program)

    def test_a_role_without_rights_is_not_sealed(self) -> None:
        def program() -> None:
            with pytest.raises(RuntimeError, match="after at least one grant"):
                role().seal()

        run(program)

    def test_the_same_right_twice_raises(self) -> None:
        def program() -> None:
            made = role()
            made.add(RIGHT)
            with pytest.raises(ValueError, match="Read is granted twice"):
                made.add(RIGHT)

        run(program)


VERBS: dict[str, Callable[[Platform, ServiceRole], None]] = {
    "append": lambda platform, role: platform.events.grant_append(role),
    "query": lambda platform, role: platform.events.grant_query(role),
    "stream": lambda platform, role: platform.events.grant_stream(role),
    "encrypt": lambda platform, role: platform.data_keys.grant_encrypt(role),
    "decrypt": lambda platform, role: platform.data_keys.grant_decrypt(role),
    "apply": lambda platform, role: platform.read_model.grant_apply(role),
    "list": lambda platform, role: platform.read_model.grant_list(role),
    "book": lambda platform, role: platform.usage.grant_book(role),
    "get": lambda platform, role: platform.content.grant_get(role, "uploads/"),
    "put": lambda platform, role: platform.content.grant_put(role, "uploads/"),
    "put vectors": lambda platform, role: platform.vectors.grant_put(role),
    "get vectors": lambda platform, role: platform.vectors.grant_get(role),
    "query vectors": lambda platform, role: platform.vectors.grant_query(role),
    "delete vectors": lambda platform, role: platform.vectors.grant_delete(role),
}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_each_verb_alone_brings_the_key(verb: str) -> None:
    def program() -> None:
        made = role()
        VERBS[verb](platform(), made)
        made.seal()

    rights = [found for found in granted(run(program), "work-policy") if "kms:Decrypt" in found.actions]
    keys = [found for found in rights if "kms:ViaService" in found.conditions["StringEquals"]]
    assert len(keys) == 1
    writes = verb in {"append", "apply", "book", "encrypt", "put", "put vectors"}
    assert ("kms:GenerateDataKey" in keys[0].actions) is writes


def cache_plan(**changes: object) -> CachePlan:
    """A small cache's plan, with some fields replaced."""
    plan = CachePlan(engine=CacheEngine.REDIS, node_type="cache.t4g.micro", replicas=0, password_generation=1)
    return dataclasses.replace(plan, **cast("dict[str, Any]", changes))


def edge_plan(web_acl: bool) -> EdgePlan:
    """An edge without anything that costs, unless it is to have web ACLs."""
    return EdgePlan(
        domain=None,
        web_acl=web_acl,
        origin_proof_generation=1,
        origin_security_group="",
        existing_pool=None,
        token_scope=DEFAULT_SCOPE,
        access_token_minutes=5,
        refresh_token_days=1,
        throttle_rate=10,
        throttle_burst=20,
    )


ROLLING = TaskDeployment(strategy=Strategy.ROLLING, rollback_alarms=True)


def platform(
    cache: CachePlan | None = None, protect: bool = False, deployment: TaskDeployment | None = None
) -> Platform:
    """A small platform; it has to be made inside a run."""
    return Platform(
        "small",
        PlatformArgs(
            region="us-east-1",
            network=new_network(),
            interface_endpoints=EndpointMode.NONE,
            agents_in_vpc=False,
            log_retention_days=1,
            protect=protect,
            recovery_days=7,
            existing_keys={},
            backups=None,
            capacity=Capacity(spot_percent=50, on_demand_base=1),
            insights=Insights.ENABLED,
            deployment=deployment or ROLLING,
            alarm_email="operations@example.com",
            runbook_url="https://example.com/runbooks",
            budget_usd=100,
            trace_sample_percent=5,
            alarm_scope=AlarmScope.ALL,
            edge=edge_plan(web_acl=deployment is not None and deployment.shifts),
            embedding_model="amazon.nova-2-multimodal-embeddings-v1:0",
            embedding_dimension=256,
            model_profiles=False,
            guardrail=None,
            cache=cache or cache_plan(),
        ),
    )


def test_an_alarm_address_is_subscribed() -> None:
    def program() -> None:
        platform()

    (subscription,) = run(program).of_type("aws:sns/topicSubscription:TopicSubscription")
    assert (subscription.inputs["protocol"], subscription.inputs["endpoint"]) == (
        "email",
        "operations@example.com",
    )


def test_some_spot_keeps_the_base_on_demand() -> None:
    def program() -> None:
        made = platform()
        size = ServiceSize(cpu=256, memory=512, tasks_min=1, tasks_max=3)
        Projector("projector", ProjectorArgs(platform=made, api_size=size, worker_size=size))

    service = run(program).one("aws:ecs/service:Service", "projector-service")
    assert service.inputs["capacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 50},
        {"capacityProvider": "FARGATE_SPOT", "weight": 50},
    ]


@pytest.mark.parametrize(
    ("actions", "resources", "message"),
    [
        (("s3:*",), ("arn:aws:s3:::b",), "name the actions"),
        (("*",), ("arn:aws:s3:::b",), "name the actions"),
        (("s3:GetObject",), ("*",), "name its resources"),
    ],
)
def test_a_wide_statement_is_refused(
    actions: tuple[str, ...], resources: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Statement(sid="Wide", actions=actions, resources=resources)


def queue_args(visibility: int = 30, age: int = 60, labels: tuple[str, ...] = ("a",)) -> QueueArgs:
    # The numbers are checked before the key and the topic are looked at.
    encryption = QueueEncryption.__new__(QueueEncryption)
    return QueueArgs(
        encryption=encryption,
        subscriptions=[Subscription(label=label, bus_name="default", pattern="{}") for label in labels],
        visibility_seconds=visibility,
        age_seconds_alarm=age,
    )


@pytest.mark.parametrize(
    ("visibility", "age", "labels", "message"),
    [
        (0, 60, ("a",), "visibility_seconds: 0"),
        (43_201, 60, ("a",), "visibility_seconds: 43201"),
        (30, 345_600, ("a",), "age_seconds_alarm: 345600"),
        (30, 60, ("a", "a"), "labels have to differ"),
    ],
)
def test_a_queue_refuses_impossible_numbers(
    visibility: int, age: int, labels: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        queue_args(visibility, age, labels)


def test_a_log_policy_refuses_a_retention_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="CloudWatch Logs keeps"):
        LogPolicy(retention_days=31, key_arn="arn")


def new_network(
    cidr: str = "10.0.0.0/16", zones: tuple[str, ...] = ("us-east-1a", "us-east-1b")
) -> NewNetwork:
    return NewNetwork(cidr=cidr, zones=zones, nat=NatStrategy.SINGLE)


def vpc_args(cidr: str = "10.0.0.0/16", zones: tuple[str, ...] = ("us-east-1a", "us-east-1b")) -> VpcArgs:
    return VpcArgs(
        account=account(),
        network=new_network(cidr, zones),
        endpoints=EndpointMode.NONE,
        agents=False,
        logs=LogPolicy(retention_days=30, key_arn="arn"),
    )


def test_a_vpc_refuses_a_plan_that_does_not_fit() -> None:
    def program() -> None:
        with pytest.raises(ValueError, match="need a block from /16 to /21"):
            vpc_args(cidr="10.0.0.0/22")
        with pytest.raises(ValueError, match="no availability zone of us-east-1"):
            vpc_args(zones=("us-east-1a", "us-west-2a"))

    run(program)


def test_a_listener_priority_is_given_once() -> None:
    def program() -> None:
        made = platform()
        balancer, vpc = made.load_balancer, made.host.vpc
        match = RequestMatch(label="all", priority=1, paths=("/a",))
        balancer.target("one", 80, [match], parent=vpc)
        with pytest.raises(ValueError, match="priority: 1 of two is taken"):
            balancer.target("two", 80, [match], parent=vpc)
        balancer.target("three", 80, [dataclasses.replace(match, listener=ListenerName.SITE)], parent=vpc)

    run(program)


def test_an_api_without_routes_is_refused() -> None:
    # The rest is not looked at.
    args: dict[str, Any] = {field.name: None for field in dataclasses.fields(ApiArgs)} | {"routes": []}
    with pytest.raises(ValueError, match="routes: give at least one"):
        ApiArgs(**args)


def test_the_recorder_sees_what_a_program_registers() -> None:
    def program() -> None:
        sqs.Queue("work", visibility_timeout_seconds=30)

    deployed: Deployment = run(program, preview=True)
    assert deployed.one("aws:sqs/queue:Queue", "work").inputs == {"visibilityTimeoutSeconds": 30}


def test_a_worker_cannot_be_called_by_name() -> None:
    def program() -> None:
        made = platform()
        size = ServiceSize(cpu=256, memory=512, tasks_min=1, tasks_max=1)
        image = made.image("work", "services/projector", parent=made)
        tasks = role()
        tasks.add(RIGHT)
        worker = FargateService(
            "work",
            FargateServiceArgs(
                host=made.host,
                image=image,
                command=("python",),
                environment={},
                role=tasks,
                size=size,
            ),
        )
        with pytest.raises(ValueError, match="work serves nobody"):
            worker.callee()

    run(program)


def test_each_client_of_the_cache_has_its_own_user_and_secret() -> None:
    def program() -> None:
        made = platform(cache=cache_plan(replicas=1), protect=True)
        made.cache.user("one")
        made.cache.user("two")

    deployed = run(program)
    users = {
        found.inputs["userName"]: found.inputs["accessString"]
        for found in deployed.of_type("aws:elasticache/user:User")
    }
    assert set(users) == {"default", "one", "two"}
    assert users["one"].startswith("on ~one:* resetchannels -@all ")
    assert len(deployed.of_type("aws:secretsmanager/secret:Secret")) == 2
    passwords = [made.name for made in deployed.of_type("random:index/randomPassword:RandomPassword")]
    assert len([name for name in passwords if name.startswith("small-cache-")]) == 4
