"""What jobs make of the engine's document: what they refuse, and how it is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from delivery import gate, report
from delivery.errors import DeliveryError
from delivery.preview import read_file
from pulumi_cli.preview import read
from tests.pulumi_cli.documents import QUEUE, REPLACED_TABLE, REPLACED_TASK, document, failed, step

ROOT = Path(__file__).parents[2]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    file.write_text("error: no stack", encoding="utf-8")
    with pytest.raises(DeliveryError, match=r"preview\.json: this is no preview"):
        read_file(file)


@pytest.mark.parametrize("module", ["delivery.gate", "delivery.comment"])
def test_what_runs_without_an_environment_needs_the_standard_library_alone(module: str) -> None:
    """Isolated and without site-packages, as with the Python that a runner has."""
    program = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = ['--help'];"
    program += f"runpy.run_module({module!r}, run_name='__main__')"
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert module in shown.stdout


class TestGate:
    def test_ordinary_changes_pass(self) -> None:
        assert "nothing that holds data" in gate.check(read(document(REPLACED_TASK)), [])

    def test_losing_data_takes_the_label(self) -> None:
        losing = read(document(REPLACED_TABLE))
        with pytest.raises(DeliveryError, match=r"(?s)nova-events-table hashKey.*label replace-stateful"):
            gate.check(losing, ["bug"])
        assert "let through" in gate.check(losing, ["bug", gate.LABEL])

    def test_a_failed_preview_does_not_pass(self) -> None:
        with pytest.raises(DeliveryError, match="no such setting"):
            gate.check(read(failed("no such setting")), [gate.LABEL])

    def test_it_runs_as_a_command(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "preview.json").write_text(document(REPLACED_TABLE), encoding="utf-8")
        command = str(tmp_path / "preview.json")
        monkeypatch.setenv("LABELS", "[]")
        with pytest.raises(DeliveryError, match="holds data"):
            gate.main(["--preview", command])
        monkeypatch.setenv("LABELS", '["replace-stateful"]')
        gate.main(["--preview", command])

    @pytest.mark.parametrize("text", ["", "{}", '["a", 1]', "replace-stateful"])
    def test_labels_are_a_list_of_texts(self, text: str) -> None:
        with pytest.raises(DeliveryError, match="LABELS"):
            gate.labels_of(text)


class TestReport:
    def test_everything_has_its_place(self) -> None:
        found = read(document(REPLACED_TABLE, step("create", QUEUE, "new")))
        policies = report.Policies(passed=False, text="S3-1 refused ``` here")
        text = report.markdown(
            "dev", found, policies, ({"NAT": 33.0, "keys": 3.0}, {"NAT": 66.0, "keys": 3.0})
        )
        assert "1 create, 1 replace" in text
        assert "**Data would be lost.**" in text
        assert "`hashKey`" in text
        assert "Policies: **refused**" in text
        assert "Idle month: 69.00 USD (+33.00)" in text
        assert "| NAT | 33.00 | 66.00 |" in text
        assert "keys" not in text
        # What was quoted does not end its block.
        assert "````text\nS3-1 refused ``` here\n````" in text

    def test_nothing_is_said_of_what_nobody_looked_into(self) -> None:
        text = report.markdown("dev", read(document()), None, None)
        assert text == "### Preview of stack `dev`\n\nNothing would change.\n"

    def test_a_long_list_is_cut(self) -> None:
        steps = [step("create", QUEUE, f"queue-{number}") for number in range(300)]
        assert "... and 100 more" in report.markdown("dev", read(document(*steps)), None, None)

    def test_it_runs_as_a_command(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        def costs(usd: float) -> str:
            return json.dumps({"lines": [{"what": "NAT", "usd_a_month": {"us-east-1": usd}}]})

        files = {"preview": document(), "policy": "all kept", "cost-before": costs(1), "cost-after": costs(3)}
        options: list[str] = []
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
            options += [f"--{name}", str(tmp_path / name)]
        report.main(["--stack", "dev", "--policy-outcome", "success", *options])
        text = capsys.readouterr().out
        assert "Policies: passed" in text
        assert "3.00 USD (+2.00)" in text
        (tmp_path / "cost-before").write_text("", encoding="utf-8")
        report.main(["--stack", "dev", *options])
        text = capsys.readouterr().out
        assert "USD" not in text
        assert "Policies: **refused**" in text

    def test_costs_are_those_of_the_command(self) -> None:
        from cli import cost  # noqa: PLC0415
        from cli.prices import price_table  # noqa: PLC0415

        bill = cost.bill("dev", ("us-east-1",))
        found = report.costs_of(json.loads(json.dumps(cost.listing(bill, price_table()))), "us-east-1")
        assert sum(found.values()) == pytest.approx(bill.total("us-east-1"))
        with pytest.raises(DeliveryError, match="mars-1"):
            report.costs_of(cost.listing(bill, price_table()), "mars-1")
