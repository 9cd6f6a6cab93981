"""Amazon Transcribe's batch API with an offline recogniser behind it (English only).

Corrects: MiniStack answers with made-up text (services/transcribe.py `_mock_transcript`).
"""

import re
import time
from typing import Any
from urllib.parse import urlsplit

import botocore.session

from local_cloud.documents import Document, part
from local_cloud.gateway.ministack import ACCOUNT, MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, json_answer, parse
from local_cloud.gateway.transcription_jobs import TranscriptionJobs

NAME = re.compile(r"^[0-9a-zA-Z._-]{1,200}$")
CANNOT_READ = (
    "The S3 URI that you provided can't be accessed. Make sure that you have read permission and try your "
    "request again."
)
CANNOT_WRITE = (
    "The specified S3 bucket can't be accessed. Make sure that you have write permission and try your "
    "request again."
)
ECHOED = (
    "Media",
    "MediaFormat",
    "Settings",
    "IdentifyLanguage",
    "LanguageOptions",
    "JobExecutionSettings",
    "Tags",
)
SUMMARY = (
    "TranscriptionJobName", "CreationTime", "StartTime", "CompletionTime", "LanguageCode",
    "TranscriptionJobStatus", "FailureReason", "IdentifyLanguage", "IdentifiedLanguageScore",
)  # fmt: skip
PAGE = 100
SPEAKERS = (2, 30)
"""How many speakers can be told apart (API reference, `Settings`)."""
CHOICES = ("LanguageCode", "IdentifyLanguage", "IdentifyMultipleLanguages")
S3_HOST = re.compile(r"^(?:(?P<bucket>[a-z0-9][a-z0-9.-]*)\.)?s3[.-][a-z0-9-]+\.amazonaws\.com$")


def s3_location(uri: str) -> tuple[str, str]:
    """Return bucket and key of a media URI: `s3://bucket/key`, or an https S3 URL of either style.

    Raises:
        AwsError: BadRequestException for anything else.

    """
    parts = urlsplit(uri)
    path = parts.path.lstrip("/")
    if parts.scheme == "s3" and parts.netloc and path:
        return parts.netloc, path
    if parts.scheme == "https" and (found := S3_HOST.match(parts.netloc)):
        bucket, _, key = (found["bucket"], "/", path) if found["bucket"] else path.partition("/")
        if bucket and key:
            return bucket, key
    raise AwsError("BadRequestException", CANNOT_READ)


class TranscribeService:
    """The handler of the Transcribe API."""

    def __init__(self, jobs: TranscriptionJobs, ministack: MiniStack) -> None:
        self._jobs = jobs
        self._ministack = ministack
        self._languages: frozenset[str] = frozenset()

    async def __call__(
        self, _method: str, _path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        try:
            request = parse(body)
            match headers.get("x-amz-target", "").rpartition(".")[2]:
                case "StartTranscriptionJob":
                    answer = self._start(request, self._ministack.access_key(headers, query))
                case "GetTranscriptionJob":
                    answer = {"TranscriptionJob": _shown(self._job(request))}
                case "ListTranscriptionJobs":
                    answer = self._list(request)
                case "DeleteTranscriptionJob":
                    self._jobs.delete(self._job(request)["TranscriptionJobName"])
                    answer = {}
                case operation:
                    raise AwsError(
                        "UnknownOperationException", f"The local cloud has no Transcribe {operation}"
                    )
        except AwsError as error:
            return error.answer()
        return json_answer(answer)

    def _job(self, request: Document) -> Document:
        job = self._jobs.all.get(request.get("TranscriptionJobName") or "")
        if job is None:
            message = "The requested job couldn't be found. Check the job name and try your request again."
            raise AwsError(
                "NotFoundException" if request.get("TranscriptionJobName") else "BadRequestException", message
            )
        return job

    def _known_language(self, code: str) -> bool:
        if not self._languages:
            session: Any = botocore.session.get_session()
            self._languages = frozenset(
                session.get_service_model("transcribe").shape_for("LanguageCode").enum
            )
        return code in self._languages

    def _validate(self, request: Document) -> None:
        name, code = request.get("TranscriptionJobName") or "", request.get("LanguageCode")
        if not NAME.match(name):
            raise AwsError(
                "BadRequestException",
                f"The job name {name!r} is not valid: use 1 to 200 of 0-9 a-z A-Z . _ -",
            )
        if name in self._jobs.all:
            raise AwsError(
                "ConflictException", "The requested job name already exists. Use a different job name."
            )
        if sum(bool(request.get(choice)) for choice in CHOICES) != 1:
            raise AwsError("BadRequestException", f"Specify exactly one of {', '.join(CHOICES)}.")
        if code and not self._known_language(code):
            raise AwsError("BadRequestException", f"The language code {code!r} is not valid.")
        _speakers(request)
        if not request.get("OutputBucketName"):
            raise AwsError(
                "BadRequestException",
                "The local cloud needs OutputBucketName: it has no bucket of the service's own.",
            )

    def _start(self, request: Document, access_key: str) -> Document:
        self._validate(request)
        name: str = request["TranscriptionJobName"]
        bucket, key = s3_location(part(request, "Media").get("MediaFileUri") or "")
        output_key: str = request.get("OutputKey") or ""
        output_key = f"{output_key}{name}.json" if not output_key or output_key.endswith("/") else output_key
        self._authorize(request, access_key, f"{bucket}/{key}", f"{request['OutputBucketName']}/{output_key}")
        now = time.time()
        job: Document = {member: request[member] for member in ECHOED if member in request}
        job |= {
            "TranscriptionJobName": name,
            "TranscriptionJobStatus": "IN_PROGRESS",
            "LanguageCode": request.get("LanguageCode", "en-US"),
            "CreationTime": now,
            "StartTime": now,
            "_work": {
                "name": name,
                "account": ACCOUNT,
                "media_bucket": bucket,
                "media_key": key,
                "media_format": request.get("MediaFormat"),
                "output_bucket": request["OutputBucketName"],
                "output_key": output_key,
                "kms_key": request.get("OutputEncryptionKMSKeyId"),
                "speakers": _speakers(request),
                "region": self._ministack.region(),
            },
        }
        if "LanguageCode" not in request:
            job["IdentifiedLanguageScore"] = 1.0
        self._jobs.start(job)
        return {"TranscriptionJob": _shown(job)}

    def _authorize(self, request: Document, access_key: str, media: str, output: str) -> None:
        """Check that the caller (or the declared role) may read the media and write the result."""
        role = part(request, "JobExecutionSettings").get("DataAccessRoleArn")
        if role:
            try:
                session = self._ministack.open_session(
                    role, request["TranscriptionJobName"], "transcribe.amazonaws.com"
                )
            except PermissionError as error:
                raise AwsError("BadRequestException", str(error)) from error
            access_key = session.access_key_id
        if not self._ministack.allowed(access_key, "s3:GetObject", f"arn:aws:s3:::{media}"):
            raise AwsError("BadRequestException", CANNOT_READ)
        if not self._ministack.allowed(access_key, "s3:PutObject", f"arn:aws:s3:::{output}"):
            raise AwsError("BadRequestException", CANNOT_WRITE)

    def _list(self, request: Document) -> Document:
        jobs = [
            job for job in sorted(self._jobs.all.values(), key=lambda job: -job["CreationTime"])
            if request.get("Status") in (None, job["TranscriptionJobStatus"])
            and str(request.get("JobNameContains") or "").lower() in job["TranscriptionJobName"].lower()
        ]  # fmt: skip
        begin = int(request.get("NextToken") or 0)
        end = begin + int(request.get("MaxResults") or PAGE)
        summaries = [
            {member: job[member] for member in SUMMARY if member in job}
            | {"OutputLocationType": "CUSTOMER_BUCKET"}
            for job in jobs[begin:end]
        ]
        return {"TranscriptionJobSummaries": summaries} | ({"NextToken": str(end)} if end < len(jobs) else {})


def _speakers(request: Document) -> int:
    """Return how many speakers are told apart at most; 0 where that is not asked for."""
    settings = part(request, "Settings")
    most: int | None = settings.get("MaxSpeakerLabels")
    if bool(settings.get("ShowSpeakerLabels")) != (most is not None):
        raise AwsError(
            "BadRequestException", "ShowSpeakerLabels and MaxSpeakerLabels are given together, or not at all."
        )
    if most is not None and not SPEAKERS[0] <= most <= SPEAKERS[1]:
        raise AwsError(
            "BadRequestException", f"MaxSpeakerLabels is from {SPEAKERS[0]} to {SPEAKERS[1]}, not {most}."
        )
    return most or 0


def _shown(job: Document) -> Document:
    return {member: value for member, value in job.items() if not member.startswith("_")}
