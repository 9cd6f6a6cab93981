"""The reference of components/: what each takes, gives, refuses, creates and costs, from its source.

A component's docstrings are its contract; this reads them as they stand, so that a page says nothing else.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli.charges import Charges
from cli.markdown import made_by, table

if TYPE_CHECKING:
    from evaluation.program import Deployment

FOLDER = "docs/components"
PACKAGE = "nova_components"
"""What the folder components/ is called once it is installed."""
CREATES = "Creates: "
"""How the paragraph of a module's docstring begins that lists its resources."""
VALUE_CHARACTERS_MAX = 60
"""Of a constant; a longer one is told by its docstring alone."""

type Deployments = Mapping[str, "Deployment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One input, output, verb or fixed value."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A class of components, as its source tells it."""

    name: str
    token: str
    module: str
    """Import name below the package."""
    creates: str
    promises: Sequence[str]
    """Paragraphs of its docstring."""
    refuses: str
    """What the docstring of its arguments says; empty where they have none of their own."""
    inputs: Sequence[Part]
    outputs: Sequence[Part]
    verbs: Sequence[Part]
    fixed: Sequence[Part]


def reference_pages(deployments: Deployments, root: Path, region: str) -> dict[str, str]:
    """Return the pages by their paths: one for each package of components/, and their index."""
    found: dict[str, list[Component]] = defaultdict(list)
    for component in components(root):
        found[component.module.partition(".")[0]].append(component)
    pages = {
        f"{FOLDER}/{package}.md": _page(package, found[package], deployments, region) for package in found
    }
    rows = [
        (
            f"[{component.name}]({package}.md#{component.name.lower()})",
            component.module,
            component.promises[0],
        )
        for package in sorted(found)
        for component in found[package]
    ]
    index = [
        "# Components",
        "",
        made_by("their sources and what `nova cost` knows of the stacks " + " and ".join(deployments)),
        "",
        "How to use them in a program of your own: [components/README.md](../../components/README.md).",
        "",
        *table(("component", "module", "what it is"), rows),
    ]
    return {f"{FOLDER}/README.md": "\n".join(index) + "\n", **pages}


def components(root: Path) -> list[Component]:
    """Return all components below ``root``/components, by module and name."""
    folder = root / "components"
    modules = {
        ".".join(path.relative_to(folder).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    }
    known = {
        node.name: _paragraphs(node)[0]
        for module in modules.values()
        for node in module.body
        if isinstance(node, ast.ClassDef) and _paragraphs(node)
    }
    return [found for name, module in modules.items() for found in _in_module(module, name, known)]


def _in_module(module: ast.Module, name: str, known: Mapping[str, str]) -> Iterator[Component]:
    """Yield the components of a module; ``known`` says of each class what it is."""
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    creates = next(
        (paragraph for paragraph in _paragraphs(module) if paragraph.startswith(CREATES)), ""
    ).removeprefix(CREATES)
    for node in classes.values():
        token = _token(node)
        if not token:
            continue
        arguments = classes.get(_arguments(node))
        yield Component(
            name=node.name,
            token=token,
            module=name,
            creates=creates,
            promises=_paragraphs(node),
            refuses=" ".join(_paragraphs(arguments)) if arguments else "",
            inputs=[_told(part, known) for part in _fields(arguments)] if arguments else [],
            outputs=[*_fields(node), *_properties(node)],
            verbs=list(_verbs(node)),
            fixed=list(_constants(module)),
        )


def _token(node: ast.ClassDef) -> str:
    """Return the type of resource that a class registers itself as; empty for one that is no component."""
    for constant in ast.walk(node):
        value = constant.value if isinstance(constant, ast.Constant) else None
        if isinstance(value, str) and value.startswith("nova:") and value.endswith(f":{node.name}"):
            return value
    return ""


def _arguments(node: ast.ClassDef) -> str:
    """Return the name of the class of a component's arguments; empty where it has none."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for argument in method.args.args:
                if argument.arg == "args" and argument.annotation is not None:
                    return ast.unparse(argument.annotation)
    return ""


def _fields(node: ast.ClassDef) -> Iterator[Part]:
    for place, line in enumerate(node.body):
        target = line.target if isinstance(line, ast.AnnAssign) else None
        if isinstance(line, ast.AnnAssign) and isinstance(target, ast.Name) and target.id[0] != "_":
            yield Part(
                name=target.id,
                type=ast.unparse(line.annotation),
                default=_default(line.value),
                meaning=_said_after(node.body, place),
            )


def _told(part: Part, known: Mapping[str, str]) -> Part:
    """Say of an input without words of its own what its type is."""
    return part if part.meaning else replace(part, meaning=known.get(part.type.removesuffix(" | None"), ""))


def _default(value: ast.expr | None) -> str:
    if value is None:
        return ""
    text = ast.unparse(value)
    return "empty" if text.startswith("field(") or text in {"()", "''"} else text


def _constants(module: ast.Module) -> Iterator[Part]:
    """Yield the public constants that say what they are."""
    for place, line in enumerate(module.body):
        if isinstance(line, ast.Assign):
            target = line.targets[0]
        elif isinstance(line, ast.AnnAssign):
            target = line.target
        else:
            continue
        meaning = _said_after(module.body, place)
        if line.value is not None and isinstance(target, ast.Name) and target.id[0] != "_" and meaning:
            text = ast.unparse(line.value)
            short = text if len(text) <= VALUE_CHARACTERS_MAX else ""
            yield Part(name=target.id, type=short, default="", meaning=meaning)


def _properties(node: ast.ClassDef) -> Iterator[Part]:
    for method in _methods(node):
        if _is_property(method):
            returns = ast.unparse(method.returns) if method.returns else ""
            yield Part(name=method.name, type=returns, default="", meaning=" ".join(_paragraphs(method)))


def _verbs(node: ast.ClassDef) -> Iterator[Part]:
    for method in _methods(node):
        if not _is_property(method):
            names = [argument.arg for argument in (*method.args.args[1:], *method.args.kwonlyargs)]
            yield Part(
                name=f"{method.name}({', '.join(names)})",
                type=ast.unparse(method.returns) if method.returns else "",
                default="",
                meaning=" ".join(_paragraphs(method)),
            )


def _methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for line in node.body:
        if isinstance(line, ast.FunctionDef) and not line.name.startswith("_"):
            yield line


def _is_property(method: ast.FunctionDef) -> bool:
    return any(isinstance(found, ast.Name) and found.id == "property" for found in method.decorator_list)


def _said_after(body: Sequence[ast.stmt], place: int) -> str:
    """Return the string that stands right after a line: its documentation."""
    following = body[place + 1] if place + 1 < len(body) else None
    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        return " ".join(str(following.value.value).split())
    return ""


def _paragraphs(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> list[str]:
    text = ast.get_docstring(node) or ""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n") if paragraph.strip()]


def _page(package: str, found: Sequence[Component], deployments: Deployments, region: str) -> str:
    charges = {stack: Charges(deployment) for stack, deployment in deployments.items()}
    lines = [f"# Components: {package}", "", made_by("their sources")]
    for component in found:
        lines += [
            "",
            f"## {component.name}",
            "",
            f"`from {PACKAGE}.{component.module} import {component.name}`",
        ]
        for paragraph in component.promises:
            lines += ["", paragraph]
        if component.creates:
            lines += ["", f"**Creates** {component.creates}"]
        lines += ["", f"**Costs** {_cost(component, deployments, charges, region)}"]
        if component.inputs:
            lines += ["", f"**Takes** {component.refuses}", ""]
            rows = [
                (part.name, _code(part.type), _code(part.default), part.meaning) for part in component.inputs
            ]
            lines += table(("input", "type", "default", "meaning"), rows)
        for title, header, parts in (
            ("Gives", "output", component.outputs),
            ("Does", "verb", component.verbs),
            ("Fixed", "value", component.fixed),
        ):
            if parts:
                rows = [(part.name, _code(part.type), part.meaning) for part in parts]
                lines += ["", f"**{title}**", "", *table((header, "", "meaning"), rows)]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cost(component: Component, deployments: Deployments, charges: Mapping[str, Charges], region: str) -> str:
    """Say what the resources right below a component cost in an idle month, in each stack that has any."""
    told: list[str] = []
    for stack, deployment in deployments.items():
        made = {urn for urn, found in deployment.resources.items() if found.type == component.token}
        amounts = [
            charges[stack].monthly_usd(resource, region)
            for resource in deployment.resources.values()
            if resource.parent in made
        ]
        if made:
            told.append(f"{sum(amounts):.2f} USD for {len(made)} in {stack}")
    return (
        f"in an idle month in {region}: {', '.join(told)}."
        if told
        else "nothing in the stacks: none has one."
    )
