"""The manifests: by the schemas of Kubernetes, strictly, and against each other, the settings and the service."""

from __future__ import annotations

import copy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service import __version__
from cds_service.app import create_app
from cds_service.settings import Settings
from tests.deploying import check_command, check_settings
from tests.dockerfile_reading import ROOT, user
from tests.tools import package

FOLDER = ROOT / "deploy/kubernetes"
FILES = sorted(file for file in FOLDER.glob("*.yaml") if file.name != "kustomization.yaml")
VERSIONS = ("1.30", "1.37")
"""Of the schemas: an old cluster, and the newest."""
NAME = "blinatumomab-cds"
LABELS = {"app.kubernetes.io/name": NAME}


def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


DEPLOYMENT = _read("deployment.yaml")["spec"]
POD = DEPLOYMENT["template"]["spec"]
(SERVICE,), (MIGRATE,) = POD["containers"], POD["initContainers"]
CONTAINERS = [pytest.param(each, id=each["name"]) for each in (SERVICE, MIGRATE)]
PORTS = {port["name"]: port["containerPort"] for port in SERVICE["ports"]}
CONFIG, SECRET = _read("config.yaml"), _read("secret.example.yaml")


def _validate(document: Any, version: str) -> None:
    package("kubernetes_validate")
    import kubernetes_validate

    kubernetes_validate.validate(document, version, strict=True)


# --- by the schemas -------------------------------------------------------------------------------------------------


@pytest.mark.tools
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_manifest_is_valid_and_has_no_member_that_kubernetes_does_not_know(file: Path, version: str) -> None:
    _validate(yaml.safe_load(file.read_text(encoding="utf-8")), version)


@pytest.mark.tools
@pytest.mark.parametrize(
    ("member", "value"),
    [("readOnlyRootFileSystem", True), ("allowPrivilegeEscalation", "no")],
    ids=["misspelt", "type"],
)
def test_the_schema_refuses_what_is_misspelt_or_of_the_wrong_type(member: str, value: object) -> None:
    package("kubernetes_validate")
    import kubernetes_validate

    wrong = copy.deepcopy(_read("deployment.yaml"))
    wrong["spec"]["template"]["spec"]["containers"][0]["securityContext"][member] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        _validate(wrong, VERSIONS[0])


def test_the_kustomization_takes_every_manifest_but_the_example_of_the_secret() -> None:
    listed = _read("kustomization.yaml")["resources"]
    assert sorted(listed) == [file.name for file in FILES if file.name != "secret.example.yaml"]
    assert len(listed) == len(set(listed))


def test_kustomize_puts_everything_into_one_namespace_and_names_one_image() -> None:
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("kubectl is not installed")
    made = subprocess.run([kubectl, "kustomize", str(FOLDER)], capture_output=True, text=True, check=True).stdout
    documents = list(yaml.safe_load_all(made))
    assert {each["metadata"].get("namespace", NAME) for each in documents} == {NAME}
    pod = next(each for each in documents if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    images = {each["image"] for each in (*pod["containers"], *pod["initContainers"])}
    assert images == {f"registry.example.org/{NAME}:{__version__}"}


# --- against the settings and the service ---------------------------------------------------------------------------


def _secret_keys() -> Iterator[tuple[str, str]]:
    for container in (SERVICE, MIGRATE):
        for variable in container["env"]:
            yield variable["name"], variable["valueFrom"]["secretKeyRef"]["key"]


def test_the_settings_exist_and_take_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {name: SECRET["stringData"][key] for name, key in _secret_keys()}
    settings = check_settings(CONFIG["data"] | secrets, monkeypatch)
    assert settings.database.startswith("postgresql://")
    assert settings.database_migrate is False, "the init container does it"
    assert settings.silent == "*", "a hospital begins silent"


def test_every_key_of_the_secret_is_used_and_none_is_missing() -> None:
    assert {key for _, key in _secret_keys()} == set(SECRET["stringData"])
    named = {each["valueFrom"]["secretKeyRef"]["name"] for c in (SERVICE, MIGRATE) for each in c["env"]}
    assert named == {SECRET["metadata"]["name"]}
    assert {e["configMapRef"]["name"] for c in (SERVICE, MIGRATE) for e in c["envFrom"]} == {CONFIG["metadata"]["name"]}


def test_no_setting_that_is_a_secret_stands_in_the_config_map() -> None:
    assert not set(CONFIG["data"]) & {name for name, _ in _secret_keys()}


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_command_line_knows_the_command(container: dict[str, Any]) -> None:
    check_command(container["args"])


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_a_probe_asks_an_address_of_the_service(probe: str) -> None:
    asked = SERVICE[probe]["httpGet"]
    assert PORTS[asked["port"]] == check_command(SERVICE["args"])["port"]
    app = create_app(Settings(), open_to_all=True, advise=lambda call, day: pytest.fail("not called"))
    assert app.test_client().get(asked["path"]).status_code == 200
    assert asked["path"] == ("/health/ready" if probe == "readinessProbe" else "/health/live")


def test_prometheus_is_sent_to_the_port_of_the_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    told = DEPLOYMENT["template"]["metadata"]["annotations"]
    assert told["prometheus.io/port"] == str(PORTS["metrics"])
    assert CONFIG["data"]["BLINATUMOMAB_CDS_METRICS_ADDRESS"].rpartition(":")[2] == told["prometheus.io/port"]


# --- against each other ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "selector",
    [
        pytest.param(DEPLOYMENT["selector"]["matchLabels"], id="deployment"),
        pytest.param(_read("service.yaml")["spec"]["selector"], id="service"),
        pytest.param(_read("disruption-budget.yaml")["spec"]["selector"]["matchLabels"], id="disruption budget"),
        pytest.param(_read("network-policy.yaml")["spec"]["podSelector"]["matchLabels"], id="network policy"),
        *(
            pytest.param(each["labelSelector"]["matchLabels"], id=each["topologyKey"])
            for each in POD["topologySpreadConstraints"]
        ),
    ],
)
def test_a_selector_finds_the_pods(selector: dict[str, str]) -> None:
    assert selector == LABELS == DEPLOYMENT["template"]["metadata"]["labels"]


def test_the_ports_that_others_name_are_ports_of_the_service() -> None:
    (exposed,) = _read("service.yaml")["spec"]["ports"]
    let_in = [port["port"] for rule in _read("network-policy.yaml")["spec"]["ingress"] for port in rule["ports"]]
    assert exposed["targetPort"] == "http"
    assert sorted(let_in) == sorted(PORTS)


def test_the_autoscaler_scales_the_deployment_which_asks_for_processor_time_and_sets_no_number() -> None:
    target = _read("autoscaler.yaml")["spec"]["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"], target["name"]) == ("apps/v1", "Deployment", NAME)
    assert "cpu" in SERVICE["resources"]["requests"]
    assert "replicas" not in DEPLOYMENT


def test_one_replica_at_least_stays_whatever_is_drained_or_rolled_out() -> None:
    assert _read("autoscaler.yaml")["spec"]["minReplicas"] >= 2
    assert _read("disruption-budget.yaml")["spec"]["maxUnavailable"] == 1
    assert DEPLOYMENT["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_container_may_do_as_little_as_it_needs(container: dict[str, Any]) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"memory"} <= set(container["resources"]["limits"])
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert [each["mountPath"] for each in container["volumeMounts"]] == ["/tmp"]


def test_the_pod_is_not_root_has_the_seccomp_profile_and_no_token() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert f"{POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}" == user()
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert _read("service-account.yaml")["automountServiceAccountToken"] is False
    assert POD["serviceAccountName"] == _read("service-account.yaml")["metadata"]["name"]
    labels = _read("namespace.yaml")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_everything_that_goes_out_is_named_and_lets_names_the_database_and_https_through() -> None:
    policy = _read("network-policy.yaml")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in policy["egress"]] == [[53, 53], [5432], [443]]
    assert all(rule["to"] for rule in policy["egress"])
    assert all(rule["from"] for rule in policy["ingress"])
