"""The account and host of this process, for operations that no user started."""

import os
import pwd
import socket


def os_user() -> str:
    """The account that this process runs as, or its number where it has no name.

    The system knows; USER and LOGNAME are only what the environment says.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()
