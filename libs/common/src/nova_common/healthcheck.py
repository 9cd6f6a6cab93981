"""The health check of every container: `python -m nova_common.healthcheck` asks `/health`.

It imports nothing but the standard library, because the container's health check runs every few seconds.
"""

import http.client
import os
import sys

TIMEOUT_SECONDS = 3.0


def main() -> int:
    """0 when the process answers 200, otherwise 1 with the reason on standard error."""
    port = os.environ.get("PORT", "8000")
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_SECONDS)
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        sys.stderr.write(f"health check of port {port} failed: {error}\n")
        return 1
    if status != http.HTTPStatus.OK:
        sys.stderr.write(f"health check of port {port} answered {status}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
