"""Lists what a production image holds, and asks whether any of it is known to be vulnerable.

`python -m dev.supply_chain` writes a bill of materials (CycloneDX 1.6) to `dist/sbom.cdx.json`,
from the lock with its hashes, and audits it; exit code 1 for a known vulnerability. Where nothing
answers, it says so in a line that begins with SKIPPED.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from charter.errors import Misconfigured

ROOT = Path(__file__).resolve().parents[2]
LOCK = "requirements/serve.txt"
BILL = Path("dist", "sbom.cdx.json")
BILL_MAKER = ("--from", "cyclonedx-bom==7.5.0", "cyclonedx-py", "requirements")
AUDITOR = ("pip-audit==2.10.1", "--disable-pip", "--require-hashes", "--progress-spinner=off")
SECONDS = 300

Json = Any


class Unanswered(Exception):
    """Nothing that knows of vulnerabilities could be asked."""


def main() -> int:
    """The exit code: 1 for a known vulnerability."""
    uvx = shutil.which("uvx")
    if uvx is None:
        raise Misconfigured("This needs uv: install it (pip install uv) and start again.")
    (ROOT / BILL.parent).mkdir(exist_ok=True)
    made = ask(uvx, *BILL_MAKER, "--of=JSON", "--output-reproducible", f"-o={BILL}", LOCK)
    if made.returncode != 0:
        print(f"SKIPPED the bill of materials: {last_line(made.stderr)}")
        return 0
    components = json.loads((ROOT / BILL).read_text())["components"]
    print(f"{BILL} lists {len(components)} packages of {LOCK}.")
    try:
        packages = audited(uvx)
    except Unanswered as error:
        print(f"SKIPPED the audit of {LOCK}: {error}")
        return 0
    found = list(vulnerabilities(packages))
    print("\n".join(found) or f"No package of {LOCK} is known to be vulnerable.")
    if unknown := [package["name"] for package in packages if "skip_reason" in package]:
        print(f"SKIPPED the audit of {len(unknown)} packages, {unknown[0]} among them.")
    return 1 if found else 0


def audited(uvx: str) -> list[Json]:
    """What is known of each package. Raises Unanswered."""
    done = ask(uvx, *AUDITOR, "--format=json", "-r", LOCK)
    try:
        packages: list[Json] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise Unanswered(last_line(done.stderr)) from None
    if all("skip_reason" in package for package in packages):
        raise Unanswered("no source of vulnerabilities answers.")
    return packages


def vulnerabilities(packages: list[Json]) -> Iterator[str]:
    for package in packages:
        for one in package.get("vulns", []):
            remedy = ", ".join(one["fix_versions"]) or "no version yet"
            name = f"{package['name']} {package['version']}"
            yield f"{name} is vulnerable ({one['id']}); what mends it: {remedy}."


def ask(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {SECONDS} s")


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Misconfigured as error:
        print(error, file=sys.stderr)
        sys.exit(2)
