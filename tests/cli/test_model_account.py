"""`nova up --models aws`: refused early with what to do, or said plainly what leaves the machine."""

import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import model_account
from cli.app import app
from cli.errors import NovaError

ARN = "arn:aws:sts::210987654321:assumed-role/Developer/ann"
WHO = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>{ARN}</Arn><UserId>x</UserId><Account>210987654321</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>ExpiredToken</Code><Message>The security token has expired</Message></Error></ErrorResponse>"""


class Sts:
    """STS on loopback: who calls, or that nobody may."""

    def __init__(self) -> None:
        self.status, self.body = 200, WHO
        self.authorizations: list[str] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                told.authorizations.append(self.headers["authorization"])
                self.send_response(told.status)
                self.send_header("content-length", str(len(told.body)))
                self.end_headers()
                self.wfile.write(told.body.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Sts]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEUSER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("NOVA_HOME", str(tmp_path / "home"))
    found = Sts()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", found.url)
    yield found
    found.close()


def test_what_leaves_is_said_with_region_and_identity(sts: Sts) -> None:
    account = model_account.model_account()
    assert account.arn == ARN
    assert account.regions == ("us-east-1",)
    assert "Credential=AKIAOFTHEUSER/" in sts.authorizations[0]
    notes = " ".join(account.notes())
    assert f"Amazon Bedrock in us-east-1, as {ARN}" in notes
    assert "Everything else stays here, transcribing too" in notes


def test_another_region_is_asked_besides_that_of_embeddings(
    sts: Sts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text("config:\n  nova:region: eu-north-1\n")
    monkeypatch.setattr(model_account, "STACK_FILE", file)
    account = model_account.model_account()
    assert account.regions == ("eu-north-1", "us-east-1")
    assert [line.split("/")[2] for line in sts.authorizations] == ["eu-north-1", "us-east-1"]
    assert "eu-north-1 and us-east-1" in account.notes()[0]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            "there are no AWS credentials; sign in with",
        ),
        ({"AWS_PROFILE": "nobody"}, "AWS_PROFILE names nobody, which is no profile here; sign in with"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "AWS_ENDPOINT_URL is http://127.0.0.1:1 and not AWS"),
        ({"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}, "AWS cannot be asked in us-east-1"),
    ],
    ids=["none", "profile", "endpoint", "unreachable"],
)
@pytest.mark.usefixtures("sts")
def test_what_is_missing_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NovaError, match=said):
        model_account.model_account()


def test_credentials_that_have_run_out_are_refused_before_anything_starts(
    sts: Sts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_missing(*_: object, **__: object) -> list[str]:
        return []

    monkeypatch.setattr("cli.commands.machine.problems", nothing_missing)
    sts.status, sts.body = 403, REFUSED
    result = CliRunner().invoke(app, ["up", "--models", "aws"])
    assert isinstance(result.exception, NovaError)
    assert "AWS does not take these credentials in us-east-1" in str(result.exception)
    assert "ExpiredToken" in str(result.exception)
