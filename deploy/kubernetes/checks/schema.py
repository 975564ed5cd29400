"""Kubernetes' own schemas, of the oldest version that will do and of the newest that is known. Unknown fields are wrong."""

from collections.abc import Iterator

import kubernetes_validate

from .manifests import title

#: The oldest has `preStop.sleep` switched on.
VERSIONS = ("1.30", "1.37")


def problems(documents: list[dict]) -> Iterator[str]:
    for version in VERSIONS:
        for document in documents:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(map(str, error.path))
                yield "%s, Kubernetes %s: %s: %s" % (title(document), version, path or "at the top", error.message)
            except kubernetes_validate.SchemaNotFoundError as error:
                yield "%s: %s" % (title(document), error.message)
