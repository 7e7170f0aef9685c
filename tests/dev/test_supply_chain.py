"""What `python -m dev.supply_chain` makes of an audit."""

import re

from dev.supply_chain import vulnerabilities
from tests.data import ROOT

AUDIT = [
    {"name": "sound", "version": "1.0", "vulns": []},
    {"name": "unknown", "skip_reason": "Dependency not found on PyPI"},
    {
        "name": "leaky",
        "version": "2.0",
        "vulns": [
            {"id": "CVE-2026-1", "fix_versions": ["2.0.1", "3.0"], "aliases": []},
            {"id": "CVE-2026-2", "fix_versions": [], "aliases": []},
        ],
    },
]


def test_a_vulnerability_names_the_package_and_the_remedy() -> None:
    assert list(vulnerabilities(AUDIT)) == [
        "leaky 2.0 is vulnerable (CVE-2026-1); what mends it: 2.0.1, 3.0.",
        "leaky 2.0 is vulnerable (CVE-2026-2); what mends it: no version yet.",
    ]


def test_every_package_of_an_image_is_pinned_with_its_hashes() -> None:
    for name in ("runtime.txt", "serve.txt", "dev.txt"):
        lines = (ROOT / "requirements" / name).read_text().replace("\\\n", " ").splitlines()
        packages = [line for line in lines if line and not line.startswith("#")]

        assert packages
        for package in packages:
            assert re.match(
                r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", package
            )
