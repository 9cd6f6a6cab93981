"""The program as tests run it: a stack's whole program, or a few components of it."""

import json
from collections.abc import Mapping
from functools import lru_cache

from evaluation.program import ROOT, Deployment, run
from evaluation.program import evaluate as deploy
from settings.project import project_schema, stack_config
from tests.shared import computed_once

__all__ = ["ROOT", "Deployment", "deploy", "deployed", "key_name", "run"]

LOADED_MAX = 8
"""Deployments that a worker keeps in memory; to read one again takes a hundredth of an evaluation's time."""


def deployed(stack: str, preview: bool = False, overrides: Mapping[str, str] | None = None) -> Deployment:
    """``deploy``, once a run of the tests and configuration, as deployments are never changed."""
    return _kept(stack, preview, tuple(sorted((overrides or {}).items())))


@lru_cache(LOADED_MAX)
def _kept(stack: str, preview: bool, overrides: tuple[tuple[str, str], ...]) -> Deployment:
    project = project_schema(ROOT).name
    config = stack_config(ROOT, stack) | {f"{project}:{key}": text for key, text in overrides}
    question = json.dumps([stack, preview, config], sort_keys=True)
    return computed_once(question, lambda: deploy(stack, preview, overrides=dict(overrides)))


def key_name(deployment: Deployment, label: str) -> str:
    """The key of a class of data: its own, or the one that all classes share."""
    shared = "nova-keys-data"
    names = {key.name for key in deployment.of_type("aws:kms/key:Key")}
    return shared if shared in names and label != "personal" else f"nova-keys-{label}"
