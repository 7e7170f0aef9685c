"""A wheel of the Charter that is running, for a project that keeps one.

Made anew from what is installed, so that no index is needed. Entries are sorted, have no times and
are not compressed (implementations of zlib differ): the same content is always the same bytes.
"""

import base64
import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import Distribution, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from charter.errors import Refusal

NAME = "charter"
INSTALLER_FILES = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")
"""What an installer adds to a distribution's metadata, and the list that is made anew."""
EARLIEST = (1980, 1, 1, 0, 0, 0)


def wheel() -> tuple[str, bytes]:
    """The file's name and content. Raises Refusal where it can't be built."""
    installed = distribution(NAME)
    checkout = editable_root(installed)
    content = built(checkout) if checkout else dict(installed_files(installed))
    return f"{NAME}-{installed.version}-py3-none-any.whl", packed(content, installed.version)


def editable_root(installed: Distribution) -> Path | None:
    """The checkout that this Charter runs from."""
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(__file__).resolve().parents[3]


def built(checkout: Path) -> dict[str, bytes]:
    """The files of a wheel that is built from a checkout."""
    with TemporaryDirectory(prefix="charter-") as folder:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", folder]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise Refusal(f"No wheel can be built from {checkout}: {' '.join(reason)}")
        (path,) = Path(folder).glob("*.whl")
        with ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def installed_files(installed: Distribution) -> Iterator[tuple[str, bytes]]:
    """What a wheel brought here: neither programs nor what was compiled."""
    for file in installed.files or []:
        belongs = file.parts[0] in (NAME, f"{NAME}-{installed.version}.dist-info")
        if belongs and file.suffix != ".pyc" and file.name not in INSTALLER_FILES:
            yield file.as_posix(), Path(str(file.locate())).read_bytes()


def packed(content: Mapping[str, bytes], version: str) -> bytes:
    record = f"{NAME}-{version}.dist-info/RECORD"
    files = {name: content[name] for name in sorted(content) if name != record}
    files[record] = listed(files, record).encode()
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for name, data in files.items():
            entry = ZipInfo(name, EARLIEST)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def listed(files: Mapping[str, bytes], record: str) -> str:
    """The RECORD: each file with its hash and size, itself without."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
        rows.writerow((name, f"sha256={digest}", len(data)))
    rows.writerow((record, "", ""))
    return text.getvalue()
