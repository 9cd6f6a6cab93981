"""The audio workload: recordings and their transcripts, and live voice.

Creates: one image; the API, live voice and the worker as three services from it, each with a task role of its
own; the worker's queue, fed by uploads, by transcription jobs that ended and by transcripts that are there;
the load balancer's rules; the job that erases a person's recordings and conversations.
"""

import hashlib
from dataclasses import dataclass

import pulumi

from components.access.role import ServiceRole
from components.access.statements import Statement
from components.compute.backlog import Backlog
from components.compute.container import CONTAINER_PORT
from components.compute.environment import task_environment
from components.compute.job import Job
from components.compute.service import FargateService, FargateServiceArgs
from components.compute.sizing import ServiceSize
from components.compute.task import task_service_role
from components.edge.behaviors import LIVE_PREFIX
from components.edge.listener_rules import ListenerName, RequestMatch
from components.edge.routes import Route
from components.erasure import ErasureArgs, erasure_job, erasure_role
from components.json_text import json_text
from components.messaging.bus import aws_subscription, object_subscription
from components.messaging.queue import Queue, QueueArgs
from components.network.connection import Callee
from components.platform import Platform

FOLDER = "services/audio"
UPLOADS = "uploads/audio/"
TRANSCRIBE = "transcribe/"
TRANSCRIPTS = "transcripts/"

VISIBILITY_SECONDS = 120
"""Time to read a transcription's result and store it; the worker asks for more while it is still at it."""
AGE_SECONDS_ALARM = 900
SECONDS_PER_DICTATION = 75.0
"""Estimate: the speech model hears two minutes of sound at twice their pace, in sessions of a minute."""
SECONDS_PER_MESSAGE = 5.0
"""Estimate: an upload is looked into and a job started, a result read and kept, or a transcript judged."""
MESSAGES_AT_ONCE = 4
"""As many as the worker handles side by side."""
WAIT_SECONDS = 60.0
"""How long a recording may wait for its turn; transcribing it takes longer."""
PRIORITY = 200
"""Behind the more specific rules of other workloads under the same path."""
PATHS = ("/api/audio", "/api/audio/*", "/api/speaking-sessions/*")
"""Of recordings, and of conversations by voice; the lists of both are the projector's."""
LIVE_PRIORITY = 100
"""At the site listener, before whatever takes all other paths there."""

_JOB_PREFIX_STACK_LENGTH = 20
_JOB_PREFIX_HASH_LENGTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioArgs:
    """What a deployment decides about audio."""

    platform: Platform
    api_size: ServiceSize
    worker_size: ServiceSize
    speakers_max: int
    """Speakers that are told apart in a recording; Transcribe guesses worse the more are allowed."""
    sentiment_model: str
    """Id of the language model or inference profile that judges transcripts, in the stack's own region."""
    live_size: ServiceSize
    sonic_model: str
    """Id of the speech-to-speech model that people talk with."""
    sonic_region: str
    sonic_hears_recordings: bool
    """Whether it transcribes recordings, too, in place of Amazon Transcribe."""
    search: Callee
    video: Callee
    projector: Callee
    """What live voice's tools call, beside this workload's own API."""


class Audio(pulumi.ComponentResource):
    """Takes uploads, has them transcribed, serves and deletes recordings and transcripts."""

    routes: tuple[Route, ...] = (
        Route(method="POST", path="/audio"),
        Route(method="POST", path="/audio/live"),
        Route(method="GET", path="/speaking-sessions/{id}"),
        Route(method="DELETE", path="/speaking-sessions/{id}"),
        Route(method="GET", path="/audio/{id}"),
        Route(method="DELETE", path="/audio/{id}"),
        Route(method="GET", path="/audio/{id}/content"),
        Route(method="GET", path="/audio/{id}/transcript"),
    )
    service_names: list[pulumi.Output[str]]
    jobs: tuple[Job, ...]
    callee: Callee
    """The API, for services that call it."""

    def __init__(self, name: str, args: AudioArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:audio:Audio", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._model = args.platform.model(
            name, args.sentiment_model, args.platform.account.region, parent=self
        )
        # A profile of the stack's own would route it, and this model has none to be made from.
        self._sonic = args.platform.model(
            f"{name}-live", args.sonic_model, args.sonic_region, parent=self, profiled=False
        )
        self._image = args.platform.image(name, FOLDER, parent=self)
        api, worker = self._api(), self._worker()
        self.callee = api.callee()
        live = self._live()
        self.service_names = [api.name, live.name, worker.name]
        self.jobs = (self._erase(),)
        self.register_outputs({"service_names": self.service_names})

    def _api(self) -> FargateService:
        platform = self._args.platform
        role = task_service_role(f"{self._label}-task", platform.account, self._child)
        platform.events.grant_append(role)
        platform.events.grant_query(role)
        platform.data_keys.grant_encrypt(role)
        platform.content.grant_put(role, UPLOADS)
        platform.content.grant_get(role, UPLOADS)
        platform.content.grant_get(role, TRANSCRIPTS)
        platform.leases.grant_issue(role)
        self._grant_erasure(role)
        return FargateService(
            self._label,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_audio.app"),
                environment=task_environment(self._label)
                | self._stores()
                | platform.data_keys.task_environment()
                | platform.user_pool.task_environment()
                | {"LIVE_TABLE": platform.leases.name},
                role=role,
                internet=(platform.user_pool.signing_keys,),
                size=self._args.api_size,
                target=platform.load_balancer.target(
                    self._label,
                    CONTAINER_PORT,
                    [RequestMatch(label="all", priority=PRIORITY, paths=PATHS)],
                    parent=self,
                ),
            ),
            opts=self._child,
        )

    def _live(self) -> FargateService:
        """Make the service that holds people's connections: at the site's listener, and nowhere else."""
        platform, args = self._args.platform, self._args
        name = f"{self._label}-live"
        role = task_service_role(f"{name}-task", platform.account, self._child)
        platform.events.grant_append(role)
        platform.events.grant_query(role)
        platform.data_keys.grant_encrypt(role)
        platform.leases.grant_redeem(role)
        # For a session both ways, too, this is the right that Bedrock asks for (API reference).
        self._sonic.grant_invoke(role, streaming=False)
        return FargateService(
            name,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_audio.live.app"),
                environment=task_environment(name)
                | platform.data_keys.task_environment()
                | platform.user_pool.task_environment()
                | {
                    "EVENT_STORE_TABLE": platform.events.name,
                    "LIVE_TABLE": platform.leases.name,
                    "MODEL_ID": self._sonic.called_as,
                    "MODEL_REGION": self._sonic.region,
                    "SEARCH_URL": args.search.url,
                    "AUDIO_URL": self.callee.url,
                    "VIDEO_URL": args.video.url,
                    "PROJECTOR_URL": args.projector.url,
                },
                role=role,
                internet=(platform.user_pool.signing_keys,),
                calls=(args.search, self.callee, args.video, args.projector),
                size=args.live_size,
                target=platform.load_balancer.target(
                    name,
                    CONTAINER_PORT,
                    [
                        RequestMatch(
                            label="live",
                            priority=LIVE_PRIORITY,
                            paths=(LIVE_PREFIX,),
                            listener=ListenerName.SITE,
                        )
                    ],
                    parent=self,
                ),
            ),
            opts=self._child,
        )

    def _worker(self) -> FargateService:
        platform = self._args.platform
        name = f"{self._label}-worker"
        job_prefix = transcription_job_prefix(pulumi.get_project(), pulumi.get_stack())
        queue = self._queue(name, job_prefix)
        role = task_service_role(f"{name}-task", platform.account, self._child)
        platform.events.grant_append(role)
        platform.events.grant_query(role)
        platform.content.grant_get(role, UPLOADS)
        platform.content.grant_get(role, TRANSCRIBE)
        platform.content.grant_put(role, TRANSCRIPTS)
        platform.content.grant_get(role, TRANSCRIPTS)
        self._model.grant_invoke(role, streaming=False)
        self._grant_erasure(role)
        queue.grant_consume(role)
        self._grant_transcription(role, job_prefix)
        if self._args.sonic_hears_recordings:
            self._sonic.grant_invoke(role, streaming=False)
        return FargateService(
            name,
            FargateServiceArgs(
                host=platform.host,
                image=self._image,
                command=("python", "-m", "nova_audio.worker"),
                environment=task_environment(name)
                | self._stores()
                | self._engine()
                | {
                    "CONTENT_KEY_ARN": platform.content.key_arn,
                    "QUEUE_URL": queue.url,
                    "TRANSCRIPTION_JOB_PREFIX": job_prefix,
                    "SPEAKERS_MAX": str(self._args.speakers_max),
                    "SENTIMENT_MODEL": self._model.called_as,
                },
                role=role,
                size=self._args.worker_size,
                backlog=Backlog(
                    queue_name=queue.name,
                    seconds_per_message=(
                        SECONDS_PER_DICTATION if self._args.sonic_hears_recordings else SECONDS_PER_MESSAGE
                    ),
                    messages_at_once=MESSAGES_AT_ONCE,
                    wait_seconds=WAIT_SECONDS,
                ),
            ),
            opts=self._child,
        )

    def _erase(self) -> Job:
        platform = self._args.platform
        role = erasure_role(self._label, platform, self._child)
        platform.events.grant_append(role)
        self._grant_erasure(role)
        return erasure_job(
            self._label,
            ErasureArgs(
                platform=platform,
                image=self._image,
                module="nova_audio.erase",
                role=role,
                environment={"CONTENT_BUCKET": platform.content.name},
            ),
            self._child,
        )

    def _stores(self) -> dict[str, pulumi.Input[str]]:
        platform = self._args.platform
        return {"EVENT_STORE_TABLE": platform.events.name, "CONTENT_BUCKET": platform.content.name}

    def _engine(self) -> dict[str, pulumi.Input[str]]:
        if not self._args.sonic_hears_recordings:
            return {}
        return {"SONIC_MODEL": self._sonic.called_as, "SONIC_REGION": self._sonic.region}

    def _queue(self, name: str, job_prefix: str) -> Queue:
        jobs = json_text(
            {
                "source": ["aws.transcribe"],
                "detail-type": ["Transcribe Job State Change"],
                "detail": {
                    "TranscriptionJobName": [{"prefix": f"{job_prefix}-"}],
                    "TranscriptionJobStatus": ["COMPLETED", "FAILED"],
                },
            }
        )
        return Queue(
            name,
            QueueArgs(
                encryption=self._args.platform.queues,
                subscriptions=[
                    object_subscription("uploads", self._args.platform.content.name, UPLOADS),
                    aws_subscription("jobs", jobs),
                    self._args.platform.bus.subscription(
                        "transcripts", {"source": ["nova.audio"], "detail-type": ["TranscriptionCompleted"]}
                    ),
                ],
                visibility_seconds=VISIBILITY_SECONDS,
                age_seconds_alarm=AGE_SECONDS_ALARM,
            ),
            opts=self._child,
        )

    def _grant_erasure(self, role: ServiceRole) -> None:
        # Whoever comes last erases: a recording may be deleted while its transcription is under way.
        for prefix in (UPLOADS, TRANSCRIBE, TRANSCRIPTS):
            self._args.platform.content.grant_erase(role, prefix)

    def _grant_transcription(self, role: ServiceRole, job_prefix: str) -> None:
        # Jobs that were started before the engine changed are followed to their end.
        jobs = self._args.platform.account.arn("transcribe", f"transcription-job/{job_prefix}-*")
        role.add(
            Statement(
                sid="FollowTranscription", actions=("transcribe:GetTranscriptionJob",), resources=(jobs,)
            )
        )
        if not self._args.sonic_hears_recordings:
            # Transcribe reads the upload and writes its result with the caller's own rights on the bucket.
            self._args.platform.content.grant_put(role, TRANSCRIBE)
            role.add(
                Statement(
                    sid="StartTranscription", actions=("transcribe:StartTranscriptionJob",), resources=("*",)
                )
            )


def transcription_job_prefix(project: str, stack: str) -> str:
    """Return what the names of a stack's transcription jobs start with, in at most 40 characters.

    The hash keeps stacks apart of which one's name starts with the other's, in rules and policies that
    compare by prefix.
    """
    digest = hashlib.sha256(f"{project}/{stack}".encode()).hexdigest()[:_JOB_PREFIX_HASH_LENGTH]
    return f"{project[:9]}-{stack[:_JOB_PREFIX_STACK_LENGTH]}-{digest}"
