"""The Kubernetes manifests: they render, fit their schemas, name real settings, and need no privileges."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.contract.deployment import DOCKER, OVERLAYS, render, source_manifests
from tests.contract.test_images import check_settings

VERSION = "1.32"
CUSTOM = {"Milvus"}
"""Kinds of operators, whose schemas are not at hand."""


def deployments(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [document for document in documents if document["kind"] == "Deployment"]


def test_containers_run_under_the_restricted_profile_with_requests_and_probes() -> None:
    found = deployments(source_manifests())
    assert {deployment["metadata"]["name"] for deployment in found} == {"withthis", "vllm"}
    for deployment in found:
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            rules = container["securityContext"]
            assert rules["readOnlyRootFilesystem"] and not rules["allowPrivilegeEscalation"]
            assert rules["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_probes_ask_routes_that_exist_and_the_grace_is_long_enough(client: TestClient[Any]) -> None:
    [service] = [one for one in deployments(source_manifests()) if one["metadata"]["name"] == "withthis"]
    pod = service["spec"]["template"]["spec"]
    [container] = pod["containers"]
    routes = {route.path for route in client.app.routes}
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", "a busy store must not restart the service"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert {
        container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    } <= routes
    settings = dict(line.split("=", 1) for line in settings_lines())
    assert pod["terminationGracePeriodSeconds"] >= float(settings["WITHTHIS_SHUTDOWN_DELAY_S"]) + 30


def settings_lines() -> list[str]:
    return (DOCKER / "kubernetes/base/settings.env").read_text(encoding="utf-8").splitlines()


def test_settings_exist_and_have_values_that_are_taken() -> None:
    base = dict(line.split("=", 1) for line in settings_lines())
    check_settings(base)
    for manifest in source_manifests():
        for generator in manifest.get("configMapGenerator", []):
            literals = dict(literal.split("=", 1) for literal in generator.get("literals", []))
            check_settings({**base, **literals})


def test_every_deployment_has_a_budget_and_a_network_policy() -> None:
    selectors: dict[str, list[str]] = {}
    for document in source_manifests():
        if document["kind"] in ("PodDisruptionBudget", "NetworkPolicy"):
            chosen = document["spec"].get("selector") or document["spec"]["podSelector"]
            selectors.setdefault(document["kind"], []).append(chosen["matchLabels"]["app.kubernetes.io/name"])
    names = sorted(deployment["metadata"]["name"] for deployment in deployments(source_manifests()))
    assert sorted(selectors["PodDisruptionBudget"]) == sorted(selectors["NetworkPolicy"]) == names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_render_and_fit_the_schemas(overlay: str) -> None:
    documents = render(overlay)
    if documents is None:
        pytest.skip("neither kustomize nor kubectl is there")
    assert all(document["metadata"].get("namespace", "withthis") == "withthis" for document in documents)
    names = {document["metadata"]["name"] for document in documents if document["kind"] == "ConfigMap"}
    for deployment in deployments(documents):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            sources = container.get("envFrom", [])
            assert {source["configMapRef"]["name"] for source in sources if "configMapRef" in source} <= names
    if importlib.util.find_spec("kubernetes_validate") is None:
        pytest.skip("rendered; for the schemas, `pip install 'withthis[deploy]'`")
    import kubernetes_validate  # noqa: PLC0415 (an extra)

    for document in documents:
        if document["kind"] not in CUSTOM:
            kubernetes_validate.validate(document, VERSION, strict=True)
