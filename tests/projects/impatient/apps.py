from dataclasses import replace

from django.apps import AppConfig

from token_rotation.postgres.silence.bounds import SilenceBounds


class ImpatientConfig(AppConfig):
    name = "tests.projects.impatient"

    def ready(self) -> None:
        from token_rotation.engine import worker  # noqa: PLC0415
        from token_rotation.postgres import look_connection  # noqa: PLC0415
        from token_rotation.postgres.silence import bounds  # noqa: PLC0415

        bounds.USUAL = worker.USUAL = replace(_shortened(bounds.USUAL), lifeless_seconds=1.0)
        look_connection.LONG_WORK = _shortened(look_connection.LONG_WORK)


def _shortened(bounds: SilenceBounds) -> SilenceBounds:
    return replace(
        bounds,
        ask_after_seconds=0.5,
        ask_every_seconds=0.2,
        answer_seconds=1.0,
        unanswered_seconds=2.0,
    )
