"""Look for lost operations beside other work, as workers and followers do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.db import Error as DatabaseError
from django.db import router

from token_rotation.operations.execution.heartbeat import beating
from token_rotation.operations.failures.alerts import mail
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.watching.resend import Resent, resend

logger = logging.getLogger(__name__)


@contextmanager
def resending(
    tell: Callable[[Resent], None],
    *,
    session: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Iterator[None]:
    """Send lost operations again, in a thread, while inside.

    It looks every OPERATIONS_RESEND_SECONDS. ``tell`` hears of each look, also when it found
    nothing. A look that fails is followed by the next one.
    """

    def look() -> None:
        try:
            tell(resend())
        except DatabaseError:
            raise  # the heartbeat connects again
        except Exception:  # whatever it is, a later look may succeed
            logger.exception("lost operations were not looked for")

    with beating(
        look,
        interval_seconds=option("OPERATIONS_RESEND_SECONDS"),
        database=router.db_for_write(BatchOperation),
        session=session,
    ):
        yield


class Reporter:
    """Log and mail what was sent again; a broker that stays away is told once."""

    def __init__(self) -> None:
        self._told: list[str] = []

    def __call__(self, resent: Resent) -> None:
        lines = resent.said
        if lines and lines != self._told:
            text = "\n".join(["sent again:", *lines])
            logger.error("operations need a look: %s", text)
            mail("operations need a look", text)
        self._told = lines
