"""Without django-htmx the page's URLs say what to install."""

import subprocess
import sys

from tests.support.manage import PROJECT

WITHOUT = """
import sys
sys.modules["django_htmx"] = None
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
django.setup()
import token_rotation.page.access
"""


def test_the_page_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: token_rotation.page needs django-htmx. "
        "Run: pip install 'django-token-rotation[page]'"
    )
