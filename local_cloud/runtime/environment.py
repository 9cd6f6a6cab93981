"""What a container's process is told: pure functions from its definition to environment and command line."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from local_cloud.documents import Document

POOL_ISSUER = re.compile(r"^https://cognito-idp\.[a-z0-9-]+\.amazonaws\.com/([\w-]+)$")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

type NameAddress = Callable[[str, int], str | None]
"""(private host name, port) -> "address:port" that stands for it here; None: the name is not private."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container runs: the programs of its image, its directory, its ports (declared -> own)."""

    programs: str
    directory: str
    ports: Mapping[int, int]


def replace_port(text: str, ports: Mapping[int, int]) -> str:
    """Return a command token (or shell line) with declared ports replaced by the task's own.

    Matches a port that is the whole word or ends its address part: `8000`, `0.0.0.0:8000`, `--port=8000`,
    `http://localhost:8000/health`.
    """
    for declared, own in ports.items():
        text = re.sub(rf"(^|[\s:=]){declared}(?=$|[\s/\"'])", rf"\g<1>{own}", text)
    return text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 (the address is being removed)


def replace_names(value: str, address: NameAddress) -> str:
    """Return a value with private names and their ports replaced by the addresses that serve them here."""

    def replace(match: re.Match[str]) -> str:
        return address(match[1], int(match[2])) or match[0]

    return re.sub(r"((?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*):(\d+)", replace, value)


def declared_variables(
    definition: Document, image: Mapping[str, str], overrides: Iterable[Document]
) -> dict[str, str]:
    """Return what image, definition and overrides declare, later ones first."""
    variables = dict(image)
    for entry in [*definition.get("environment", []), *overrides]:
        variables[str(entry["name"])] = str(entry["value"])
    return variables


def added_variables(
    declared: Mapping[str, str],
    endpoint: str,
    credentials_uri: str,
    token: str,
    region: str,
    roots: str,
    models: str,
) -> dict[str, str]:
    """Return the closed list of what the local cloud adds, and ECS's own region variables.

    `roots` is the file of the certificates that tasks trust: OpenSSL, botocore and Node read it by these
    names.
    `models` is the endpoint of Bedrock's runtime, which speaks HTTP/2 too, empty for that of the others.
    """
    added = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "SSL_CERT_FILE": roots,
        "AWS_CA_BUNDLE": roots,
        "NODE_EXTRA_CA_CERTS": roots,
    }
    if models:
        added["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = models
    if token:
        added |= {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": credentials_uri,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }
    for value in declared.values():
        if pool := POOL_ISSUER.match(value):
            added["NOVA_JWKS_URL"] = f"{endpoint}/{pool[1]}/.well-known/jwks.json"
    return added


def process_environment(
    declared: Mapping[str, str], added: Mapping[str, str], place: Place, address: NameAddress
) -> dict[str, str]:
    """Return the whole environment of a container's process, built from nothing."""
    environment = {
        "PATH": f"{place.programs}:{SYSTEM_PATH}",
        "HOME": place.directory,
        "TMPDIR": place.directory,
        "LANG": "C.UTF-8",
    }
    for name, value in declared.items():
        if name == "PATH":
            continue  # the image's own directories do not exist here
        text = replace_names(value, address)
        if name == "PORT" or name.endswith("_PORT"):
            text = replace_port(text, place.ports)
        environment[name] = "127.0.0.1" if text == "0.0.0.0" else text  # noqa: S104 (replaced)
    return environment | dict(added)


def command_line(
    definition: Document, entrypoint: list[str], command: list[str], ports: Mapping[int, int]
) -> list[str]:
    """Return a container's command: the definition's parts, else the image's.

    An entry point of the definition drops the image's command, as in Docker.
    """
    declared_entrypoint: list[str] = definition.get("entryPoint") or []
    parts = [
        *(declared_entrypoint or entrypoint),
        *(definition.get("command") or ([] if declared_entrypoint else command)),
    ]
    return [replace_port(part, ports) for part in parts]


def health_command(check: Document, ports: Mapping[int, int]) -> list[str]:
    """Return the command line of a container health check, [] for none."""
    command: list[str] = check.get("command") or []
    if not command or command[0] == "NONE":
        return []
    if command[0] == "CMD-SHELL":
        return ["/bin/sh", "-c", replace_port(command[1], ports)]
    return [replace_port(part, ports) for part in (command[1:] if command[0] == "CMD" else command)]
