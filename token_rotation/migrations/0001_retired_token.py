"""A table for the hashes of retired tokens, empty where no project asks for them."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = []

    operations: ClassVar = [
        migrations.CreateModel(
            name="RetiredToken",
            fields=[
                ("hash", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("source", models.TextField()),
                ("retired_at", models.DateTimeField()),
            ],
            options={"verbose_name": "retired token"},
        ),
    ]
