"""Write and list an SBOM of the production image: `sbom.py build/image.tar build/sbom.spdx.json`.

The SBOM (SPDX 2.3) is made from the status and file lists of Debian's packages in the image, and
from the metadata of its Python packages. A file that belongs to no package is an error.
"""

import json
import re
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from boolean import ParseError
from license_expression import ExpressionError, get_spdx_licensing
from spdx_tools.spdx import model as spdx
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from spdx_tools.spdx.writer.json.json_writer import write_document_to_file

NAME = "double-booked"
SITE = "usr/lib/python3/dist-packages"
STATUS = "var/lib/dpkg/status.d"
# Files that tools/image_root.py writes.
OWN = re.compile(
    rf"usr/bin/{NAME}|etc/(passwd|group)|{SITE}/double_booked/commit\.txt|{STATUS}/.+|.*/RECORD"
)
# SPDX names of licences in Debian's copyright files (copyright-format 1.0, 7.2) and in classifiers.
SPDX_NAMES = {
    "Expat": "MIT",
    "MIT License": "MIT",
    "Apache-2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD-3-clause": "BSD-3-Clause",
    "BSD-2-clause": "BSD-2-Clause",
    "zlib/libpng": "Zlib",
}
GNU = re.compile(r"(L?GPL|GFDL)-([\d.]+)(\+?)")
LICENSING = get_spdx_licensing()
Files = dict[str, bytes]


def read(archive: Path) -> tuple[dict[str, Any], Files]:
    """Return the configuration and the files of the image in a docker-archive."""
    files: Files = {}
    with tarfile.open(archive) as image:
        [manifest] = json.load(image.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(image.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=image.extractfile(layer)) as content:
                for member in content:
                    if member.isfile() and (opened := content.extractfile(member)):
                        files[member.name.removeprefix("./")] = opened.read()
    return config, files


class Licences:
    """Licences by their SPDX names, and the texts of licences that SPDX does not list."""

    def __init__(self) -> None:
        """Start without texts."""
        self.texts: list[spdx.ExtractedLicensingInfo] = []

    def named(self, name: str, package: str, text: str) -> str:
        """Return the SPDX expression of a licence name, or a reference to its text."""
        return self.listed(name) or self.reference(f"{package}-{name}", text)

    def listed(self, name: str) -> str:
        """Return the SPDX expression of a licence name; empty if SPDX does not list it."""
        spelled = GNU.sub(gnu_name, SPDX_NAMES.get(name, name))
        try:
            return str(LICENSING.parse(spelled, validate=True))
        except (ExpressionError, ParseError):
            return ""

    def reference(self, name: str, text: str) -> str:
        """Add a text; return the reference to it."""
        identifier = "LicenseRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-")
        if identifier not in {text.license_id for text in self.texts}:
            self.texts.append(spdx.ExtractedLicensingInfo(identifier, text, name))
        return identifier


def gnu_name(match: re.Match[str]) -> str:
    """Return the SPDX name of a GNU licence, for example GPL-2.0-or-later for GPL-2+."""
    kind, version, later = match.groups()
    version = version if "." in version else f"{version}.0"
    return f"{kind}-{version}-{'or-later' if later else 'only'}"


def package(name: str, version: str, purl: str, licence: str, supplier: spdx.Actor) -> spdx.Package:
    """Return an SPDX package."""
    reference = spdx.ExternalPackageRef(
        spdx.ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", purl
    )
    kind = purl.removeprefix("pkg:").partition("/")[0]
    return spdx.Package(
        spdx_id="SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", f"{kind}-{name}"),
        name=name,
        version=version,
        supplier=supplier,
        download_location=spdx.SpdxNoAssertion(),
        files_analyzed=False,
        license_concluded=spdx.SpdxNoAssertion(),
        license_declared=LICENSING.parse(licence),
        copyright_text=spdx.SpdxNoAssertion(),
        external_references=[reference],
    )


def debian_packages(files: Files, licences: Licences) -> Iterator[tuple[spdx.Package, set[str]]]:
    """Yield Debian's packages, each with its files."""
    for path in sorted(files):
        if not path.startswith(STATUS) or path.endswith(".md5sums"):
            continue
        status = BytesParser().parsebytes(files[path])
        name, version = status["Package"], status["Version"]
        rights = f"usr/share/doc/{name}/copyright"
        licence = debian_licence(name, files[rights].decode(), licences)
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={status['Architecture']}"
        owned = {
            line.split(maxsplit=1)[1] for line in files[f"{path}.md5sums"].decode().splitlines()
        }
        debian = spdx.Actor(spdx.ActorType.ORGANIZATION, "Debian")
        yield package(name, version, purl, licence, debian), owned | {rights}


def debian_licence(name: str, rights: str, licences: Licences) -> str:
    """Return the licences that a copyright file names, joined by AND.

    A file in another format than copyright-format 1.0 counts as one licence text.
    """
    names = sorted(set(re.findall(r"^License:[ \t]*(\S.*?)[ \t]*$", rights, re.MULTILINE)))
    if "copyright-format/1.0" not in rights or not names:
        return licences.reference(name, rights)
    return " AND ".join(sorted({f"({licences.named(licence, name, rights)})" for licence in names}))


def python_packages(files: Files, licences: Licences) -> Iterator[tuple[spdx.Package, set[str]]]:
    """Yield the Python packages, each with its files."""
    for path in sorted(files):
        folder = PurePosixPath(path)
        if folder.name != "METADATA" or not folder.parent.name.endswith(".dist-info"):
            continue
        metadata = BytesParser().parsebytes(files[path])
        name, version = metadata["Name"], metadata["Version"]
        licence = python_licence(metadata, str(folder.parent), files, licences)
        purl = f"pkg:pypi/{re.sub('[-_.]+', '-', name).lower()}@{quote(version)}"
        records = files[str(folder.with_name("RECORD"))].decode().splitlines()
        owned = {f"{SITE}/{line.partition(',')[0]}" for line in records}
        yield package(name, version, purl, licence, spdx.SpdxNoAssertion()), owned


def python_licence(metadata: Message, folder: str, files: Files, licences: Licences) -> str:
    """Return the licence in the metadata: an expression, a name, classifiers, or a text."""
    classifiers = (
        classifier.rpartition(" :: ")[2] for classifier in metadata.get_all("Classifier", ())
    )
    declared = (metadata["License-Expression"], metadata["License"], *classifiers)
    for name in filter(None, declared):
        if listed := licences.listed(name):
            return listed
    texts = [
        files[path].decode(errors="replace") for path in sorted(files) if is_licence(path, folder)
    ]
    if not texts and not metadata["License"]:
        sys.exit(f"{folder}: neither its metadata nor its files name a licence")
    return licences.reference(metadata["Name"], "\n\n".join(texts) or metadata["License"])


def is_licence(path: str, folder: str) -> bool:
    """Return whether a file of the metadata is a licence."""
    return path.startswith(f"{folder}/") and bool(
        re.search(r"licen[cs]e|copying|notice", path.removeprefix(folder), re.IGNORECASE)
    )


def document(archive: Path) -> spdx.Document:
    """Return the SBOM of the image in a docker-archive."""
    config, files = read(archive)
    licences = Licences()
    described = [*debian_packages(files, licences), *python_packages(files, licences)]
    strangers = set(files).difference(*(owned for _, owned in described))
    if strangers := {path for path in strangers if not OWN.fullmatch(path)}:
        sys.exit(
            f"{archive}: no package holds {', '.join(sorted(strangers)[:5])}"
            f" ({len(strangers)} files); tools/image_root.py decides what is copied from where"
        )
    labels = config["config"]["Labels"]
    image = image_package(labels["org.opencontainers.image.version"], config["architecture"])
    packages = [image, *(entry for entry, _ in described)]
    contains = [
        spdx.Relationship(image.spdx_id, spdx.RelationshipType.CONTAINS, contained.spdx_id)
        for contained in packages[1:]
    ]
    describes = spdx.Relationship(
        "SPDXRef-DOCUMENT", spdx.RelationshipType.DESCRIBES, image.spdx_id
    )
    return spdx.Document(
        creation_info(config, image),
        packages=packages,
        relationships=[describes, *contains],
        extracted_licensing_info=licences.texts,
    )


def image_package(version: str, architecture: str) -> spdx.Package:
    """Return the SPDX package of the image itself."""
    purl = f"pkg:oci/{NAME}@{version}?arch={architecture}"
    return package(NAME, version, purl, "Apache-2.0", spdx.SpdxNoAssertion())


def creation_info(config: dict[str, Any], image: spdx.Package) -> spdx.CreationInfo:
    """Return the creation info: taken from the image, so that the same image has the same SBOM."""
    digest = sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    created = (
        datetime.fromisoformat(config["created"])
        .astimezone(UTC)
        .replace(microsecond=0, tzinfo=None)
    )
    return spdx.CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id="SPDXRef-DOCUMENT",
        name=f"{NAME}-{image.version}-{config['architecture']}",
        document_namespace=f"https://spdx.org/spdxdocs/{NAME}-{digest}",
        creators=[spdx.Actor(spdx.ActorType.TOOL, f"{NAME}-tools-sbom.py")],
        created=created,
    )


def main(archive: Path, target: Path) -> None:
    """Write the SBOM, and print its packages."""
    sbom = document(archive)
    if faults := validate_full_spdx_document(sbom):
        sys.exit("\n".join(f"{target}: {fault.validation_message}" for fault in faults))
    write_document_to_file(sbom, str(target), validate=False)
    for entry in sbom.packages:
        print(f"{entry.name:44}{entry.version:28}{entry.license_declared}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
