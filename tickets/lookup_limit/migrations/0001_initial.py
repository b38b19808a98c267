from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="FailureCount",
            fields=[
                ("key", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("failures", models.PositiveIntegerField()),
                ("expires_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            'ALTER TABLE "lookup_limit_failurecount" SET UNLOGGED',
            'ALTER TABLE "lookup_limit_failurecount" SET LOGGED',
        ),
    ]
