"""The names of sessions.

They tell sessions of workers and rotations from those of people who wait for an answer.
"""

from django.db import connections

APPLICATION_NAME = "batch worker"


def name_sessions(name: str = APPLICATION_NAME) -> None:
    """Name every PostgreSQL connection that this process opens.

    It holds from now on.

    As a start-up option: a SET would stay behind in a session that a pooler gives to others.
    """
    for alias in connections:
        if connections[alias].vendor == "postgresql":
            connections[alias].settings_dict["OPTIONS"]["application_name"] = name
