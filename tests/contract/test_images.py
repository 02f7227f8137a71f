"""Dockerfile and compose files: the rules of images that may run anywhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import compose_spec
import pytest
import yaml

from dockerfile import Dockerfile, assignments, parse
from service.server.access.auth import LOOPBACK
from service.server.access.origin import in_header
from service.settings import Settings, setting_places
from tests.contract.deployment import DOCKER, compose

ROOT = DOCKER.parent
COMBINATIONS = [
    ("compose.yaml",),
    ("compose.yaml", "compose.gpu.yaml"),
    ("compose.yaml", "compose.observability.yaml"),
    ("compose.yaml", "compose.gpu.yaml", "compose.observability.yaml"),
]


@pytest.fixture(scope="module")
def dockerfile() -> Dockerfile:
    return parse((DOCKER / "Dockerfile").read_text(encoding="utf-8"))


def test_the_last_stage_is_small_unprivileged_and_checked(dockerfile: Dockerfile) -> None:
    last = dockerfile.stages[-1]
    user = last.last("USER")
    assert user is not None and re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", user.value)
    names = [instruction.name for instruction in last.instructions]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert {"HEALTHCHECK", "EXPOSE", "VOLUME", "ENTRYPOINT", "CMD", "STOPSIGNAL"} <= set(names)
    # The exec form: signals reach the service, and no shell is needed.
    assert all(i.value.startswith("[") for i in last.instructions if i.name in ("ENTRYPOINT", "CMD", "VOLUME"))
    assert not any("pip install" in i.value for i in last.instructions), "tools for building stay in the first stage"
    assert "ADD" not in names


def test_the_base_image_is_pinned_and_may_be_pinned_to_a_digest(dockerfile: Dockerfile) -> None:
    assert "BASE_IMAGE" in dockerfile.arguments
    for stage in dockerfile.stages:
        assert stage.base == dockerfile.arguments["BASE_IMAGE"]
        assert re.search(r":[0-9]", stage.base) and not stage.base.endswith(":latest")


def test_the_build_context_holds_what_is_copied_and_little_else(dockerfile: Dockerfile) -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [i for stage in dockerfile.stages for i in stage.instructions if i.name == "COPY" and not i.flags]
    copied = {word for copy in copies for word in copy.words[:-1]}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_the_environment_names_real_settings(dockerfile: Dockerfile) -> None:
    last = dockerfile.stages[-1]
    names = {name for i in last.instructions if i.name == "ENV" for name in assignments(i)}
    check_settings({name: "" for name in names}, values=False)


def test_hadolint_finds_nothing() -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not there; `pip install 'withthis[deploy]'` brings it")
    done = subprocess.run(["hadolint", str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("names", COMBINATIONS, ids="+".join)
def test_compose_files_fit_the_compose_specification(names: tuple[str, ...]) -> None:
    model = compose(*names)
    parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(model))
    parsed.validate()
    parsed.validate_volumes()
    services = model["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= services.keys()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DOCKER / source).exists() if source.startswith(".") else source in model["volumes"]


@pytest.mark.parametrize("names", COMBINATIONS, ids="+".join)
def test_compose_services_are_pinned_and_ours_is_locked_down(names: tuple[str, ...]) -> None:
    model = compose(*names)
    for service in model["services"].values():
        assert re.search(r":v?[0-9A-Z]", service["image"]) and not service["image"].endswith(":latest")
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    ours = model["services"]["withthis"]
    assert ours["read_only"] and ours["cap_drop"] == ["ALL"] and ours["init"]
    assert "/tmp" in ours["tmpfs"]
    check_settings(ours["environment"])


def test_a_service_published_to_this_machine_answers_under_its_names_alone() -> None:
    model = compose("compose.yaml", "compose.observability.yaml")
    hosts = set(json.loads(model["services"]["withthis"]["environment"]["WITHTHIS_ALLOWED_HOSTS"]))
    assert {in_header(name) for name in LOOPBACK} <= hosts and "*" not in hosts
    scraped = yaml.safe_load((DOCKER / "observability/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"][0]
    (target,) = scraped["static_configs"][0]["targets"]
    assert hosts == {in_header(name) for name in LOOPBACK} | {target.partition(":")[0]}


def test_the_service_uses_the_model_server_with_its_key() -> None:
    services = compose("compose.yaml", "compose.gpu.yaml")["services"]
    ours, vllm = services["withthis"]["environment"], services["vllm"]
    assert f"--model={ours['WITHTHIS_ENGINE_MODEL']}" in vllm["command"]
    assert ours["WITHTHIS_ENGINE_API_KEY"] == vllm["environment"]["VLLM_API_KEY"] != ""


def check_settings(environment: dict[str, str], *, values: bool = True) -> None:
    """Every variable of ours is a setting, and its value one that the setting takes."""
    ours = {name: value for name, value in environment.items() if name.startswith("WITHTHIS_")}
    assert {name.removeprefix("WITHTHIS_").lower() for name in ours} <= setting_places().keys()
    if values:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in ours.items():
                patch.setenv(name, value)
            Settings(_env_file=None)
