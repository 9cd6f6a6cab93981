"""Work on content of buckets in child processes, so that decoders never hold up or crash the gateway."""

import asyncio
import contextlib
import json
import logging
import os
import sys
from pathlib import Path

from local_cloud.documents import Document
from local_cloud.gateway.aws import Aws

CHECKOUT = Path(__file__).resolve().parents[2]

logger = logging.getLogger(__name__)


class Children:
    """Runs modules that read one JSON document on stdin and write one on stdout."""

    def __init__(self, aws: Aws, endpoint: str) -> None:
        self._aws = aws
        self._endpoint = endpoint

    async def run(self, module: str, work: Document, region: str) -> Document | None:
        """Return what the module answers, None when it broke off (the log says why).

        A child acts as the gateway's administrator: whoever asks for its work was authorized before. It ends
        with the call.
        """
        administrator = self._aws.administrator
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "TMPDIR": os.environ["TMPDIR"],
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": administrator.access_key_id if administrator else "",
            "AWS_SECRET_ACCESS_KEY": administrator.secret_access_key if administrator else "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": os.environ["TMPDIR"],
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module,
            cwd=CHECKOUT, env=environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            output, errors = await child.communicate(json.dumps(work).encode())
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
        if child.returncode:
            logger.error("%s ended with %s: %s", module, child.returncode, errors.decode()[-2000:])
            return None
        return json.loads(output)
