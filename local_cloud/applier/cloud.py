"""The AWS endpoint that the applier talks to: clients, account and region."""

import threading
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.model import StructureShape

# Identity of the local account; the gateway knows no other.
ACCOUNT_ID = "123456789012"
REQUEST_TIMEOUT_S = 60
CONNECTIONS_MAX = 16


class Cloud:
    """boto3 clients for one endpoint, made when first needed and shared by all threads."""

    def __init__(self, endpoint: str, region: str, access_key_id: str, secret_access_key: str) -> None:
        self.endpoint = endpoint
        self.region = region
        self.account = ACCOUNT_ID
        self._credentials = (access_key_id, secret_access_key)
        self._clients: dict[str, BaseClient] = {}
        # Clients are safe to share between threads; creating them is not.
        self._lock = threading.Lock()
        self._session: Any = None

    def client(self, service: str) -> "BaseClient":
        """Return the client of `service` (botocore's name, such as "sqs")."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._create(service)
            return self._clients[service]

    def call(self, service: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Call `operation` (as the API spells it, "CreateQueue"); raises botocore's ClientError."""
        from botocore import xform_name  # noqa: PLC0415

        method = getattr(self.client(service), xform_name(operation))
        response = cast("dict[str, Any]", method(**parameters))
        response.pop("ResponseMetadata", None)
        return response

    def input_shape(self, service: str, operation: str) -> "StructureShape":
        """Return the request shape of an operation, from the client that has it loaded already."""
        from botocore.model import StructureShape  # noqa: PLC0415

        shape = self.client(service).meta.service_model.operation_model(operation).input_shape
        return shape if shape is not None else StructureShape("Empty", {"type": "structure", "members": {}})

    def _create(self, service: str) -> "BaseClient":
        # Importing boto3 takes 0.3 s, which a run without changes does not need to spend.
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        if self._session is None:
            self._session = boto3.session.Session()
        return self._session.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self._credentials[0],
            aws_secret_access_key=self._credentials[1],
            config=Config(
                # Host prefixes such as "data-" would name hosts which do not resolve on one machine.
                inject_host_prefix=False,
                max_pool_connections=CONNECTIONS_MAX,
                read_timeout=REQUEST_TIMEOUT_S,
                retries={"max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path"},
            ),
        )
