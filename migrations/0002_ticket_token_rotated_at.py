"""Every row that exists gets no marker: it may be leaked. A default would mark them all as safe."""

from django.db import migrations, models

from token_rotation.schema import AddFieldPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]

    operations = [
        AddFieldPolitely(
            model_name="ticket",
            name="token_rotated_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
