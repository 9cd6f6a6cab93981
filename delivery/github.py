"""GitHub's REST API, as far as deliveries need it.

Where and as whom says the environment of a job: `GITHUB_API_URL`, `GITHUB_REPOSITORY`, `GITHUB_TOKEN`.
"""

import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from delivery.errors import DeliveryError

PAGE = 100
PAGES_MAX = 50
TIMEOUT_SECONDS = 30
BODY_MAX = 65_536
"""Characters of a comment or an issue (GitHub's limit)."""
CUT = "\n\n... cut here: the rest is in the log of the run.\n"
AUTHOR = "github-actions[bot]"
"""Whose comments and issues are edited: those of workflows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository, as a job's token may use it."""

    url: str
    """Of the repository in the API."""
    token: str

    @classmethod
    def of_this_job(cls) -> "Repository":
        """Return the repository that the job runs for; raises ``DeliveryError`` outside of one."""
        try:
            api, name, token = (os.environ[f"GITHUB_{each}"] for each in ("API_URL", "REPOSITORY", "TOKEN"))
        except KeyError as error:
            raise DeliveryError(f"{error} is not set: this runs in a job of GitHub Actions") from error
        if re.fullmatch(r"[\w.-]+/[\w.-]+", name) is None:
            raise DeliveryError(f"GITHUB_REPOSITORY: {name} is not allowed; it is owner/name")
        return cls(url=f"{api}/repos/{name}", token=token)

    def comment(self, pull_request: int, marker: str, body: str) -> str:
        """Have one comment with ``marker`` on a pull request say ``body``; return its address."""
        text = fitted(marker, body)
        for found in self._all(f"issues/{pull_request}/comments"):
            if _ours(found, marker):
                return self._ask("PATCH", f"issues/comments/{found['id']}", {"body": text})["html_url"]
        return self._ask("POST", f"issues/{pull_request}/comments", {"body": text})["html_url"]

    def open_issue(self, marker: str, title: str, body: str) -> str:
        """Have one open issue with ``marker`` say ``body``; return its address."""
        text = {"title": title, "body": fitted(marker, body)}
        if (found := self._issue(marker)) is not None:
            return self._ask("PATCH", f"issues/{found['number']}", text)["html_url"]
        return self._ask("POST", "issues", text)["html_url"]

    def close_issue(self, marker: str, reason: str) -> str:
        """Close the open issue with ``marker``, saying why; return its address, empty where none is open."""
        if (found := self._issue(marker)) is None:
            return ""
        self._ask("POST", f"issues/{found['number']}/comments", {"body": reason})
        changes = {"state": "closed", "state_reason": "completed"}
        return self._ask("PATCH", f"issues/{found['number']}", changes)["html_url"]

    def labels_of_commit(self, commit: str) -> set[str]:
        """Return the labels of the pull requests that brought ``commit``."""
        if re.fullmatch(r"[0-9a-f]{40}", commit) is None:
            raise DeliveryError(f"{commit} is no commit")
        return {label["name"] for found in self._all(f"commits/{commit}/pulls") for label in found["labels"]}

    def _issue(self, marker: str) -> dict[str, Any] | None:
        # The list of issues has pull requests in it, too.
        issues = self._all("issues", state="open", creator=AUTHOR)
        return next((issue for issue in issues if "pull_request" not in issue and _ours(issue, marker)), None)

    def _all(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        for page in range(1, PAGES_MAX + 1):
            asked = urllib.parse.urlencode({**query, "per_page": PAGE, "page": page})
            found: list[dict[str, Any]] = self._ask("GET", f"{path}?{asked}")
            yield from found
            if len(found) < PAGE:
                return
        raise DeliveryError(f"{path} has more than {PAGES_MAX * PAGE} entries: nobody reads on")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 (JSON)
        request = urllib.request.Request(  # noqa: S310 (the job's own API)
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 (as above)
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(1000).decode(errors="replace")
            raise DeliveryError(f"GitHub answers {method} {path} with {error.code}: {said}") from error
        except OSError as error:
            raise DeliveryError(f"GitHub cannot be reached for {method} {path}: {error}") from error


def fitted(marker: str, body: str) -> str:
    """Return what is posted: an invisible ``marker``, to find it again, and as much as GitHub takes."""
    text = f"<!-- {marker} -->\n{body}"
    return text if len(text) <= BODY_MAX else text[: BODY_MAX - len(CUT)] + CUT


def _ours(found: dict[str, Any], marker: str) -> bool:
    # Anybody can write the marker; a workflow edits what workflows have written.
    written_by: dict[str, Any] = found.get("user") or {}
    return written_by.get("login") == AUTHOR and str(found.get("body", "")).startswith(f"<!-- {marker} -->")
