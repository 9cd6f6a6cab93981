"""The offline video model: what it measures of a real file, and whom it lets read one."""

import functools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.running import CHECKOUT, Running, policy

MODEL = "us.amazon.nova-2-lite-v1:0"
ACCOUNT = "123456789012"
SAMPLE = CHECKOUT / "samples" / "yard.mp4"
TOOL: dict[str, Any] = {
    "toolSpec": {
        "name": "report",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {name: {} for name in ("summary", "scenes", "anomalies")},
                "required": ["summary", "scenes", "anomalies"],
            }
        },
    }
}


@pytest.fixture(scope="module")
def bucket(cloud: Running) -> str:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="videos")
    s3.put_object(Bucket="videos", Key="uploads/video/1", Body=SAMPLE.read_bytes(), ContentType="video/mp4")
    s3.put_object(Bucket="videos", Key="uploads/video/2", Body=b"no video" * 100, ContentType="video/mp4")
    return "videos"


def question(bucket: str, key: str = "uploads/video/1", **location: str) -> list[dict[str, Any]]:
    where = {"uri": f"s3://{bucket}/{key}", "bucketOwner": ACCOUNT} | location
    video = {"format": "mp4", "source": {"s3Location": where}}
    return [{"role": "user", "content": [{"video": video}, {"text": "What is in it?"}]}]


def ask(client: Any, messages: list[dict[str, Any]], **options: Any) -> dict[str, Any]:  # noqa: ANN401
    return client.converse(modelId=MODEL, messages=messages, **options)


def forced(client: Any, messages: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ANN401
    config = {"tools": [TOOL], "toolChoice": {"tool": {"name": "report"}}}
    answer = ask(client, messages, toolConfig=config)
    assert answer["stopReason"] == "tool_use"
    (block,) = answer["output"]["message"]["content"]
    assert block["toolUse"]["name"] == "report"
    return block["toolUse"]["input"]


def test_cuts_black_and_frozen_stretches_are_measured(cloud: Running, bucket: str) -> None:
    found = forced(cloud.client("bedrock-runtime"), question(bucket))
    assert found["summary"].startswith("Offline model: I measured the pictures and do not understand")
    times = [(scene["start"], scene["end"]) for scene in found["scenes"]]
    assert times == [pytest.approx(pair, abs=0.11) for pair in ((0, 4), (4, 8), (8, 12), (12, 18))]
    looks = [scene["description"] for scene in found["scenes"]]
    assert ["blue" in looks[0], "orange" in looks[1], "green" in looks[3]] == [True] * 3
    assert [(each["kind"], each["severity"]) for each in found["anomalies"]] == [
        ("black_picture", "HIGH"),
        ("frozen_picture", "HIGH"),
    ]
    black, frozen = found["anomalies"]
    assert (black["start"], black["end"]) == pytest.approx((8, 12), abs=0.11)
    assert (frozen["start"], frozen["end"]) == pytest.approx((15, 18), abs=0.11)


def test_without_a_tool_it_tells_the_same_in_words(cloud: Running, bucket: str) -> None:
    answer = ask(cloud.client("bedrock-runtime"), question(bucket))
    (block,) = answer["output"]["message"]["content"]
    assert "4 scenes, with cuts at 4.0, 8.0, 12.0 s" in block["text"]
    assert "8.0 - 12.0 s: Nothing is seen" in block["text"]


def test_a_tool_that_needs_more_than_was_measured_is_not_used(cloud: Running, bucket: str) -> None:
    schema = TOOL["toolSpec"]["inputSchema"]["json"] | {"required": ["summary", "owner"]}
    tool = {"toolSpec": {"name": "report", "inputSchema": {"json": schema}}}
    config: dict[str, Any] = {"tools": [tool], "toolChoice": {"any": {}}}
    answer = ask(cloud.client("bedrock-runtime"), question(bucket), toolConfig=config)
    assert answer["stopReason"] == "end_turn"


def test_what_is_no_video_is_refused_with_a_reason(cloud: Running, bucket: str) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*cannot be decoded"):
        ask(cloud.client("bedrock-runtime"), question(bucket, "uploads/video/2"))
    with pytest.raises(ClientError, match=r"ValidationException.*cannot be read"):
        ask(cloud.client("bedrock-runtime"), question(bucket, "uploads/video/3"))


def test_the_caller_has_to_be_allowed_to_read_the_video(cloud: Running, bucket: str) -> None:
    model = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{MODEL}"
    behind = "arn:aws:bedrock:*::foundation-model/amazon.nova-2-lite-v1:0"
    invoke = (["bedrock:InvokeModel"], [model, behind])
    for name, rights in (
        ("looks", [invoke, (["s3:GetObject"], f"arn:aws:s3:::{bucket}/uploads/video/*")]),
        ("strays", [invoke, (["s3:GetObject"], f"arn:aws:s3:::{bucket}/uploads/audio/*")]),
    ):
        role = cloud.role(f"video-{name}", "ecs-tasks.amazonaws.com", policy(*rights))
        key = assumed(cloud, role)
        client = cloud.client("bedrock-runtime", **key)
        if name == "looks":
            assert ask(client, question(bucket))["stopReason"] == "end_turn"
        else:
            with pytest.raises(ClientError, match=r"AccessDenied.*cannot be read with the rights"):
                ask(client, question(bucket))


def assumed(cloud: Running, role: str) -> dict[str, str]:
    """Credentials of a role, which the administrator takes."""
    name = role.rpartition("/")[2]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }
    trusting = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=trusting)
    found = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }


def test_somebody_elses_bucket_is_refused(cloud: Running, bucket: str) -> None:
    with pytest.raises(ClientError, match="does not belong to bucketOwner"):
        ask(cloud.client("bedrock-runtime"), question(bucket, bucketOwner="999999999999"))


def test_one_video_and_in_s3(cloud: Running, bucket: str) -> None:
    twice = question(bucket)
    twice[0]["content"].append(twice[0]["content"][0])
    with pytest.raises(ClientError, match="one video"):
        ask(cloud.client("bedrock-runtime"), twice)
    inline = [{"role": "user", "content": [{"video": {"format": "mp4", "source": {"bytes": b"x"}}}]}]
    with pytest.raises(ClientError, match="in S3 only"):
        ask(cloud.client("bedrock-runtime"), inline)


@functools.cache
def exposures(python: Path, directory: Path) -> dict[str, Any]:
    """What is measured of 1.5 s of white, then dim, then flickering pictures."""
    script = (
        "import cv2, json, numpy as np, sys\n"
        "from pathlib import Path\n"
        "from local_cloud.gateway.bedrock.watcher import watched\n"
        "path = sys.argv[1]\n"
        "writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 64))\n"
        "for number in range(45):\n"
        "    level = (255, 30, 120)[number // 15]\n"
        "    frame = np.full((64, 64, 3), level, np.uint8)\n"
        "    frame[:20, number % 40 : number % 40 + 10] = 255 - level\n"
        "    writer.write(frame)\n"
        "writer.release()\n"
        "print(json.dumps(watched(Path(path))))\n"
    )
    command = [str(python), "-c", script, str(directory / "exposed.avi")]
    finished = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True)
    return json.loads(finished.stdout)


def test_wrong_exposures_are_measured(cloud_python: Path, tmp_path: Path) -> None:
    found = exposures(cloud_python, tmp_path)["anomalies"]
    told = [(each["kind"], each["severity"], each["start"]) for each in found]
    assert told == [("overexposed_picture", "LOW", 0.0), ("underexposed_picture", "LOW", 1.5)]
