"""Commands of manage.py one after another: ``python -m tests.command_series``.

Each runs in a process of its own, forked from this one when all is imported: that is most of what a
short command does. Reads a JSON list of their words from stdin and prints one of [exit code,
stdout, stderr].
"""

import json
import os
import runpy
import sys
import traceback
from tempfile import TemporaryFile

import django
from django.core.management import get_commands, load_command_class

from tests.manage import PROJECT


def main() -> None:
    commands = json.load(sys.stdin)
    django.setup()
    for name in {words[0] for words in commands}:
        load_command_class(get_commands()[name], name)
    json.dump([ended(words) for words in commands], sys.stdout)


def ended(words: list[str]) -> tuple[int, str, str]:
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), sys.stdout.fileno())
            os.dup2(err.fileno(), sys.stderr.fileno())
            os._exit(code_of(words))  # Python's own end would take all apart first
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read(), err.read()


def code_of(words: list[str]) -> int:
    """Run the command, all of whose output is written then."""
    sys.argv = ["manage.py", *words]
    try:
        runpy.run_path(str(PROJECT / "manage.py"), run_name="__main__")
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:  # noqa: BLE001  (a test shows it)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 1


if __name__ == "__main__":
    main()
