"""The copy of a project in which an upgrade is worked out; the project changes at the very end.

Git does the merge, in a repository that holds three commits: the template of the old version, that
of the new one, and the team's files. So renamed files, modes and binary files are merged as in any
`git merge`.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from charter.errors import Refusal
from charter.project.init import git as git_alone
from charter.project.upgrade.texts import YOURS

ATTRIBUTES = "* -text !filter !ident !merge !working-tree-encoding\n"
"""Files are merged byte for byte, whatever the team's .gitattributes say."""
SETTINGS = (
    "core.autocrlf=false", "core.fileMode=true", "core.symlinks=true",
    "merge.conflictStyle=diff3", "merge.directoryRenames=false", "merge.renames=true",
)  # fmt: skip
IDENTITY = {
    f"GIT_{role}_{name}": value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in (("NAME", "charter"), ("EMAIL", "charter@localhost"))
}
EMPTY: Mapping[str, str] = {}
MARK = b"<<<<<<< "
BASE, OURS, THEIRS = 1, 2, 3
"""The stages of a path that is not merged, as git numbers them."""


def tracked(root: Path) -> list[str]:
    """Paths of the files that git has. Raises Refusal where something is not committed."""
    if shutil.which("git") is None:
        raise Refusal("`charter upgrade` merges with git, which is not installed: install it.")
    status = git_alone(root, "status", "--porcelain", "--", ".", ":(exclude)wheels/*.whl")
    if status.returncode:
        raise Refusal(
            f"{root} is in no git repository, so that nothing could be reviewed or taken back:"
            " `git init`, `git add --all` and `git commit` first."
        )
    if status.stdout:
        first = status.stdout.splitlines()[0][3:]
        raise Refusal(
            f"{first} is not committed: `git commit` or `git stash` first, so that the upgrade is"
            " all that `git diff` shows."
        )
    listed = git_alone(root, "ls-files", "-z").stdout.split("\0")
    return [path for path in listed if (root / path).is_file() or (root / path).is_symlink()]


class Stage:
    """A copy of the team's files, in a git repository of its own."""

    def __init__(self, folder: Path, project: Path, paths: Iterable[str]) -> None:
        self.project = project
        self.repository = folder / "git"
        self.root = folder / "project"
        self.paths = set(paths)
        for path in self.paths:
            copy(project / path, self.root / path)
        self.git("init", "--quiet", within=folder)
        (self.repository / "info").mkdir(exist_ok=True)
        (self.repository / "info" / "attributes").write_text(ATTRIBUTES)
        self.before = self.commit(self.root)

    def merge(self, base: Path, theirs: Path, labels: tuple[str, str]) -> None:
        """The difference of two templates goes into the files here; git marks the conflicts."""
        older = self.commit(base)
        newer = self.commit(theirs, older)
        ours = self.commit(self.root, older)
        self.git("update-ref", "HEAD", ours)
        self.git("reset", "--quiet", "--hard")
        names = {f"GITHEAD_{ours}": YOURS, f"GITHEAD_{newer}": labels[1]}
        self.git("merge-recursive", older, "--", ours, newer, allowed=(0, 1), variables=names)
        for path in self.unmerged():
            self.name_base(path, labels[0])

    def unmerged(self) -> dict[str, set[int]]:
        """The paths with a conflict, and in which of the three they are."""
        found: dict[str, set[int]] = {}
        for line in filter(None, self.git("ls-files", "--unmerged", "-z").split("\0")):
            facts, _, path = line.partition("\t")
            found.setdefault(path, set()).add(int(facts.split(" ")[2]))
        return found

    def name_base(self, path: str, label: str) -> None:
        """What was there before both changes has no name of its own for git."""
        file = self.root / path
        marked = file.read_bytes() if file.is_file() else b""
        if MARK in marked:
            file.write_bytes(re.sub(rb"(?m)^\|{7} .*$", b"||||||| " + label.encode(), marked))

    def changed(self) -> list[str]:
        """Paths of the files that are other than the team's."""
        now = self.commit(self.root)
        names = self.git("diff", "--name-only", "--no-renames", "-z", self.before, now)
        return [path for path in names.split("\0") if path]

    def install(self) -> None:
        """Put what changed into the project; after a failure, the project is as it was.

        Raises Refusal where a file is in the way that git does not know.
        """
        changed = self.changed()
        for path in changed:
            if path not in self.paths and os.path.lexists(self.project / path):
                raise Refusal(f"{path} is in the way, and git ignores it: move it elsewhere.")
        kept = self.root.parent / "kept"
        for path in self.paths.intersection(changed):
            copy(self.project / path, kept / path)
        try:
            exchange(changed, self.root, self.project)
        except BaseException:
            exchange(changed, kept, self.project)
            raise

    def commit(self, folder: Path, *parents: str) -> str:
        """The identity of a commit of everything in a folder."""
        self.git("read-tree", "--empty")
        self.git("--work-tree", str(folder), "add", "--all", "--force", ".", within=folder)
        tree = self.git("write-tree").strip()
        named = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *named, "-m", "charter upgrade").strip()

    def git(
        self,
        *arguments: str,
        within: Path | None = None,
        allowed: tuple[int, ...] = (0,),
        variables: Mapping[str, str] = EMPTY,
    ) -> str:
        """What git says, whatever the settings of the user are. Raises Refusal."""
        outside = {name: os.environ[name] for name in os.environ if not name.startswith("GIT_")}
        ours = {
            "GIT_DIR": str(self.repository),
            "GIT_WORK_TREE": str(self.root),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        done = subprocess.run(
            ["git", *settings, *arguments],
            cwd=within or self.root,
            env={**outside, **ours, **IDENTITY, **variables},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
        if done.returncode not in allowed:
            raise Refusal(f"git {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout


def exchange(paths: Iterable[str], source: Path, target: Path) -> None:
    """Make the target's files those of the source; what the source lacks goes."""
    for path in paths:
        if os.path.lexists(source / path):
            copy(source / path, target / path)
        elif os.path.lexists(target / path):
            (target / path).unlink()
            remove_empty((target / path).parent, target)


def copy(source: Path, target: Path) -> None:
    """With its mode; a link as a link. The target is never half written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.charter")
    try:
        shutil.copy2(source, beside, follow_symlinks=False)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
