"""A job with a cursor that saves one object after the other, as projects write them."""

import uuid

from django.db.models import QuerySet
from django.db.models.functions import Now

from benchmark.recipes.unguarded_ticket import UnguardedTicket
from token_rotation.jobs import Job, register, run_job
from token_rotation.postgres.sessions import name_sessions
from token_rotation.stop import StopSignal


@register
class SaveTokens(Job):
    def collection(self) -> QuerySet[UnguardedTicket]:
        return UnguardedTicket.objects.filter(token_rotated_at=None)

    def process(self, item: UnguardedTicket) -> None:
        item.token = uuid.uuid4()
        item.token_rotated_at = Now()
        item.save()


def rotate(traffic_budget_ms: str) -> int:
    name_sessions()
    SaveTokens.traffic_budget_ms = float(traffic_budget_ms)
    return run_job("SaveTokens", stop=StopSignal()).state.done
