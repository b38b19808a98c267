"""The settings of a site that keeps retired tokens, with short bounds of silence."""

from tests.projects.retired_tokens.settings import *  # noqa: F403
from tests.projects.retired_tokens.settings import INSTALLED_APPS as APPS

INSTALLED_APPS = [*APPS, "tests.projects.impatient"]
