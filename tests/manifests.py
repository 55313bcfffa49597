"""manifests.py ROWTIDE: docker/ as far as a machine without an engine or a cluster can check it.

Kubernetes' published schemas, strictly; what every pod of ours promises; the connector files within, by `rowtide validate`; the
chart as it was rendered (and rendered again, where there is helm); the Dockerfile by hadolint.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

PROJECT = Path(__file__).resolve().parents[1]
DOCKER, DATA = PROJECT / "docker", PROJECT / "tests/data/helm"
KUBERNETES = "1.34"
# Of the Prometheus operator: its schemas are not among Kubernetes' own.
OTHERS = {"ServiceMonitor"}
# What a stop may take beside the drain: preStop, and telling the databases.
BESIDE_DRAIN_SECONDS = 5


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def check_schema(path, document):
    if document["kind"] not in OTHERS:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    assert document["metadata"]["labels"]["app.kubernetes.io/name"], f"{path}: {document['kind']} has no name label"


def pods(document):
    if document["kind"] in ("Deployment", "StatefulSet"):
        yield document["spec"]["template"]["spec"]


def check_pod(path, pod):
    """What we promise of our own container, wherever it runs."""
    ours = [container for part in ("containers", "initContainers") for container in pod.get(part, [])
            if container["name"] == "rowtide"]
    assert len(ours) == 1, f"{path}: one container is ours"
    container = ours[0]
    security = {**pod.get("securityContext", {}), **container["securityContext"]}
    assert security["runAsNonRoot"] and security["runAsUser"] == 65532, f"{path}: the image's user"
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"], path
    assert security["capabilities"] == {"drop": ["ALL"]} and security["seccompProfile"]["type"] == "RuntimeDefault", path
    assert pod["automountServiceAccountToken"] is False, path
    assert container["resources"]["limits"]["memory"] and "cpu" not in container["resources"]["limits"], path
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness")}
    assert probes == {"startup": "/startupz", "liveness": "/livez"}, path
    # A sidecar's readiness would be that of the pod it stands in.
    if container not in pod.get("initContainers", []):
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz", path
        assert container["lifecycle"]["preStop"], path
    ports = {port["name"] for port in container["ports"]}
    assert {container[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness")} <= ports, path
    written = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert written == ["/var/lib/rowtide"], f"{path}: one volume is written, not {written}"
    volumes = {volume["name"] for volume in pod["volumes"]}
    return {mount["name"] for mount in container["volumeMounts"]} - volumes


def check_times(path, pod, drain_ms):
    assert pod["terminationGracePeriodSeconds"] >= drain_ms / 1000 + BESIDE_DRAIN_SECONDS, f"{path}: killed before it is done"


def config_files(document):
    return (document.get("data", {}) if document["kind"] == "ConfigMap" else {}).items()


def check_files(path, document, rowtide, folder):
    """The files within a ConfigMap. Their secrets are mounted in a cluster; here stands something in their place."""
    for name, text in config_files(document):
        if name == "worker.json":
            settings = json.loads(text)
            assert settings["state.path"].startswith("/var/lib/rowtide/"), path
            continue
        file = folder / name
        file.write_text(re.sub(r"\$\{dir:[^}]*\}", "secret", text))
        done = subprocess.run([rowtide, "validate", "--strict", file], stdout=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 0, f"{path}: {name}: {done.stdout}"


def check_helm():
    rendered = DATA / "rendered.yaml"
    if shutil.which("helm"):
        done = subprocess.run(
            ["helm", "template", "shop", DOCKER / "helm/rowtide", "-f", DATA / "values.yaml", "--kube-version", f"{KUBERNETES}.0"],
            stdout=subprocess.PIPE, text=True, check=True)
        assert done.stdout == rendered.read_text(), "the chart gives something else than tests/data/helm/rendered.yaml"
    return rendered


def check_compose():
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    ours = compose["services"]["rowtide"]
    assert ours["read_only"] and ours["cap_drop"] == ["ALL"]
    for argument in ours["command"]:
        if argument.endswith(".json"):
            file = PROJECT / "connectors" / Path(argument).name
            variables = set(re.findall(r"\$\{env:(\w+)\}", file.read_text()))
            assert variables <= set(ours["environment"]), f"{file.name} needs {variables - set(ours['environment'])}"
    assert set(ours["depends_on"]) <= set(compose["services"])
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            assert not volume.startswith(".") or (DOCKER / volume.split(":")[0]).exists(), volume
    named = {volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])
             if not volume.startswith(".")}
    assert named == set(compose["volumes"])


def check_dockerfile():
    # Packages of the build stage are those of its suite, not of a day.
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--ignore", "DL3008", DOCKER / "Dockerfile"], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout


def main():
    rowtide = sys.argv[1]
    worker = (PROJECT / "config/production.toml").read_text()
    drain_ms = int(re.search(r'"task.shutdown.graceful.timeout.ms" = (\d+)', worker).group(1))
    paths = sorted((DOCKER / "kubernetes").glob("*.yaml")) + [check_helm()]
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            if path.name == "kustomization.yaml":
                assert all((path.parent / name).is_file() for name in yaml.safe_load(path.read_text())["resources"])
                continue
            for document in documents(path):
                check_schema(path, document)
                check_files(path, document, rowtide, Path(folder))
                for pod in pods(document):
                    claimed = {claim["metadata"]["name"] for claim in document["spec"].get("volumeClaimTemplates", [])}
                    assert check_pod(path, pod) <= claimed, f"{path}: a mount has no volume"
                    check_times(path, pod, drain_ms)
    check_compose()
    check_dockerfile()


if __name__ == "__main__":
    main()
