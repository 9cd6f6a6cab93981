"""The pure parts: zone plan, sizes, retention, routes, image tags, job names."""

from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.compute.sizing import MEMORY_BY_CPU, ServiceSize, problem
from components.compute.sources import content_tag
from components.edge.listener_rules import RequestMatch
from components.edge.routes import HttpMethod, Route, path_label, resource_paths, sorted_routes
from components.names import scoped_name
from components.network.zones import ZONES_MAX, ZONES_MIN, check_zones, plan_zones
from components.observe.retention import RETENTION_DAYS, check_retention
from services.audio.infra import transcription_job_prefix

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1e", "us-east-1f")


@given(
    count=st.integers(ZONES_MIN, ZONES_MAX),
    prefix_length=st.integers(16, 19),
    block=st.integers(0, 255),
)
def test_subnets_fit_and_never_overlap(count: int, prefix_length: int, block: int) -> None:
    network = IPv4Network(f"10.{block}.0.0/{prefix_length}")
    plans = plan_zones(str(network), ZONES[:count])
    subnets = [subnet for plan in plans for subnet in (plan.public, plan.private, plan.isolated, plan.agents)]
    assert [plan.zone for plan in plans] == list(ZONES[:count])
    assert all(subnet.subnet_of(network) and subnet.prefixlen == 24 for subnet in subnets)
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))


@given(count=st.integers(ZONES_MIN, ZONES_MAX - 1), prefix_length=st.integers(16, 19))
def test_a_further_zone_in_the_same_share_moves_no_subnet(count: int, prefix_length: int) -> None:
    if (count - 1).bit_length() != count.bit_length():
        return
    cidr = f"10.0.0.0/{prefix_length}"
    assert plan_zones(cidr, ZONES[: count + 1])[:count] == plan_zones(cidr, ZONES[:count])


def test_the_layout_is_the_one_that_awsx_makes() -> None:
    plans = plan_zones("10.0.0.0/16", ZONES[:3])
    assert [str(plan.public) for plan in plans] == ["10.0.0.0/24", "10.0.64.0/24", "10.0.128.0/24"]
    assert [str(plans[0].isolated), str(plans[2].agents)] == ["10.0.2.0/24", "10.0.131.0/24"]


@pytest.mark.parametrize("zones", [ZONES[:1], (*ZONES, "us-east-1g"), ("us-east-1a", "us-east-1bos-1a")])
def test_impossible_zones_are_refused(zones: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="zone"):
        check_zones("us-east-1", zones)


@given(cpu=st.sampled_from(sorted(MEMORY_BY_CPU)), memory=st.integers(1, 130_000))
def test_only_pairs_that_are_sold_pass(cpu: int, memory: int) -> None:
    assert (problem(cpu, memory, 1, 1) is None) == (memory in MEMORY_BY_CPU[cpu])


def test_a_size_refuses_what_is_not_sold() -> None:
    with pytest.raises(ValueError, match="memory: 512 is not allowed; with 1024 CPU units"):
        ServiceSize(cpu=1024, memory=512, tasks_min=1, tasks_max=1)


@given(days=st.integers(-10, 4000))
def test_only_retentions_that_exist_pass(days: int) -> None:
    if days in RETENTION_DAYS:
        check_retention(days)
    else:
        with pytest.raises(ValueError, match="CloudWatch Logs keeps"):
            check_retention(days)


def route(method: HttpMethod, path: str) -> Route:
    return Route(method=method, path=path)


def test_paths_need_their_parents_first() -> None:
    routes = [route("GET", "/audio/{id}/transcript"), route("POST", "/audio")]
    assert resource_paths(routes) == (("audio",), ("audio", "{id}"), ("audio", "{id}", "transcript"))
    assert path_label(("audio", "{id}", "transcript")) == "audio-id-transcript"
    assert routes[0].parameters == ("id",)


def test_a_route_declared_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="GET /audio is declared twice"):
        sorted_routes([route("GET", "/audio"), route("POST", "/audio"), route("GET", "/audio")])


@pytest.mark.parametrize("path", ["audio", "/Audio", "/audio//x", "/audio/", "/audio/{id"])
def test_a_malformed_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path: "):
        route("GET", path)


@pytest.mark.parametrize(
    ("priority", "paths", "methods"),
    [(0, ("/a",), ()), (50_001, ("/a",), ()), (1, (), ()), (1, ("/a", "/b", "/c"), ("GET", "PUT", "POST"))],
)
def test_a_rule_beyond_the_limits_is_refused(
    priority: int, paths: tuple[str, ...], methods: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=r"priority|paths"):
        RequestMatch(label="x", priority=priority, paths=paths, methods=methods)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "service" / "src").mkdir(parents=True)
    (tmp_path / "service" / "src" / "app.py").write_text("print()", encoding="utf-8")
    (tmp_path / "lock").write_text("1", encoding="utf-8")
    return tmp_path


def tag(tree: Path) -> str:
    return content_tag(tree, ("lock", "service"))


def test_a_tag_follows_content_name_and_mode(tree: Path) -> None:
    tags = {tag(tree)}
    (tree / "service" / "src" / "app.py").write_text("print(1)", encoding="utf-8")
    tags.add(tag(tree))
    (tree / "service" / "src" / "app.py").rename(tree / "service" / "src" / "main.py")
    tags.add(tag(tree))
    (tree / "service" / "src" / "main.py").chmod(0o755)
    tags.add(tag(tree))
    (tree / "lock").write_text("2", encoding="utf-8")
    tags.add(tag(tree))
    assert len(tags) == 5


def test_a_tag_ignores_what_is_never_built_in(tree: Path) -> None:
    before = tag(tree)
    for name in (
        "src/__pycache__/app.pyc",
        "tests/test_app.py",
        "src/.app.py.swp",
        "src/app.py~",
        "src/nova.egg-info/x",
    ):
        path = tree / "service" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x", encoding="utf-8")
    assert tag(tree) == before


def test_a_tag_does_not_depend_on_the_place(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    tree.rename(elsewhere)
    # The value itself is pinned: a change of the recipe would rebuild and roll every service.
    assert tag(elsewhere) == "30fde5d22773ed2a09c89bd4060fbee4"


def test_a_missing_source_is_named(tree: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing is missing"):
        content_tag(tree, ("nothing",))


@given(
    stacks=st.lists(
        st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzABC0123456789-_."), min_size=1, max_size=100),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_job_prefixes_are_short_and_never_start_with_another(stacks: list[str]) -> None:
    one, other = (transcription_job_prefix("nova", stack) for stack in stacks)
    assert max(len(one), len(other)) <= 40
    assert not f"{one}-".startswith(f"{other}-")
    assert not f"{other}-".startswith(f"{one}-")


@pytest.mark.parametrize(
    ("streams", "seconds", "message"),
    [(False, 30, "it is 1 to 29"), (True, 901, "it is 1 to 900"), (True, 0, "timeout_seconds: 0")],
)
def test_an_answer_takes_no_longer_than_the_gateway_waits(streams: bool, seconds: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Route(method="GET", path="/a", streams=streams, timeout_seconds=seconds)


def test_the_same_route_with_other_limits_is_still_declared_twice() -> None:
    with pytest.raises(ValueError, match="GET /a is declared twice"):
        sorted_routes([route("GET", "/a"), Route(method="GET", path="/a", streams=True)])


def test_a_name_that_fits_is_plain() -> None:
    assert scoped_name("nova", "prod", "cache", 40) == "nova-prod-cache"


@given(
    project=st.from_regex(r"[a-z][a-z0-9_.-]{0,30}", fullmatch=True),
    stack=st.from_regex(r"[A-Za-z0-9_.-]{1,40}", fullmatch=True),
)
def test_other_names_are_made_to_fit(project: str, stack: str) -> None:
    name = scoped_name(project, stack, "agent-core", 40)
    assert len(name) <= 40
    assert all(part.isalnum() and part == part.lower() for part in name.split("-"))


def test_names_that_would_become_the_same_stay_apart() -> None:
    stacks = ("feature-one", "feature_one", "Feature.One")
    assert len({scoped_name("nova", stack, "vectors", 63) for stack in stacks}) == len(stacks)
