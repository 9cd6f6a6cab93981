"""The pages of docs/ that are made from the program: its picture, its resources and what they cost."""

import ast
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cli import cost as costs
from cli.charges import Charges
from cli.errors import NovaError
from cli.graph import evaluated
from cli.markdown import made_by, table
from cli.picture.parts import AREAS
from cli.picture.svg import drawn
from cli.prices import price_table
from cli.reference import reference_pages
from cli.sizes import size

if TYPE_CHECKING:
    from evaluation.program import Deployment
    from evaluation.recorder import Recorded

STACKS = ("dev", "prod")
DRAWN = "prod"
"""The stack of the picture: the one that has everything."""
REGION = "us-east-1"
"""Whose prices stand beside the resources; docs/costs.md has all."""
PURPOSES = Path(__file__).with_name("purposes.toml")
COMPONENT_FOLDERS = ("components/**/*.py", "services/*/infra.py")

type Deployments = Mapping[str, "Deployment"]


def pages(deployments: Deployments, bills: Mapping[str, costs.Bill], root: Path) -> dict[str, str]:
    """Return the contents of all pages by their paths, from the deployments and the bills of ``STACKS``.

    Raises ``NovaError`` for a type of resource without a price or a purpose.
    """
    return {
        "docs/architecture.svg": drawn(DRAWN, deployments[DRAWN]),
        "docs/costs.md": costs_page(bills),
        "docs/resources.md": resources_page(deployments, root),
        **reference_pages(deployments, root, REGION),
    }


def write(root: Path) -> list[str]:
    """Evaluate the program, write all pages below ``root``, and return the paths of the changed."""
    deployments = {stack: evaluated(stack) for stack in STACKS}
    bills = {stack: costs.bill(stack, price_table().regions) for stack in STACKS}
    changed: list[str] = []
    for path, text in pages(deployments, bills, root).items():
        file = root / path
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


# --- what it costs ---


def costs_page(bills: Mapping[str, costs.Bill]) -> str:
    """Return the bills of stacks, in all regions that have prices, and where the prices are from."""
    prices = price_table()
    lines = [
        "# What an idle month costs",
        "",
        _made_by("nova cost"),
        "",
        *costs.notes(prices),
        "Traffic, requests, storage and the use of models come on top.",
    ]
    used: set[str] = set()
    for stack, bill in bills.items():
        used |= {line.price.key for line in bill.lines}
        totals = " or ".join(f"{bill.total(region):.2f} USD in {region}" for region in prices.regions)
        header, *rows = costs.rows(bill, prices.regions)
        lines += ["", f"## Stack {stack}: {totals}", "", *table(header, rows)]
    sources = [
        (price.what, price.source, "" if price.verified else "no", f"[{_host(price.check)}]({price.check})")
        for key, price in prices.prices.items()
        if key in used
    ]
    lines += ["", "## Where the prices are from", ""]
    lines += table(("price", "read at", "verified", "compare with"), sources)
    return "\n".join(lines) + "\n"


def _host(address: str) -> str:
    return address.removeprefix("https://").strip("/")


# --- what there is ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """All resources of a type in all components of a class."""

    kind: str
    members: Mapping[str, Sequence["Recorded"]]
    """By stack."""


def resources_page(deployments: Deployments, root: Path) -> str:
    """Return every resource of some stacks with its purpose, size and idle cost."""
    described = descriptions(root)
    sections = _sections(deployments)
    charges = {stack: Charges(deployment) for stack, deployment in deployments.items()}
    lines = [
        "# Resources",
        "",
        _made_by("nova graph"),
        "",
        "Each section is a class of components, with the names of all that there are and what it is for in",
        "its own words. Its rows are the types of resources that they consist of: … is the name of the",
        "component, and each stack says how many, how large, and USD for an idle month in",
        f"{REGION} before what an account has for nothing ([costs.md](costs.md)). Where no amount stands,",
        "nothing is paid while idle.",
        "",
        *table(("stack", "resources"), [(stack, f"{_count(found)}") for stack, found in deployments.items()]),
    ]
    area = ""
    for token in sorted(sections, key=_order):
        if _area(token) != area:
            area = _area(token)
            lines += ["", f"## {area}"]
        names = sorted({name for row in sections[token] for name in _owners(deployments, row)})
        lines += ["", f"### {token.split(':')[2]}: {', '.join(names)}", "", described[token], ""]
        header = ("type", "purpose", "names", *deployments)
        lines += table(header, [_cells(deployments, charges, row) for row in sections[token]])
    return "\n".join(lines) + "\n"


def _sections(deployments: Deployments) -> dict[str, list[_Row]]:
    """Group resources by the class of the component that makes them, and by type."""
    found: dict[str, dict[str, dict[str, list[Recorded]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for stack, deployment in deployments.items():
        for resource in sorted(deployment.resources.values(), key=lambda resource: resource.name):
            if resource.custom or resource.remote:
                parent = deployment.resources.get(resource.parent)
                if parent is not None:  # providers have none
                    found[parent.type][resource.type][stack].append(resource)
    return {
        token: [_Row(kind=kind, members=members) for kind, members in sorted(rows.items())]
        for token, rows in found.items()
    }


def _owners(deployments: Deployments, row: _Row) -> Iterator[str]:
    for stack, members in row.members.items():
        for resource in members:
            yield deployments[stack].resources[resource.parent].name


def _cells(deployments: Deployments, charges: Mapping[str, Charges], row: _Row) -> tuple[str, ...]:
    purposes = _purposes()
    if row.kind not in purposes:
        raise NovaError(f"{row.kind} has no purpose: say in cli/purposes.toml what it is for")
    names = sorted({name for stack in row.members for name in _names(deployments[stack], row.members[stack])})
    stacks = [
        _amount(deployment, charges[stack], row.members.get(stack, ()))
        for stack, deployment in deployments.items()
    ]
    package, _, kind = row.kind.rpartition(":")
    return f"{package.partition('/')[0]}:{kind}", purposes[row.kind], ", ".join(names), *stacks


def _names(deployment: "Deployment", members: Sequence["Recorded"]) -> Iterator[str]:
    """Say the name of each resource, without that of its component."""
    for resource in members:
        owner = deployment.resources[resource.parent].name
        own = resource.name.removeprefix(owner)
        yield f"…{own}" if own != resource.name and own else resource.name


@cache
def _purposes() -> Mapping[str, str]:
    """Read what each type of resource is for."""
    return tomllib.loads(PURPOSES.read_text(encoding="utf-8"))


def _amount(deployment: "Deployment", charges: Charges, members: Sequence["Recorded"]) -> str:
    if not members:
        return "none"
    sizes = Counter(text for resource in members if (text := size(deployment, resource)))
    texts = [text if count == len(members) else f"{count} of {text}" for text, count in sorted(sizes.items())]
    usd = sum(charges.monthly_usd(resource, REGION) for resource in members)
    return "; ".join([str(len(members)), *texts, *([f"{usd:.2f} USD"] if usd else [])])


def _count(deployment: "Deployment") -> int:
    return sum(1 for found in deployment.resources.values() if found.custom or found.remote)


def _area(token: str) -> str:
    package = token.split(":")[1]
    return package if package in {*AREAS, "access"} else "workloads"


def _order(token: str) -> tuple[int, str]:
    order = ("workloads", *AREAS, "access")
    return order.index(_area(token)), token


# --- what components say of themselves ---


def descriptions(root: Path) -> dict[str, str]:
    """Return the first paragraph of each component's docstring, by its token."""
    files = sorted(file for pattern in COMPONENT_FOLDERS for file in root.glob(pattern))
    return dict(found for file in files for found in _described(ast.parse(file.read_text(encoding="utf-8"))))


def _described(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            for token in _tokens(node):
                paragraph = (ast.get_docstring(node) or "").split("\n\n")[0]
                yield token, " ".join(paragraph.split())


def _tokens(node: ast.ClassDef) -> Iterator[str]:
    for constant in ast.walk(node):
        value = constant.value if isinstance(constant, ast.Constant) else None
        if isinstance(value, str) and value.startswith("nova:") and value.endswith(f":{node.name}"):
            yield value


# --- Markdown ---


def _made_by(command: str) -> str:
    return made_by(f"what `{command}` knows of the stacks {' and '.join(STACKS)}")
