"""The program loads the large SDK modules of optional features only where the features are on."""

import json
import subprocess
import sys

from settings.project import project_schema
from tests.infra.deployment import ROOT

OFF = {"agentRuntimeNetwork": "none", "guardrail": "false", "modelProfiles": "false", "webAcl": "false"}
"""All that uses one of the modules below, switched off."""
LAZY = ("pulumi_aws.bedrock", "pulumi_aws.wafv2")
"""Each has thousands of classes, which cost a good part of a second."""
PROGRAM = """
import json, sys
from evaluation.program import evaluate
evaluate("dev", overrides=json.loads(sys.argv[1]))
print(json.dumps(sorted(sys.modules)))
"""


def test_what_is_off_is_not_loaded() -> None:
    declared = project_schema(ROOT).config
    overrides = {key: text for key, text in OFF.items() if f"nova:{key}" in declared}
    # In a process of its own: others of these tests have loaded everything.
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(overrides)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    modules = set(json.loads(run.stdout))
    assert is_loaded("pulumi_aws.ecs", modules)
    loaded = [module for module in LAZY if is_loaded(module, modules)]
    assert not loaded, f"{loaded}: quote annotations, and touch the module only where its feature is on"


def is_loaded(module: str, modules: set[str]) -> bool:
    """Whether more of a module is there than the name that the SDK puts in its place."""
    return any(name.startswith(f"{module}.") for name in modules)
