"""The ``makemigrations`` of another package, which ours would hide."""

from __future__ import annotations

from importlib import import_module
from itertools import dropwhile
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import find_commands
from django.core.management.commands import makemigrations


def hidden_command() -> Any:
    """Return the class that Django would take without ours: the next app's, or its own.

    Django takes that of the first of INSTALLED_APPS that has one.
    """
    configs = dropwhile(lambda each: each.name != "token_rotation", apps.get_app_configs())
    for config in list(configs)[1:]:
        if "makemigrations" in find_commands(f"{Path(config.path) / 'management'}"):
            module = import_module(f"{config.name}.management.commands.makemigrations")
            return module.Command
    return makemigrations.Command
