"""One comment and one issue, edited in place, whoever else writes there."""

from pathlib import Path

import pytest

from delivery import comment, drift
from delivery.errors import DeliveryError
from delivery.github import BODY_MAX, PAGE, Repository, fitted
from pulumi_cli.preview import read
from tests.delivery.loopback import GitHub
from tests.pulumi_cli.documents import QUEUE, document, failed, step

MARKER = "<!-- nova preview dev -->"


def say(tmp_path: Path, text: str) -> None:
    body = tmp_path / "comment.md"
    body.write_text(text, encoding="utf-8")
    comment.main(["--pull-request", "12", "--stack", "dev", "--body", str(body)])


class TestComment:
    def test_it_is_written_once_and_edited_then(self, github: GitHub, tmp_path: Path) -> None:
        say(tmp_path, "first")
        say(tmp_path, "second")
        assert [found["body"] for found in github.comments.values()] == [f"{MARKER}\nsecond"]
        assert "POST issues/12/comments" in github.asked

    def test_what_people_write_is_left_alone(self, github: GitHub, tmp_path: Path) -> None:
        github.write("comments", 1, f"{MARKER}\nquoted by a person", login="somebody")
        say(tmp_path, "report")
        assert github.comments[1]["body"].endswith("quoted by a person")
        assert len(github.comments) == 2

    def test_it_is_found_behind_many_others(self, github: GitHub, tmp_path: Path) -> None:
        for number in range(1, PAGE + 2):
            github.write("comments", number, "something", login="somebody")
        github.write("comments", PAGE + 2, f"{MARKER}\nold")
        say(tmp_path, "new")
        assert github.comments[PAGE + 2]["body"].endswith("new")
        assert len(github.comments) == PAGE + 2

    def test_a_long_report_is_cut_to_what_github_takes(self) -> None:
        assert len(fitted("m", "x" * 100_000)) == BODY_MAX
        assert fitted("m", "x" * 100_000).endswith("the rest is in the log of the run.\n")

    def test_nothing_is_no_report(self, github: GitHub, tmp_path: Path) -> None:
        with pytest.raises(DeliveryError, match="is empty"):
            say(tmp_path, "\n")
        assert github.asked == []

    def test_a_refusal_is_told_without_the_token(self, github: GitHub, tmp_path: Path) -> None:
        github.token = "another"
        with pytest.raises(DeliveryError, match=r"401.*Bad credentials") as caught:
            say(tmp_path, "report")
        assert "token-of-the-job" not in str(caught.value)

    def test_outside_of_a_job_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("GITHUB_TOKEN", raising=False)
        with pytest.raises(DeliveryError, match="job of GitHub Actions"):
            Repository.of_this_job()


class TestDrift:
    drifted = document(
        step("update", QUEUE, "audio", detailedDiff={"tags": {"kind": "update"}}), step("delete", QUEUE, "b")
    )

    def test_one_issue_is_opened_updated_and_closed(self, github: GitHub) -> None:
        repository = Repository.of_this_job()
        drift.report(repository, "dev", read(self.drifted), "https://run/1")
        drift.report(repository, "dev", read(self.drifted), "https://run/2")
        (issue,) = github.issues.values()
        assert issue["title"] == "Drift in stack dev: 2 resources"
        assert f"changed: `{QUEUE} audio` (tags)" in issue["body"]
        assert f"gone: `{QUEUE} b`" in issue["body"]
        assert issue["body"].rstrip().endswith("https://run/2")
        assert "closed issues/1" in drift.report(repository, "dev", read(document()), "https://run/3")
        assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
        assert "https://run/3" in github.comments[1]["body"]
        assert drift.report(repository, "dev", read(document()), "https://run/4") == "no drift"

    def test_stacks_have_issues_of_their_own_and_requests_are_none(self, github: GitHub) -> None:
        repository = Repository.of_this_job()
        github.write("issues", 1, "<!-- nova drift dev -->\n", pull_request={})
        drift.report(repository, "prod", read(self.drifted), "")
        drift.report(repository, "dev", read(self.drifted), "")
        assert len(github.issues) == 3

    def test_a_search_that_failed_closes_nothing(self, github: GitHub) -> None:
        with pytest.raises(DeliveryError, match="nobody knows"):
            drift.report(Repository.of_this_job(), "dev", read(failed("no credentials")), "")
        assert github.asked == []
