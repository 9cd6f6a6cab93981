"""Images of Node: what is installed and built when, and what a person is told when that fails.

A stand-in for npm runs on the Node that comes along; the real one builds the site whenever a platform starts.
"""

import json
import subprocess
from pathlib import Path

import pytest

from local_cloud.applier.dockerfile import read_dockerfile
from local_cloud.applier.node import BUILDS_KEPT, NODE, NodeBuilder, NodeBuildError, link_node

FOLDER = "services/site"
NPM = """\
const fs = require("fs");
const [, , command] = process.argv;
fs.appendFileSync("LOG", `${process.argv.slice(2).join(" ")}\\n`);
if (command === "ci" && OUTPUT) { console.error(OUTPUT); process.exit(1); }
if (!process.execArgv.includes("--use-system-ca")) { console.error("Node's own list"); process.exit(1); }
if (command === "ci") fs.mkdirSync("node_modules");
if (command === "run") {
  if (fs.existsSync("src/broken")) { console.log("line 1\\nsyntax error"); process.exit(1); }
  for (const name of ["node_modules/sharp", "node_modules/next"])
    fs.mkdirSync(`.next/standalone/${name}`, { recursive: true });
  fs.mkdirSync(".next/static", { recursive: true });
  fs.writeFileSync(".next/standalone/server.js", fs.readFileSync("src/page"));
  fs.writeFileSync(".next/static/a.css", "");
}
"""


class Workplace:
    """A checkout with one folder of Node, and a builder whose npm writes down what it is asked."""

    def __init__(self, directory: Path, output: str = "") -> None:
        self.source = directory / "checkout" / FOLDER
        for name in ("src", "bin", "node_modules", "tests"):
            (self.source / name).mkdir(parents=True)
        for name in (
            "package.json",
            "package-lock.json",
            ".npmrc",
            "src/page",
            "bin/serve",
            "node_modules/x",
        ):
            (self.source / name).write_text("{}")
        self._log = directory / "calls"
        npm = directory / "npm.js"
        npm.write_text(NPM.replace('"LOG"', json.dumps(str(self._log))).replace("OUTPUT", json.dumps(output)))
        self.said: list[str] = []
        self.builder = NodeBuilder(directory / "checkout", self.said.append, directory / "kept", npm)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines()


def test_packages_are_installed_once_and_builds_made_once(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    place.builder.build(FOLDER, "tag1", tmp_path / "one")
    assert place.calls == ["ci --omit=dev", "run build"]
    assert len(place.said) == 2
    place.builder.build(FOLDER, "tag1", tmp_path / "another home's")
    assert len(place.calls) == 2
    (place.source / "src" / "page").write_text("new")
    place.builder.build(FOLDER, "tag2", tmp_path / "two")
    assert place.calls[2:] == ["run build"]
    assert (tmp_path / "two" / "app" / "server.js").read_text() == "new"
    assert (tmp_path / "one" / "app" / "server.js").read_text() == "{}"
    (place.source / "package-lock.json").write_text("other")
    place.builder.build(FOLDER, "tag3", tmp_path / "three")
    assert place.calls[3:] == ["ci --omit=dev", "run build"]


def test_an_image_has_the_server_its_files_and_a_node_to_run_it(tmp_path: Path) -> None:
    Workplace(tmp_path).builder.build(FOLDER, "tag", tmp_path / "image")
    image = tmp_path / "image"
    assert (image / "app" / ".next" / "static" / "a.css").is_file()
    assert (image / "bin" / "serve").is_file()
    assert sorted(path.name for path in (image / "app" / "node_modules").iterdir()) == ["next"]
    ran = subprocess.run([image / "bin" / "node", "--version"], check=True, capture_output=True, text=True)
    assert ran.stdout.startswith("v24.")


def test_few_builds_are_kept(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    for number in range(BUILDS_KEPT + 2):
        place.builder.build(FOLDER, f"tag{number}", tmp_path / f"image{number}")
    assert len(list((tmp_path / "kept" / "builds").iterdir())) == BUILDS_KEPT


def test_without_the_registry_a_person_is_told_what_to_do_and_the_next_start_tries_again(
    tmp_path: Path,
) -> None:
    place = Workplace(tmp_path, "npm error code ENOTFOUND\nnpm error network request failed")
    for _ in range(2):
        with pytest.raises(NodeBuildError, match=r"does not reach its registry.*npm_config_registry"):
            place.builder.build(FOLDER, "tag", tmp_path / "image")
    assert place.calls == ["ci --omit=dev"] * 2
    assert not (tmp_path / "image").exists()


def test_a_build_that_fails_shows_its_last_words_and_leaves_nothing(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    (place.source / "src" / "broken").write_text("")
    with pytest.raises(NodeBuildError, match="npm run build failed:\nline 1\nsyntax error"):
        place.builder.build(FOLDER, "tag", tmp_path / "image")
    (place.source / "src" / "broken").unlink()
    place.builder.build(FOLDER, "tag", tmp_path / "image")
    assert not (tmp_path / "kept" / "packages" / "src" / "broken").exists()


def test_a_dockerfile_names_its_folder_and_its_image_runs_the_node_that_is_there_now(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f'FROM x\nLABEL nova.npm="{FOLDER}"\nCMD ["serve"]\n')
    config = read_dockerfile(tmp_path / "Dockerfile")
    assert (config.package, config.npm, config.cmd) == ("", FOLDER, ["serve"])
    place = Workplace(tmp_path)
    place.builder.build(FOLDER, "tag", tmp_path / "image")
    link = tmp_path / "image" / "bin" / "node"
    link.unlink()
    link.symlink_to("/nowhere")
    link_node(tmp_path / "image")
    assert link.resolve() == NODE.resolve()
