"""Apps that are installed in the tests' own process for as long as a test needs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.test.utils import override_settings


@contextmanager
def installed_apps(*names: str, **others: Any) -> Iterator[None]:
    """With these apps beside the site's, and these other settings.

    What their admin modules register is forgotten with them: else every page of the admin fails
    in the tests that come after, for it asks for an app that is no longer installed.
    """
    registered = dict(admin.site._registry)
    try:
        with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, *names], **others):
            yield
    finally:
        admin.site._registry.clear()
        admin.site._registry.update(registered)
