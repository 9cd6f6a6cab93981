"""Erasing a person: afterwards nothing that they ever said, wrote or named is found anywhere."""

import base64
import subprocess
import threading
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from nova_common.contracts.live import Ready, Said

from tests.e2e.running import Running, eventually, put, request_upload, send, settled
from tests.e2e.talking import Talk, spoken
from tests.e2e.test_videos import YARD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CANARY = "zebraquartz"
"""In the name of each file, in what is asked, written and searched by those who are erased."""
OTHER_CANARY = "lapisgiraffe"
"""The same of somebody who stays."""
RECEIVED_MAX = 10
SAID = "Eleven captains painted the northern lighthouse with wooden spoons."
"""What nobody else says in these tests, whatever is recognised of it."""
OTHER_SAID = "The baker keeps seven loaves of bread for the harbour master."
ONE_AT_A_TIME = threading.Lock()
"""Held by whoever talks: hearing takes a core, and a conversation is answered within seconds."""


class Person:
    """Somebody with a recording, a video, documents and conversations; what is written holds a canary."""

    def __init__(
        self, platform: Running, name: str, folder: Path, canary: str = CANARY, said: str = SAID
    ) -> None:
        self.platform = platform
        self.name = name
        self.canary = canary
        self.token = platform.token_of_new_user(name)
        self.api = platform.api(self.token)
        recording, video = (folder / f"{canary}-{name}{suffix}" for suffix in (".wav", ".mp4"))
        subprocess.run(["flite", "-voice", "slt", "-t", said, "-o", str(recording)], check=True)
        video.write_bytes(YARD.read_bytes())
        self.recording = send(self.api, recording, "audio/wav")
        self.video = send(self.api, video, "video/mp4", "/video")
        # Announced and never sent before the erasure.
        self.late, self.late_file = request_upload(self.api, recording, "audio/wav"), recording
        document = {"title": canary, "text": f"The {canary} sleeps at noon."}
        self.document = self._made("/documents", document)
        self.session = self._made("/sessions", {})
        asked = {"text": f"When does the {canary} sleep?"}
        self.answer = self.api.post(f"/sessions/{self.session}/messages", json=asked).text
        self.conversation, self.heard = self._talked(spoken(folder, said))

    def settle(self) -> None:
        """Wait until all of it is worked off and found."""
        assert settled(self.api, self.recording)["status"] == "completed"
        assert settled(self.api, self.video, path="/video")["status"] == "completed"
        self.transcript = self.api.get(f"/audio/{self.recording}/transcript").json()["text"]
        for question in (self.canary, self.transcript):
            body = {"text": question}
            eventually(lambda body=body: bool(self.hits(body)), f"{question} is found")
        eventually(lambda: self.recording in self.api.get("/audio").text, "the list follows")

    def hits(self, body: Mapping[str, object]) -> list[Any]:
        return self.api.post("/search", json=body).raise_for_status().json()["hits"]

    def _talked(self, sound: bytes) -> tuple[str, str]:
        """Say something in a live conversation; returns its id, and what was heard."""
        with ONE_AT_A_TIME, Talk(self.platform.outputs()["site_url"], self._live()) as talk:
            conversation = talk.until(Ready).conversation
            talk.say(sound)
            heard = talk.until(Said).text
            talk.end()
        return conversation, heard

    def _live(self) -> str:
        url: str = self.api.post("/audio/live").json()["url"]
        return url

    def _made(self, path: str, body: Mapping[str, object]) -> str:
        answer = self.api.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]


def in_files(home: Path, needles: set[bytes]) -> set[str]:
    """The files below the home that hold one of the needles; environments and images are programs."""
    found: set[str] = set()
    for file in home.rglob("*"):
        place = file.relative_to(home)
        if place.parts[0] in {"env", "images"} or file.is_symlink() or not file.is_file():
            continue
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            continue  # replaced at this moment
        if any(needle in content or needle in str(place).encode() for needle in needles):
            found.add(str(place))
    return found


def in_tables(platform: Running) -> Iterator[tuple[str, str]]:
    dynamodb = platform.aws("dynamodb")
    for name in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=name):
            for item in page["Items"]:
                yield f"table {name}", repr(item)


def in_buckets(platform: Running) -> Iterator[tuple[str, str]]:
    s3 = platform.aws("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for marker in page.get("DeleteMarkers", []):
                yield f"bucket {name}", marker["Key"]
            for version in page.get("Versions", []):
                key = {"Key": version["Key"], "VersionId": version["VersionId"]}
                content = s3.get_object(Bucket=name, **key)["Body"].read()
                yield f"bucket {name}", version["Key"] + content.decode(errors="replace")


def in_vectors(platform: Running) -> Iterator[tuple[str, str]]:
    vectors, outputs = platform.aws("s3vectors"), platform.outputs()
    place = {"vectorBucketName": outputs["vector_bucket"], "indexName": outputs["vector_index"]}
    for page in vectors.get_paginator("list_vectors").paginate(**place, returnMetadata=True):
        for vector in page["vectors"]:
            yield "vectors", repr(vector)


def in_queues(platform: Running) -> Iterator[tuple[str, str]]:
    sqs = platform.aws("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        received = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=RECEIVED_MAX, VisibilityTimeout=0, WaitTimeSeconds=0
        )
        for message in received.get("Messages", []):
            yield f"queue {url}", message["Body"]


def in_logs(platform: Running) -> Iterator[tuple[str, str]]:
    logs = platform.aws("logs")
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            events = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            for found in events:
                for event in found["events"]:
                    yield f"log {group['logGroupName']}", event["message"]


def stores_with(platform: Running, needles: set[str]) -> set[str]:
    """Where one of the needles is found, asked of AWS's APIs."""
    everywhere = (in_tables, in_buckets, in_vectors, in_queues, in_logs)
    return {
        place
        for look in everywhere
        for place, text in look(platform)
        if any(needle in text for needle in needles)
    }


class Erasing:
    """Two people who are being erased, side by side, and one who stays."""

    def __init__(self, platform: Running, folder: Path) -> None:
        self.platform = platform

        def made(name: str, *own: str) -> Person:
            (folder / name).mkdir()
            person = Person(platform, name, folder / name, *own)
            person.settle()
            return person

        with ThreadPoolExecutor() as pool:
            carol = pool.submit(made, "carol", OTHER_CANARY, OTHER_SAID)
            self.alice, self.bob = pool.map(made, ("alice", "bob"))
            self.carol = carol.result()
        alice = self.alice
        # What alice alone has: the names of her files, and her objects' and vectors' keys.
        self.hers = {
            f"{CANARY}-alice",
            *(f"{kind}/{alice.session}" for kind in ("sessions", "session")),
            f"transcripts/{alice.recording}",
            f"documents/{alice.document}",
            f"analyses/{alice.video}",
            f"{alice.document}#0",
        }
        self.found_before = stores_with(platform, {CANARY, *self.hers})
        self.logged_before = platform.nova("logs").stdout
        self.commands = {name: platform.begun("erase", name, "--yes") for name in ("alice", "bob")}

    def end(self, name: str) -> dict[str, int]:
        """Wait for the end of a person's erasure; returns what it says it removed."""
        said, problems = self.commands[name].communicate(timeout=400)
        assert self.commands[name].returncode == 0, said + problems
        return {line.split(maxsplit=1)[1]: int(line.split()[0]) for line in said.splitlines()}


@pytest.fixture(scope="session")
def erasing(platform: Running, tmp_path_factory: pytest.TempPathFactory) -> Generator[Erasing]:
    """Erasures that have begun: each waits for 90 s, and the tests in between go on meanwhile."""
    begun = Erasing(platform, tmp_path_factory.mktemp("erasing"))
    try:
        yield begun
    finally:
        for command in begun.commands.values():
            command.kill()
            command.communicate()


@pytest.mark.begins
def test_what_people_have_is_found_in_stores_and_not_in_logs(erasing: Erasing) -> None:
    assert {place.split()[0] for place in erasing.found_before} >= {"table", "bucket", "vectors"}
    assert CANARY not in erasing.logged_before


def test_after_an_erasure_nothing_is_found(platform: Running, erasing: Erasing) -> None:
    alice, carol, hers = erasing.alice, erasing.carol, erasing.hers
    removed = erasing.end("alice")
    counted = {"recordings": 2, "videos": 1, "documents": 1, "sessions": 1, "conversations": 1}
    assert {kind: removed.get(kind) for kind in counted} == counted
    assert (removed["memories"], removed["months of usage"], removed["user of the pool"]) == (1, 1, 1)
    erasing.end("bob")

    # Her token is valid for a while, and opens nothing any more.
    for path in (
        "/audio",
        f"/audio/{alice.recording}",
        f"/video/{alice.video}",
        "/sessions",
        "/usage",
        f"/speaking-sessions/{alice.conversation}",
    ):
        refused = alice.api.get(path)
        assert (refused.status_code, refused.json()["type"]) == (401, "urn:nova:problem:account-erased"), path
    assert alice.api.post("/search", json={"text": CANARY}).status_code == 401
    # What arrives late goes as it came; a message about it ends.
    assert put(alice.late["upload"], alice.late_file.read_bytes()).is_success
    late_key = f"uploads/audio/{alice.late['id']}"
    eventually(lambda: not stores_with(platform, {late_key}), "the late upload is gone", 60)
    # Events name the keys of objects that are gone, and nothing else of what she had.
    events = {f"table {platform.outputs()['event_store_table']}"}
    eventually(lambda: stores_with(platform, hers) <= events, "what was hers is gone", 60)
    # And nobody has the canary or says what the two said.
    needles = {CANARY, alice.transcript, alice.heard}
    eventually(lambda: not stores_with(platform, needles), "no store holds the canary", 60)
    binary = {needle.encode() for needle in needles} | {
        base64.b64encode(f"{'x' * shift}{CANARY}".encode())[4:12] for shift in range(3)
    }
    eventually(lambda: not in_files(platform.home, binary), "no file holds the canary", 60)

    # Carol has all that she had.
    assert carol.transcript == carol.api.get(f"/audio/{carol.recording}/transcript").json()["text"]
    assert carol.hits({"text": OTHER_CANARY})
    assert carol.api.get(f"/documents/{carol.document}").status_code == 200
    assert "vectors" in stores_with(platform, {OTHER_CANARY})

    again = platform.nova("erase", "alice", "--yes")
    assert again.returncode == 1 and "nobody is called alice" in again.stderr
