"""Whose requester is to be told, built beside the traffic."""

from django.db import migrations, models

from token_rotation.schema import AddIndexConcurrentlyPolitely


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY runs in no transaction

    dependencies = [("tickets", "0018_ticket_requester")]

    operations = [
        AddIndexConcurrentlyPolitely(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(
                    ("token_rotated_at__isnull", False),
                    models.Q(
                        ("token_notified_at__isnull", True),
                        ("token_notified_at__lt", models.F("token_rotated_at")),
                        ("token_notified_at__gt", models.F("token_rotated_at")),
                        _connector="OR",
                    ),
                    models.Q(
                        ("token_notice_refused_at__isnull", True),
                        ("token_notice_refused_at__lt", models.F("token_rotated_at")),
                        ("token_notice_refused_at__gt", models.F("token_rotated_at")),
                        _connector="OR",
                    ),
                    ("requester_email__isnull", False),
                ),
                fields=["id"],
                name="tickets_ticket_untold",
            ),
        ),
    ]
