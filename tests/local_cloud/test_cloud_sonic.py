"""Speech to speech on the local cloud, with AWS's own SDK over HTTP/2: real sound goes in and comes out."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.local_cloud.running import CHECKOUT, Running, policy
from tests.local_cloud.test_cloud_events import jobs_queue, start_job

pytestmark = pytest.mark.skipif(shutil.which("flite") is None, reason="needs flite to speak")

SONIC = "amazon.nova-2-sonic-v1:0"
SEARCH = {
    "name": "search_recordings",
    "description": "Find passages in the caller's recordings that answer a question, by meaning.",
    "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}
FOUND = {"passages": [{"recording_id": "a1", "start": 1.0, "text": "the last train leaves at ten."}]}


def spoken(directory: Path, text: str) -> str:
    """A recording of a text."""
    path = directory / f"{len(list(directory.iterdir()))}.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
    return str(path)


def talk(cloud: Running, identity: dict[str, str] | None = None, **plan: Any) -> dict[str, Any]:  # noqa: ANN401
    """Follow a plan as an identity, the administrator if there is none."""
    known = identity or cloud.administrator
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT),
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": cloud.status()["models"],
        "SSL_CERT_FILE": str(cloud.home / "tls" / "ca.pem"),
        "AWS_ACCESS_KEY_ID": known["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": known["secret_access_key"],
    }
    finished = subprocess.run(
        [sys.executable, "-m", "tests.local_cloud.sonic_client"],
        input=json.dumps({"model": SONIC, "say": []} | plan),
        capture_output=True,
        text=True,
        env=variables,
        cwd=CHECKOUT,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.splitlines()[-1])


def said(told: dict[str, Any], role: str) -> list[str]:
    """What a role said, as text."""
    return [body["content"] for name, body in told["events"] if name == "textOutput" and body["role"] == role]


def heard(cloud: Running, name: str, sound: bytes) -> str:
    """What the recognizer hears in a sound of the model."""
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16000)
        target.writeframes(sound)
    queue = jobs_queue(cloud, name)
    start_job(cloud, name, file.getvalue(), LanguageCode="en-US")
    cloud.messages(queue, 90)
    stored = cloud.client("s3").get_object(Bucket="media", Key=f"transcribe/{name}.json")["Body"].read()
    return json.loads(stored)["results"]["transcripts"][0]["transcript"]


def test_a_spoken_question_is_answered_in_speech_after_a_tool(cloud: Running, tmp_path: Path) -> None:
    question = spoken(tmp_path, "When does the last train leave?")
    told = talk(cloud, say=[question], tools=[SEARCH], results={"search_recordings": FOUND})
    assert told["error"] == ""
    assert "train" in said(told, "USER")[0]
    names = [name for name, _ in told["events"]]
    assert names.index("toolUse") < names.index("audioOutput")
    (use,) = [body for name, body in told["events"] if name == "toolUse"]
    assert use["toolName"] == "search_recordings"
    assert "train" in json.loads(use["content"])["query"]
    assert "the last train leaves at ten." in said(told, "ASSISTANT")[0]
    words = heard(cloud, "spoken-answer", base64.b64decode(told["sound"]))
    assert "train" in words and "ten" in words


def test_who_speaks_into_an_answer_silences_it(cloud: Running, tmp_path: Path) -> None:
    first = spoken(tmp_path, "Hello, how are you today?")
    second = spoken(tmp_path, "Stop please, thank you very much.")
    told = talk(cloud, say=[first, second], tools=[SEARCH])
    assert told["error"] == ""
    interrupted = [body for _, body in told["events"] if body.get("stopReason") == "INTERRUPTED"]
    assert len(interrupted) == 1
    assert '{ "interrupted" : true }' in said(told, "ASSISTANT")
    assert len(said(told, "USER")) == 2


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        ({"model": "no model"}, "The provided model identifier is invalid"),
        ({"rate": 8000}, "hears 16000 samples a second, not 8000"),
    ],
)
def test_what_the_model_does_not_take_is_said(cloud: Running, plan: dict[str, Any], error: str) -> None:
    assert error in talk(cloud, **plan)["error"]


def test_a_session_takes_the_right_to_invoke_the_model(cloud: Running, tmp_path: Path) -> None:
    iam = cloud.client("iam")
    greeting = spoken(tmp_path, "Hello, how are you today?")
    for name, resource, error in (
        ("speaker", f"arn:aws:bedrock:us-east-1::foundation-model/{SONIC}", ""),
        ("stranger", "arn:aws:bedrock:us-east-1::foundation-model/amazon.other-v1:0", "not authorized"),
    ):
        iam.create_user(UserName=f"sonic-{name}")
        document = policy((["bedrock:InvokeModel"], resource))
        iam.put_user_policy(UserName=f"sonic-{name}", PolicyName="own", PolicyDocument=document)
        key = iam.create_access_key(UserName=f"sonic-{name}")["AccessKey"]
        identity = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
        told = talk(cloud, identity, say=[greeting])
        assert error in told["error"]
        assert bool(told["error"]) == bool(error)
