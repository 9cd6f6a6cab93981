"""Runs a job: a task that does one thing and ends, with what it did as its last line of log.

A job is started by hand or on a schedule (ECS RunTask). Started again, it does what is left to do.
Exit status: 0 done, 1 failed (the log says why), 78 wrong settings.
"""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence

from nova_common.logs import configure_logging
from nova_common.server import EXIT_CONFIGURATION
from nova_common.settings import ServerSettings, SettingsError

REPORT = "job report"
"""Message of the line of log whose other fields are the job's result, for whoever started it."""

logger = logging.getLogger(__name__)


class JobError(Exception):
    """The job cannot be done; the message says why and what to do, and names nobody."""


def main[S](
    read_settings: Callable[[], S],
    server_settings: Callable[[S], ServerSettings],
    run: Callable[[S, Sequence[str]], Mapping[str, object]],
) -> None:
    """Read settings, log as JSON, run the job with its arguments, log its result, end the process."""
    try:
        settings = read_settings()
    except SettingsError as error:
        configure_logging("nova", "INFO")
        logger.critical("%s", error)
        sys.exit(EXIT_CONFIGURATION)
    server = server_settings(settings)
    configure_logging(server.service_name, server.log_level)
    try:
        report = run(settings, sys.argv[1:])
    except JobError as error:
        logger.error("%s", error)
        logger.info(REPORT, extra={"fields": {"done": False, "reason": str(error)}})
        sys.exit(1)
    logger.info(REPORT, extra={"fields": {"done": True, **report}})
