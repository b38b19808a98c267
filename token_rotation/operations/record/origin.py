"""The account and host of this process.

They are recorded for operations that no user started.
"""

import os
import pwd
import socket


def os_user() -> str:
    """Return the account that this process runs as.

    An account without a name gives its number. The system knows it; USER and LOGNAME are only what
    the environment says.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def host() -> str:
    """Return the name of this machine."""
    return socket.gethostname()
