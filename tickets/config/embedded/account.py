"""The operating-system account that a server runs as.

PostgreSQL refuses to run as root.
"""

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ACCOUNTS_FOR_ROOT = ("postgres", "nobody")


def owner_name(path: Path) -> str:
    """Return the name of the account that owns `path`.

    Return its number if it has no name.
    """
    uid = path.lstat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@dataclass
class ServerAccount:
    """The account that runs the server.

    ``other`` is None if it is this process's own.
    """

    other: pwd.struct_passwd | None
    groups: set[int] = field(default_factory=set)

    @classmethod
    def for_this_process(cls) -> "ServerAccount":
        """Return this process's account; for root, one without rights.

        The one without rights exists already.
        """
        if os.geteuid() != 0:
            return cls(None)
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in _ACCOUNTS_FOR_ROOT:
            if name in known:
                return cls(known[name])
        return cls(None)  # initdb then says that it does not run as root

    def process_options(self) -> dict[str, Any]:
        """Return subprocess's options to start programs as this account."""
        # The server and its tools would obey PGPORT, PGOPTIONS, PGDATA and their like.
        env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        env["LC_ALL"] = "C"
        if self.other is None:
            return {"env": env}
        return {
            "env": {**env, "HOME": "/"},
            "user": self.other.pw_uid,
            "group": self.other.pw_gid,
            "extra_groups": sorted(self.groups),
        }

    def own(self, path: Path) -> None:
        """Give `path` to the account."""
        if self.other is not None:
            os.chown(path, self.other.pw_uid, self.other.pw_gid, follow_symlinks=False)

    def is_trusted(self, directory: Path) -> bool:
        """Return True if a trusted account owns a real directory.

        Trusted are this process's account and the server's.
        """
        status = directory.lstat()
        owners = {os.geteuid()} | ({self.other.pw_uid} if self.other else set())
        return stat.S_ISDIR(status.st_mode) and status.st_uid in owners

    def allow_search(self, path: Path) -> None:
        """Let the account, and nobody else, reach ``path``.

        The way leads through the directories above it. If a directory such as /root is closed to
        others, its own group gets the right to pass through it (not to list it). The server's
        process joins that group.
        """
        if self.other is None:
            return
        for directory in path.resolve().parents:
            status = directory.stat()
            if status.st_uid == self.other.pw_uid or status.st_mode & stat.S_IXOTH:
                continue
            self.groups.add(status.st_gid)
            if not status.st_mode & stat.S_IXGRP:
                directory.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXGRP)

    def allow_use(self, program: Path, trees: Iterable[Path]) -> None:
        """Let the account run ``program``.

        It may also read the files installed with it in ``trees``. Needed only after an installation
        with a strict umask. It uses the files' group, as ``allow_search`` does.
        """
        self.allow_search(program)
        status = program.stat()
        if self.other is None or status.st_mode & stat.S_IROTH:
            return
        self.groups.add(status.st_gid)
        if status.st_mode & stat.S_IRGRP:
            return
        inside = (path for tree in trees for path in (tree, *tree.rglob("*")) if tree.is_dir())
        for path in inside:
            if not path.is_symlink():
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | (mode & (stat.S_IRUSR | stat.S_IXUSR)) >> 3)
