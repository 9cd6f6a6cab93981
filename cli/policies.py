"""Judges a stack by the policies, without the engine and without a cloud."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nova_policy import report
from nova_policy.exemptions import read_exemptions
from nova_policy.graph import Graph, Resource
from nova_policy.judgement import Judgement, judge
from nova_policy.registry import all_rules
from nova_policy.settings import PolicySettingsError, Settings, read_settings
from nova_policy.values import UNKNOWN, plain

from cli.errors import NovaError
from cli.graph import evaluated
from cli.home import CHECKOUT

if TYPE_CHECKING:
    from evaluation.program import Deployment

EXEMPTIONS = CHECKOUT / "policy" / "exceptions.toml"


def judged(stack: str, settings: Path | None = None, today: datetime.date | None = None) -> Judgement:
    """Evaluate the program for ``stack`` and ask every rule.

    Raises ``NovaError`` for a configuration, settings or a file of exceptions that cannot be used.
    """
    rules = all_rules()
    try:
        return judge(
            graph_of(evaluated(stack)),
            rules,
            read_settings(settings, rules) if settings else Settings(),
            read_exemptions(EXEMPTIONS),
            today or datetime.datetime.now(datetime.UTC).date(),
            stack,
        )
    except PolicySettingsError as error:
        raise NovaError(str(error)) from error


def graph_of(deployment: "Deployment") -> Graph:
    """Return what rules see of a recorded deployment: also what its remote components consist of."""
    from evaluation import recorder, secrecy  # noqa: PLC0415
    from evaluation.children import with_children  # noqa: PLC0415

    return Graph(
        Resource(
            urn=found.urn,
            type=found.type,
            name=found.name,
            props=plain(
                secrecy.plain(found.inputs), lambda value: value is UNKNOWN or value == recorder.UNKNOWN
            ),
            parent=found.parent,
            protect=found.protect,
            references=found.references,
        )
        for found in with_children(deployment).resources.values()
    )


def catalogue_lines(*, as_json: bool) -> Sequence[str]:
    """Return every rule, by name: in a line each, or all that there is to know as JSON."""
    if as_json:
        return [json.dumps(report.catalogue(all_rules()), indent=2)]
    return [f"{rule.name:<48} {rule.severity.value:<8} {rule.description}" for rule in all_rules()]


def report_lines(judgement: Judgement, *, as_json: bool) -> Sequence[str]:
    """Return what came of it, for people or as JSON."""
    return [json.dumps(report.document(judgement), indent=2)] if as_json else report.lines(judgement)
