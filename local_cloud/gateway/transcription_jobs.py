"""Runs transcription jobs, two at a time, in child processes; unfinished ones start anew after a restart."""

import asyncio
import logging
import time
from collections.abc import Callable

from local_cloud.documents import Document
from local_cloud.gateway.child import Children

logger = logging.getLogger(__name__)

CONCURRENT = 2
"""Jobs at a time: a decoder takes one core and 90 MB."""
TRANSCRIBER = "local_cloud.gateway.transcriber"
BROKEN_OFF = {
    "status": "FAILED",
    "reason": "Internal failure of the recogniser; see home/logs/daemon.log.",
}

type Announce = Callable[[Document, str], None]
"""Puts a job's state change (its detail, the region) on the default bus."""


class TranscriptionJobs:
    """All jobs by name; `document` is their persisted state, `_work` of a job what its child needs."""

    def __init__(
        self, children: Children, announce: Announce, document: Document, touch: Callable[[], None]
    ) -> None:
        self.all: dict[str, Document] = document.setdefault("jobs", {})
        self._children = children
        self._announce = announce
        self._touch = touch
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._running: dict[str, asyncio.Task[None]] = {}

    def resume(self) -> None:
        """Start the jobs that an earlier daemon left unfinished."""
        for job in self.all.values():
            if job["TranscriptionJobStatus"] == "IN_PROGRESS":
                self._launch(job)

    def start(self, job: Document) -> None:
        """Take up a new job."""
        self.all[job["TranscriptionJobName"]] = job
        self._touch()
        self._launch(job)

    def delete(self, name: str) -> None:
        """Forget a job; one that is being done is broken off."""
        del self.all[name]
        self._touch()
        if running := self._running.pop(name, None):
            running.cancel()

    async def stop(self) -> None:
        """Break off all jobs; they start anew with the next daemon."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _launch(self, job: Document) -> None:
        name: str = job["TranscriptionJobName"]
        self._running[name] = asyncio.create_task(self._perform(job))
        self._running[name].add_done_callback(lambda task: self._ended(name, task))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._running.get(name) is task:
            del self._running[name]
        if not task.cancelled() and (error := task.exception()):
            logger.error("transcription job %s broke off", name, exc_info=error)

    async def _perform(self, job: Document) -> None:
        language: str = job["LanguageCode"]
        if not language.startswith("en-"):
            reason = (
                f"The offline recogniser of the local cloud knows English only, not {language}. Set `models: "
                "aws` to have Amazon Transcribe answer."
            )
            self._finish(job, {"status": "FAILED", "reason": reason})
            return
        async with self._slots:
            work = job["_work"]
            outcome = await self._children.run(TRANSCRIBER, work, work["region"]) or BROKEN_OFF
        self._finish(job, outcome)

    def _finish(self, job: Document, outcome: Document) -> None:
        name, work = job["TranscriptionJobName"], job["_work"]
        if self.all.get(name) is not job:
            return  # deleted meanwhile
        job |= {"TranscriptionJobStatus": outcome["status"], "CompletionTime": time.time()}
        if outcome["status"] == "COMPLETED":
            location = (
                f"https://s3.{work['region']}.amazonaws.com/{work['output_bucket']}/{work['output_key']}"
            )
            job["Transcript"] = {"TranscriptFileUri": location}
        else:
            job["FailureReason"] = outcome["reason"]
        self._touch()
        detail = {"TranscriptionJobName": name, "TranscriptionJobStatus": outcome["status"]}
        if "FailureReason" in job:
            detail["FailureReason"] = job["FailureReason"]
        self._announce(detail, work["region"])
