"""Runtimes of AgentCore whose image is `agent_probe.py`."""

# ruff: noqa: ANN401 - clients that boto3 makes at run time

import hashlib
import json
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local_cloud.running import Running, policy

PROBE = Path(__file__).with_name("agent_probe.py")
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
CUSTOM = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Authorization"


def make_image(home: Path, python: Path) -> str:
    """Put an image of the probe into a home; returns what it is called by."""
    digest = hashlib.sha256(PROBE.read_bytes()).hexdigest()
    place = home / "images" / digest
    if not place.exists():
        subprocess.run([str(python), "-m", "venv", "--without-pip", str(place / "venv")], check=True)
        (packages,) = (place / "venv" / "lib").glob("python*/site-packages")
        shutil.copy(PROBE, packages / PROBE.name)
        described = {"cmd": ["python", "-m", PROBE.stem], "entrypoint": [], "env": {"OF_IMAGE": "yes"}}
        (place / "image.json").write_text(json.dumps(described))
    return f"{REGISTRY}/probe@sha256:{digest}"


@dataclass
class Runtime:
    """A runtime of a running cloud."""

    cloud: Running
    name: str
    id: str
    arn: str
    settings: dict[str, Any]

    @classmethod
    def create(cls, cloud: Running, image: str, **more: Any) -> "Runtime":
        name = f"probe_{uuid.uuid4().hex[:8]}"
        role = cloud.role(name, "bedrock-agentcore.amazonaws.com", policy((["sqs:ListQueues"], "*")))
        settings = {
            "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": image}},
            "roleArn": role,
            "networkConfiguration": {"networkMode": "PUBLIC"},
            "environmentVariables": {"HOST": "0.0.0.0", "PORT": "8080"},  # noqa: S104 (the image's side)
            "requestHeaderConfiguration": {"requestHeaderAllowlist": [CUSTOM, "Authorization"]},
            **more,
        }
        made = cloud.client("bedrock-agentcore-control").create_agent_runtime(
            agentRuntimeName=name, **settings
        )
        return cls(cloud, name, made["agentRuntimeId"], made["agentRuntimeArn"], settings)

    @property
    def control(self) -> Any:
        return self.cloud.client("bedrock-agentcore-control")

    def call(self, client: Any, payload: dict[str, Any], session: str, **more: Any) -> dict[str, Any]:
        return client.invoke_agent_runtime(
            agentRuntimeArn=self.arn, runtimeSessionId=session, payload=json.dumps(payload), **more
        )

    def told(self, client: Any, payload: dict[str, Any], session: str, **more: Any) -> dict[str, Any]:
        return json.loads(self.call(client, payload, session, **more)["response"].read())


def session_id() -> str:
    return f"session-{uuid.uuid4()}"
