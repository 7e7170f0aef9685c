"""What an engine on a bare machine needs, made of Debian's packages and kept for the next time.

Such a machine often reaches a mirror of Debian but no registry of images.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.container.programs import EngineUnavailable, run

SUITE = "trixie"
"""The Debian that the official images of Python and PostgreSQL are made of."""

POSTGRES_ENTRYPOINT = Path(__file__).with_name("initialise-postgres.sh")

LEFT_OUT = ("/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*")


@dataclass(frozen=True)
class BaseImage:
    """What stands in for an official image."""

    tag: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...]
    """Of mmdebstrap, run when everything is installed; $1 is the root of the image."""
    changes: tuple[str, ...]
    """Instructions of a Dockerfile."""


BASE_IMAGES = (
    BaseImage(
        tag="python:3.13-slim",
        packages=("ca-certificates", "python3", "python3-pip", "python3-venv"),
        hooks=('ln -s /usr/bin/python3 "$1/usr/local/bin/python"',),
        changes=("CMD python",),
    ),
    BaseImage(
        tag="postgres:17",
        packages=("postgresql-17",),
        hooks=(
            f"copy-in {POSTGRES_ENTRYPOINT} /usr/local/bin",
            # the compiler of queries: a third of the image
            'rm "$1"/usr/lib/*/libLLVM* "$1/usr/lib/postgresql/17/lib/llvmjit.so"',
        ),
        changes=(
            f'ENTRYPOINT ["{POSTGRES_ENTRYPOINT.name}"]',
            "ENV PATH=/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/bin",
            "VOLUME /var/lib/postgresql/data",
            "EXPOSE 5432",
        ),
    ),
)


def make_image(image: BaseImage, directory: Path) -> Path:
    """The archive of its files. Raises EngineUnavailable."""
    name = image.tag.replace(":", "-")
    archive = directory / f"{name}-{recipe()}.tar"
    if not archive.exists():
        for outdated in directory.glob(f"*{name}-*.tar"):
            outdated.unlink()
        unfinished = archive.with_name(f"new-{archive.name}")
        hooks = [f"--customize-hook={hook}" for hook in image.hooks]
        run(*bootstrap("minbase", *image.packages), *hooks, SUITE, str(unfinished), mirror())
        unfinished.rename(archive)
    return archive


def fetch_compose(plugin: Path) -> None:
    """Compose v2, which Debian has since SUITE; it runs on an earlier one as well.

    Raises EngineUnavailable.
    """
    if not plugin.exists():
        plugin.parent.mkdir(parents=True, exist_ok=True)
        unfinished = plugin.with_name("new")
        hook = f'--extract-hook=cp "$1/usr/libexec/docker/cli-plugins/docker-compose" {unfinished}'
        run(*bootstrap("extract", "docker-compose"), hook, SUITE, "/dev/null", mirror())
        unfinished.rename(plugin)


def bootstrap(variant: str, *packages: str) -> list[str]:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    options = [f"--variant={variant}", "--dpkgopt=force-unsafe-io", *excluded]
    return ["mmdebstrap", "--quiet", *options, f"--include={','.join(packages)}"]


def recipe() -> str:
    """Names archives by what they are made of, so that a change of it makes new ones."""
    sources = Path(__file__).read_bytes() + POSTGRES_ENTRYPOINT.read_bytes()
    return hashlib.sha256(sources).hexdigest()[:12]


@cache
def mirror() -> str:
    """The mirror of Debian that this machine uses."""
    indexes = run("apt-get", "indextargets", "--format=$(LABEL) $(REPO_URI)")
    for line in indexes.splitlines():
        if line.startswith("Debian "):
            return line.split()[1]
    raise EngineUnavailable("apt knows no mirror of Debian: run `apt-get update`")
