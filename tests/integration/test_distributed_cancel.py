"""--stop reaches every distributed rotation, also behind one that cannot be ended."""

import pytest

from token_rotation.distributed.cancel import cancel_stopped
from token_rotation.errors import UnknownTargetError
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_rotation_of_a_model_that_is_gone_does_not_keep_others_from_their_end() -> None:
    gone, sound = (
        BatchOperation.objects.create_synchronous(
            "rotation", input_data={"model": model, "database": "default", "distributed": True}
        )
        for model in ("gone.Model", "tickets.Ticket")
    )
    BatchOperation.objects.all().request_stop()

    with pytest.raises(UnknownTargetError, match=r"gone\.Model"):
        cancel_stopped("default")

    for operation, status in ((gone, "running"), (sound, "finished")):
        operation.refresh_from_db()
        assert operation.status == status
