"""Settings whose local times may be two moments."""

import pytest
from django.conf import LazySettings
from django.utils import timezone

from token_rotation.checks.models import check_models
from token_rotation.inspection.time_zone import time_zone_problem, zone_that_repeats_hours


@pytest.mark.parametrize(
    ("use_tz", "zone", "repeats"),
    [
        (True, "Europe/Berlin", False),
        (False, "Europe/Berlin", True),
        (False, "America/New_York", True),
        (False, "Australia/Lord_Howe", True),
        (False, "Africa/Casablanca", True),
        (False, "UTC", False),
        (False, "Etc/GMT-3", False),
        (False, "Asia/Tokyo", False),
    ],
)
def test_local_times_are_refused_where_the_clocks_change(
    settings: LazySettings,
    use_tz: bool,  # noqa: FBT001
    zone: str,
    repeats: bool,  # noqa: FBT001
) -> None:
    settings.USE_TZ, settings.TIME_ZONE = use_tz, zone
    timezone.get_default_timezone.cache_clear()
    assert zone_that_repeats_hours() == (zone if repeats else None)
    problem = time_zone_problem()
    assert (problem is not None and problem.code) == (repeats and "token_rotation.E040")
    found = [message.id for message in check_models()]
    assert ("token_rotation.E040" in found) == repeats
