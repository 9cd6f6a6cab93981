"""What a slice says of itself, and how each mistake is answered."""

from collections.abc import Callable
from pathlib import Path

import pytest

from settings.errors import SettingsError
from settings.slices import ModelUse, SizeName, read_slices
from tests.infra.deployment import Deployment
from tests.slices import DECLARED, WORKERS

SIZES = """full = {cpu = 512, memory = 1024, minTasks = 2, maxTasks = 9}
small = {cpu = 256, memory = 512, minTasks = 1, maxTasks = 1}
"""


@pytest.fixture
def slices(tmp_path: Path) -> Callable[..., Path]:
    """A folder of slices, each with the text of its file."""

    def make(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "slice.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def test_services_of_all_slices_are_read_in_the_order_of_their_names(slices: Callable[..., Path]) -> None:
    folder = slices(
        second=f"[services.mail]\n{SIZES}internet = ['a mail server']\nmodels = ['embedding', 'speech']\n",
        first=f"holds-nothing = 'it forgets'\n[services.post]\n{SIZES}queue = true\nonly-with = 'seller'\n",
        third="[runtimes.voice]\nmodels = ['dictation']\n",
    )
    (folder / "silent").mkdir()
    found = read_slices(folder)
    assert list(found.services) == ["mail", "post"]
    mail, post = found.services.values()
    assert mail.sizes[SizeName.FULL] == {"cpu": 512, "memory": 1024, "minTasks": 2, "maxTasks": 9}
    assert mail.sizes[SizeName.SMALL]["cpu"] == 256
    assert mail.calls.internet == ("a mail server",)
    assert mail.calls.models == {ModelUse.EMBEDDING, ModelUse.SPEECH}
    assert (mail.queue, mail.only_with) == (False, "")
    assert (post.queue, post.only_with, post.calls.internet) == (True, "seller", ())
    assert found.runtimes["voice"].models == {ModelUse.DICTATION}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[services", r"slice\.toml: .* no TOML"),
        ("[servces.post]\n", r"slice\.toml\.servces: .* no such field; there are: holds-nothing, services"),
        ("services = 1\n", r"slice\.toml: services: 1 .* table"),
        ("holds-nothing = true\n", r"slice\.toml: holds-nothing: True .* string"),
        ("[services]\npost = 1\n", r"services\.post: 1 .* table"),
        ("[services.post]\n", r"services\.post\.full: None .* missing; give full, small"),
        (f"[services.post]\n{SIZES}medium = 1\n", r"services\.post\.medium: 1 .* no such field"),
        (f"[services.post]\n{SIZES.replace('512, m', '500, m')}", r"services\.post\.full\.cpu: 500 .* 512"),
        (
            f"[services.post]\n{SIZES.replace('maxTasks = 1}', '}').replace(', }', '}')}",
            r"small\.maxTasks: .* missing",
        ),
        (f"[services.post]\n{SIZES.replace('= 9', '= true')}", r"full\.maxTasks: True .* whole number"),
        (f"[services.post]\n{SIZES}queue = 'yes'\n", r"services\.post\.queue: 'yes' .* true or false"),
        (
            f"[services.post]\n{SIZES}internet = 'mail'\n",
            r"services\.post\.internet: 'mail' .* list of texts",
        ),
        (f"[services.post]\n{SIZES}internet = ['']\n", r"services\.post\.internet: .* list of texts"),
        (
            f"[services.post]\n{SIZES}models = ['image']\n",
            r"services\.post\.models: 'image' .* embedding, speech",
        ),
        (f"[services.post]\n{SIZES}only-with = 1\n", r"services\.post\.only-with: 1 .* string"),
        ("[runtimes.voice]\nqueue = true\n", r"runtimes\.voice\.queue: True .* no such field"),
    ],
)
def test_a_mistake_is_named_with_its_file(slices: Callable[..., Path], text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as raised:
        read_slices(slices(mail=text))
    assert "/mail/slice.toml" in str(raised.value)


def test_a_name_is_declared_once(slices: Callable[..., Path]) -> None:
    service = f"[services.post]\n{SIZES}"
    with pytest.raises(SettingsError, match=r"second/slice\.toml: services\.post: .* another slice"):
        read_slices(slices(first=service, second=service))


class TestTheProgram:
    """What slices declare is what the program makes."""

    def test_each_service_is_made(self, production: Deployment) -> None:
        """Stack prod sells, so that it has all of them."""
        assert sorted(production.outputs["services"]) == list(DECLARED.services)

    def test_who_has_a_queue_scales_by_it(self, production: Deployment) -> None:
        policies = production.of_type("aws:appautoscaling/policy:Policy")
        ending = "-scaling-backlog"
        by_backlog = {found.name.removesuffix(ending) for found in policies if found.name.endswith(ending)}
        assert by_backlog == {*WORKERS}
