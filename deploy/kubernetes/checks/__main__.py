"""The command line."""

import argparse
import json
import os
import sys
from pathlib import Path

from . import code, names, pods, programs, schema
from .mutants import mutants
from .render import Unrendered, check_kubectl, render

_EXAMPLES = """examples:
  deploy/kubernetes/check                            all of it, in seconds; the first time it installs its tools
  deploy/kubernetes/check --programs target/debug    asks the programs there about their settings as well
  deploy/kubernetes/check --mutants                  breaks the manifests in one place at a time: each must be noticed

Its last line counts, for tests/run. Exit code 1: something is wrong, and named.
"""

_FOLDER = Path(__file__).resolve().parents[1]
_ROOT = _FOLDER.parents[1]
#: What is rendered; the first is the one that is to be copied, and has all names in it together with `world`.
_KUSTOMIZATIONS = ("example", "base", "world")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="deploy/kubernetes/check",
        description="Renders the manifests and checks them against Kubernetes' schemas, each other and the code.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kubectl", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--programs", type=Path, metavar="DIR", help="where gateway, zone-server and auth are [beside PYMMORPG_BINARY, if that is set]")
    parser.add_argument("--mutants", action="store_true", help="check the checks")
    arguments = parser.parse_args()
    try:
        check_kubectl(arguments.kubectl)
        rendered = {name: render(arguments.kubectl, _FOLDER / name) for name in _KUSTOMIZATIONS}
    except Unrendered as error:
        print(error)
        return _count(0, 1)
    whole = rendered["example"] + rendered["world"]
    if arguments.mutants:
        return _try_mutants(whole)
    return _check(rendered, whole, arguments.programs or _beside_binary())


def _check(rendered: dict[str, list[dict]], whole: list[dict], folder: Path | None) -> int:
    source = code.Code(_ROOT)
    checks = {"schema of %s" % name: list(schema.problems(documents)) for name, documents in rendered.items()}
    checks["names"] = list(names.problems(whole))
    checks["pods"] = list(pods.problems(whole, source))
    checks["code"] = list(code.problems(whole, _texts(), source))
    if folder is not None:
        checks["programs"] = list(programs.problems(whole, folder))
    for name, problems in checks.items():
        print("%-20s %s" % (name, "ok" if not problems else "\n  " + "\n  ".join(problems)))
    failed = sum(bool(problems) for problems in checks.values())
    return _count(len(checks) - failed, failed)


def _try_mutants(whole: list[dict]) -> int:
    source = code.Code(_ROOT)
    # What is wrong without any mutant proves nothing of one.
    known = _noticed(whole, source)
    missed = noticed_count = 0
    for what, documents in mutants(whole):
        noticed = _noticed(documents, source) - known
        print("%-34s %s" % (what, sorted(noticed)[0] if noticed else "NOT NOTICED"))
        noticed_count += bool(noticed)
        missed += not noticed
    return _count(noticed_count, missed)


def _noticed(documents: list[dict], source: code.Code) -> set[str]:
    if problems := set(schema.problems(documents)):
        return problems
    texts = {"manifests": json.dumps(documents)}
    return {*names.problems(documents), *pods.problems(documents, source), *code.problems(documents, texts, source)}


def _texts() -> dict[str, str]:
    paths = [*_FOLDER.glob("*.md"), *_FOLDER.glob("*/*.yaml"), _ROOT / "docs" / "scale.md"]
    return {str(path.relative_to(_ROOT)): path.read_text() for path in paths if path.exists()}


def _beside_binary() -> Path | None:
    binary = os.environ.get("PYMMORPG_BINARY")
    return Path(binary).parent if binary else None


def _count(passed: int, failed: int) -> int:
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


sys.exit(main())
