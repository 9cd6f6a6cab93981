"""What the libraries under a model say of conversations: nothing."""

import logging
import os

_TRACE_OPTIONS = "OTEL_SEMCONV_STABILITY_OPT_IN"
_UNREDACTED = "gen_ai_unredacted_attributes="


def keep_content_private() -> None:
    """Make the libraries say nothing of what people, models and tools write, whatever the level of logs is.

    Strands logs names of tools that a model made up as errors, arguments that it cannot parse as a warning
    and whole requests for debugging, and puts messages into spans unless its list of attributes to be shown
    is empty, which only a variable can say.
    """
    logging.getLogger("strands").setLevel(logging.CRITICAL)
    for chatty in ("httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    options = [option for option in os.environ.get(_TRACE_OPTIONS, "").split(",") if option]
    kept = [option for option in options if not option.startswith(_UNREDACTED)]
    os.environ[_TRACE_OPTIONS] = ",".join([*kept, _UNREDACTED])
