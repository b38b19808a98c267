"""What people write themselves, since makemigrations never does."""

from django.db import migrations, models

from token_rotation.schema import CreateModelPolitely, EnsureRotated


class Migration(migrations.Migration):
    dependencies = [
        ("shop", "0026_remove_key_keep_retired_secret"),
    ]

    operations = [
        EnsureRotated("shop.Link"),
        EnsureRotated("shop.Key", "secret_rotated_at"),
        EnsureRotated("django_rest_passwordreset.ResetPasswordToken", column="key_rotated_at"),
        CreateModelPolitely(
            name="Visit",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("link", models.ForeignKey("shop.Link", on_delete=models.CASCADE)),
            ],
        ),
    ]
