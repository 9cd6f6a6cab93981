"""What is read from the engine's document, what of it is refused, and how it is told."""

import json
from functools import cache
from pathlib import Path

import pytest

from delivery import gate, report
from delivery.errors import DeliveryError
from delivery.preview import read
from evaluation.program import evaluate
from evaluation.stateful import STATEFUL
from tests.delivery.previews import QUEUE, REPLACED_TABLE, REPLACED_TASK, TABLE, document, failed, step


@cache
def protected_types() -> frozenset[str]:
    """What prod protects, with all that a stack can have."""
    stack = evaluate("prod", overrides={"replicaRegion": "us-west-2"})
    return frozenset(found.type for found in stack.resources.values() if found.protect)


def test_what_production_protects_counts_as_data_if_it_stores_any() -> None:
    assert protected_types() - STATEFUL == {"aws:lb/loadBalancer:LoadBalancer"}
    assert protected_types() > STATEFUL


def test_changes_are_read_with_their_reasons() -> None:
    found = read(
        document(REPLACED_TABLE, step("update", QUEUE, "audio", detailedDiff={"tags": {"kind": "add"}}))
    )
    table, queue = found.changes
    assert (table.op, table.key, table.because) == ("replace", f"{TABLE} nova-events-table", ("hashKey",))
    assert (queue.op, queue.because) == ("update", ("tags",))
    assert found.counts() == {"replace": 1, "update": 1}
    assert found.losses() == (table,)


def test_what_stays_is_no_change() -> None:
    assert (
        read(
            document(step("same", TABLE, "a"), step("read", QUEUE, "b"), step("refresh", QUEUE, "c"))
        ).changes
        == ()
    )


def test_the_three_steps_of_a_replacement_are_one() -> None:
    steps = [step(op, TABLE, "events") for op in ("create-replacement", "replace", "delete-replaced")]
    assert [change.op for change in read(document(*steps)).changes] == ["replace"]


def test_what_is_only_forgotten_is_not_lost() -> None:
    kept = step("delete", TABLE, "events", state={"retainOnDelete": True})
    assert read(document(kept)).losses() == ()
    assert len(read(document(step("delete", TABLE, "events"))).losses()) == 1


def test_what_the_engine_protects_counts_whatever_its_type() -> None:
    assert len(read(document(step("delete", QUEUE, "audio", state={"protect": True}))).losses()) == 1
    assert read(document(step("delete", QUEUE, "audio"))).losses() == ()


@pytest.mark.parametrize("text", ["", "[]", "error: no stack", '{"resources": []}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DeliveryError, match="no preview"):
        read(text)


def test_a_corrupt_state_is_an_error() -> None:
    assert "corrupt" in read(document(maybeCorrupt=True)).errors[0]


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
