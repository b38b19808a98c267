"""Who and where this process is, for operations that no user of the site started."""

import os
import pwd
import socket


def os_user() -> str:
    """The account that this process runs as, or its number where it has no name.

    Asked of the system: USER and LOGNAME are whatever the caller's environment says.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def host() -> str:
    """The name of this machine."""
    return socket.gethostname()
