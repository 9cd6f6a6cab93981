"""Pipes, rules, bucket events and transcriptions, end to end through queues."""

import json
from typing import Any

import pytest

from tests.local_cloud.running import CHECKOUT, Running, policy, tone, until

TEMPLATE = (
    '{"id": "<$.dynamodb.NewImage.id.S>", "aggregate": "<$.dynamodb.Keys.pk.S>", '
    '"level": "<$.dynamodb.NewImage.level.S>"}'
)


def table(cloud: Running, name: str) -> str:
    """A table with a stream; returns the stream's ARN."""
    described = cloud.client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]  # fmt: skip
    return described["LatestStreamArn"]


def put(cloud: Running, name: str, key: str) -> None:
    item = {
        "pk": {"S": key},
        "id": {"S": f'"{key}"'},
        "source": {"S": "nova.test"},
        "type": {"S": "Happened"},
    }
    cloud.client("dynamodb").put_item(TableName=name, Item=item)


def pipe(cloud: Running, name: str, stream: str, **stream_parameters: object) -> tuple[str, str]:
    """A pipe of INSERTs to a bus of its own, and a rule to a queue; returns the queue and the role."""
    events = cloud.client("events")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    queue, queue_arn = cloud.queue(name)
    events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps({"source": [{"prefix": "nova."}]}))
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": queue_arn}])
    reads = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    role = cloud.role(name, "pipes.amazonaws.com", policy((reads, [stream]), (["events:PutEvents"], [bus])))
    cloud.client("pipes").create_pipe(
        Name=name, RoleArn=role, Source=stream, Target=bus,
        SourceParameters={
            "DynamoDBStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 10, **stream_parameters},
            "FilterCriteria": {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"]})}]},
        },
        TargetParameters={
            "InputTemplate": TEMPLATE,
            "EventBridgeEventBusParameters": {
                "Source": "$.dynamodb.NewImage.source.S", "DetailType": "$.dynamodb.NewImage.type.S",
            },
        },
    )  # fmt: skip
    return queue, role


def test_a_pipe_publishes_inserts_and_goes_on_where_it_stopped(cloud: Running) -> None:
    queue, _ = pipe(cloud, "store", table(cloud, "store"))
    put(cloud, "store", "one")
    (event,) = cloud.messages(queue)
    assert (event["source"], event["detail-type"]) == ("nova.test", "Happened")
    assert event["detail"] == {"id": '"one"', "aggregate": "one", "level": ""}
    pipes = cloud.client("pipes")
    pipes.stop_pipe(Name="store")
    change = {"Action": "PUT", "Value": {"S": "high"}}
    key = {"pk": {"S": "one"}}
    cloud.client("dynamodb").update_item(TableName="store", Key=key, AttributeUpdates={"level": change})
    put(cloud, "store", "two")
    assert cloud.messages(queue, 1) == []
    pipes.start_pipe(Name="store")
    assert [event["detail"]["aggregate"] for event in cloud.messages(queue)] == ["two"]


def test_what_a_pipe_cannot_deliver_ends_in_its_dead_letter_queue(cloud: Running) -> None:
    letters, letters_arn = cloud.queue("letters")
    stream = table(cloud, "refused")
    queue, _ = pipe(cloud, "refused", stream, MaximumRetryAttempts=1, DeadLetterConfig={"Arn": letters_arn})
    reads, sends = (["dynamodb:*"], ["*"]), (["sqs:SendMessage"], [letters_arn])
    cloud.client("iam").put_role_policy(
        RoleName="refused", PolicyName="own", PolicyDocument=policy(reads, sends)
    )
    put(cloud, "refused", "one")
    (letter,) = cloud.messages(letters, 10)
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1
    assert cloud.messages(queue, 0) == []
    assert cloud.status()["pipes"]["refused"]["state"] == "RUNNING"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Source": "arn:aws:sqs:us-east-1:123456789012:q"}, "from a DynamoDB stream"),
        (
            {
                "SourceParameters": {
                    "DynamoDBStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 11}
                }
            },
            "BatchSize",
        ),
        (
            {
                "SourceParameters": {
                    "DynamoDBStreamParameters": {"StartingPosition": "LATEST"},
                    "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": "INSERT"}'}]},
                }
            },
            "pattern is not valid",
        ),
    ],
)
def test_a_pipe_that_aws_refuses(cloud: Running, change: dict[str, Any], reason: str) -> None:
    request: dict[str, Any] = {
        "Name": "bad", "RoleArn": "arn:aws:iam::123456789012:role/any",
        "Source": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/1",
        "Target": "arn:aws:events:us-east-1:123456789012:event-bus/b",
        "SourceParameters": {"DynamoDBStreamParameters": {"StartingPosition": "LATEST"}},
    }  # fmt: skip
    with pytest.raises(Exception, match=reason):
        cloud.client("pipes").create_pipe(**(request | change))


def test_an_upload_becomes_a_message_in_an_encrypted_queue(cloud: Running) -> None:
    principals = [{"AWS": "arn:aws:iam::123456789012:root"}, {"Service": "events.amazonaws.com"}]
    statements = [
        {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
        for principal in principals
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    key = cloud.client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"]
    queue, arn = cloud.queue("uploads")
    cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"KmsMasterKeyId": key})
    s3, events = cloud.client("s3"), cloud.client("events")
    s3.create_bucket(Bucket="uploads")
    s3.put_bucket_notification_configuration(
        Bucket="uploads", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    detail = {"bucket": {"name": ["uploads"]}, "object": {"key": [{"prefix": "uploads/"}]}}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    events.put_rule(Name="uploads", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="uploads", Targets=[{"Id": "queue", "Arn": arn}])
    s3.put_object(Bucket="uploads", Key="other/1", Body=b"1")
    s3.put_object(Bucket="uploads", Key="uploads/1", Body=b"123")
    (event,) = cloud.messages(queue)
    assert event["detail"]["object"]["key"] == "uploads/1"
    assert event["detail"]["object"]["size"] == 3


def jobs_queue(cloud: Running, prefix: str) -> str:
    queue, arn = cloud.queue(prefix)
    pattern = {
        "source": ["aws.transcribe"], "detail-type": ["Transcribe Job State Change"],
        "detail": {"TranscriptionJobName": [{"prefix": prefix}]},
    }  # fmt: skip
    cloud.client("events").put_rule(Name=prefix, EventPattern=json.dumps(pattern))
    cloud.client("events").put_targets(Rule=prefix, Targets=[{"Id": "queue", "Arn": arn}])
    return queue


def start_job(cloud: Running, name: str, body: bytes | None, **request: object) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="media")
    if body is not None:
        s3.put_object(Bucket="media", Key=f"uploads/{name}", Body=body)
    cloud.client("transcribe").start_transcription_job(
        TranscriptionJobName=name, Media={"MediaFileUri": f"s3://media/uploads/{name}"},
        OutputBucketName="media", OutputKey=f"transcribe/{name}.json", **request,
    )  # fmt: skip


def test_a_recording_is_transcribed(cloud: Running) -> None:
    queue = jobs_queue(cloud, "good-")
    body = (CHECKOUT / "samples" / "order.wav").read_bytes()
    start_job(
        cloud,
        "good-1",
        body,
        IdentifyLanguage=True,
        Settings={"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2},
    )
    (event,) = cloud.messages(queue, 90)
    assert event["detail"]["TranscriptionJobStatus"] == "COMPLETED"
    job = cloud.client("transcribe").get_transcription_job(TranscriptionJobName="good-1")["TranscriptionJob"]
    assert job["LanguageCode"] == "en-US"
    assert job["Transcript"]["TranscriptFileUri"].endswith("/media/transcribe/good-1.json")
    document = json.loads(
        cloud.client("s3").get_object(Bucket="media", Key="transcribe/good-1.json")["Body"].read()
    )
    assert "cups of coffee" in document["results"]["transcripts"][0]["transcript"]
    words = [item for item in document["results"]["items"] if item["type"] == "pronunciation"]
    times = [float(word["start_time"]) for word in words]
    assert times == sorted(times)
    assert set(words[0]["alternatives"][0]) == {"confidence", "content"}


@pytest.mark.parametrize(
    ("sample", "most", "labels"),
    [
        ("bridge", 10, ["spk_0", "spk_1", "spk_0", "spk_1"]),
        ("meeting", 10, ["spk_0"]),
        ("bridge", None, [None]),
    ],
)
def test_speakers_are_told_apart_by_their_voices(
    cloud: Running, sample: str, most: int | None, labels: list[str | None]
) -> None:
    name = f"who-{sample}-{most}"
    queue = jobs_queue(cloud, name)
    body = (CHECKOUT / "samples" / f"{sample}.wav").read_bytes()
    asked = {"Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": most}} if most else {}
    start_job(cloud, name, body, LanguageCode="en-US", **asked)
    (event,) = cloud.messages(queue, 90)
    assert event["detail"]["TranscriptionJobStatus"] == "COMPLETED"
    stored = cloud.client("s3").get_object(Bucket="media", Key=f"transcribe/{name}.json")["Body"].read()
    results = json.loads(stored)["results"]
    assert [segment.get("speaker_label") for segment in results["audio_segments"]] == labels
    assert all(
        results["items"][item].get("speaker_label") == segment.get("speaker_label")
        for segment in results["audio_segments"]
        for item in segment["items"]
    )
    speakers = results.get("speaker_labels", {}).get("speakers")
    assert speakers == (len(set(labels)) if most else None)


@pytest.mark.parametrize(
    ("name", "body", "request_", "reason"),
    [
        ("bad-bytes", b"no sound at all " * 100, {"LanguageCode": "en-US"}, "Unsupported media format"),
        ("bad-language", tone(1), {"LanguageCode": "de-DE"}, "models: aws"),
        ("bad-missing", None, {"LanguageCode": "en-US"}, "can't be accessed"),
        ("bad-short", tone(0.1), {"LanguageCode": "en-US"}, "at least 0.5"),
        ("bad-format", tone(1), {"LanguageCode": "en-US", "MediaFormat": "mp3"}, "does not match"),
    ],
)
def test_a_recording_that_fails(
    cloud: Running, name: str, body: bytes | None, request_: dict[str, Any], reason: str
) -> None:
    queue = jobs_queue(cloud, name)
    start_job(cloud, name, body, **request_)
    (event,) = cloud.messages(queue, 90)
    assert event["detail"]["TranscriptionJobStatus"] == "FAILED"
    job = cloud.client("transcribe").get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
    assert reason in job["FailureReason"]


def test_silence_has_an_empty_transcript(cloud: Running) -> None:
    queue = jobs_queue(cloud, "silence-")
    start_job(cloud, "silence-1", tone(1), LanguageCode="en-US")
    (event,) = cloud.messages(queue, 90)
    assert event["detail"]["TranscriptionJobStatus"] == "COMPLETED"


def test_jobs_that_transcribe_refuses(cloud: Running) -> None:
    transcribe = cloud.client("transcribe")
    start_job(cloud, "known", tone(1), LanguageCode="en-US")
    with pytest.raises(transcribe.exceptions.ConflictException):
        start_job(cloud, "known", None, LanguageCode="en-US")
    english: dict[str, object] = {"LanguageCode": "en-US"}
    for request in (
        {"LanguageCode": "xx-XX"},
        {},
        english | {"IdentifyLanguage": True},
        english | {"Settings": {"ShowSpeakerLabels": True}},
        english | {"Settings": {"MaxSpeakerLabels": 2}},
    ):
        with pytest.raises(transcribe.exceptions.BadRequestException):
            start_job(cloud, "refused", None, **request)
    with pytest.raises(transcribe.exceptions.NotFoundException):
        transcribe.get_transcription_job(TranscriptionJobName="unknown")
    until(lambda: transcribe.list_transcription_jobs(JobNameContains="known")["TranscriptionJobSummaries"])


def test_a_caller_that_may_not_read_the_media_gets_no_transcript(cloud: Running) -> None:
    cloud.client("s3").create_bucket(Bucket="private")
    iam = cloud.client("iam")
    iam.create_user(UserName="stranger")
    iam.put_user_policy(UserName="stranger", PolicyName="own", PolicyDocument=policy((["transcribe:*"], "*")))
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    stranger = cloud.client(
        "transcribe", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    with pytest.raises(stranger.exceptions.BadRequestException, match="URI that you provided"):
        stranger.start_transcription_job(
            TranscriptionJobName="stolen", LanguageCode="en-US", OutputBucketName="private",
            Media={"MediaFileUri": "s3://private/secret"},
        )  # fmt: skip
