"""A model for each way in which an application may hold a token."""

import uuid
from typing import Any, ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models

from token_rotation import (
    Column,
    PendingIndex,
    RotatedAtField,
    guard,
    hexadecimal,
    keep_retired,
    token_default,
)
from token_rotation.models import RotatesToken

CODE = hexadecimal(40)


def make_key() -> str:
    """What a package makes by itself, as most do."""
    return uuid.uuid4().hex


class Device(RotatesToken):
    """Its secret may be absent: not issued yet, or taken away."""

    name = models.CharField(max_length=40, unique=True)
    secret = models.CharField(  # noqa: DJ001
        max_length=CODE.length, null=True, blank=True, db_default=token_default(CODE)
    )
    secret_rotated_at = RotatedAtField()

    class Meta:
        indexes: ClassVar = [PendingIndex("secret_rotated_at")]
        triggers: ClassVar = guard("secret", "secret_rotated_at", CODE)


class Camera(Device):
    """A child with a table and a token of its own; the secret is in its parent's."""

    lens = models.CharField(max_length=40)
    pin = models.UUIDField(unique=True, db_default=RandomUUID())
    pin_rotated_at = RotatedAtField()

    class Meta:
        indexes: ClassVar = [PendingIndex("pin_rotated_at")]
        triggers: ClassVar = guard("pin", "pin_rotated_at")


class Kept(models.Manager["Draft"]):
    def get_queryset(self) -> Any:
        return super().get_queryset().filter(gone=False)


class Draft(models.Model):  # noqa: DJ008
    """A row that its manager hides once it is gone; columns hold another token and a sum."""

    gone = models.BooleanField(default=False)
    spare = models.UUIDField(default=uuid.uuid4)
    mark = models.CharField(max_length=32, default="")
    code = models.UUIDField(unique=True, db_default=RandomUUID())
    code_rotated_at = RotatedAtField()

    objects = Kept()
    everything = models.Manager()  # noqa: DJ012

    class Meta:
        base_manager_name = "objects"
        indexes: ClassVar = [PendingIndex("code_rotated_at")]
        triggers: ClassVar = guard(
            "code", "code_rotated_at", derived={"mark": "md5({token}::text)"}
        )


class OldDevice(Device):
    """A proxy with a method of the application's own."""

    class Meta:
        proxy = True

    def regenerate(self) -> None:
        self.secret = make_key()
        self.save(update_fields=["secret"])


class Pair(models.Model):  # noqa: DJ008
    """Two tokens in one row."""

    first = models.UUIDField(unique=True, db_default=RandomUUID())
    first_rotated_at = RotatedAtField()
    second = models.UUIDField(unique=True, db_default=RandomUUID())
    second_rotated_at = RotatedAtField()

    class Meta:
        indexes: ClassVar = [PendingIndex("first_rotated_at"), PendingIndex("second_rotated_at")]
        triggers: ClassVar = [
            *guard("first", "first_rotated_at"),
            *guard("second", "second_rotated_at"),
        ]


class ApiKey(models.Model):  # noqa: DJ008
    """Another package's model: it knows no marker and makes keys in Python."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    key = models.CharField(max_length=CODE.length, unique=True, default=make_key)
    agent = models.CharField(max_length=40, default="")


class GuardedApiKey(ApiKey):  # noqa: DJ008
    """The adopter's proxy, which guards the package's model."""

    class Meta:
        proxy = True
        triggers: ClassVar = guard("key", Column("key_rotated_at"), CODE)


class Link(models.Model):  # noqa: DJ008
    """The application chooses the token."""

    name = models.CharField(max_length=40, default="")
    slug = models.CharField(max_length=CODE.length, unique=True, db_default=token_default(CODE))
    slug_rotated_at = RotatedAtField()

    class Meta:
        indexes: ClassVar = [PendingIndex("slug_rotated_at")]
        triggers: ClassVar = [
            *guard("slug", "slug_rotated_at", CODE, accept="sent"),
            *keep_retired("slug", "slug_rotated_at"),
        ]


class Alias(models.Model):  # noqa: DJ008
    """The application chooses the token, and several rows may have the same."""

    slug = models.CharField(max_length=CODE.length, db_default=token_default(CODE))
    slug_rotated_at = RotatedAtField()

    class Meta:
        indexes: ClassVar = [PendingIndex("slug_rotated_at")]
        triggers: ClassVar = [
            *guard("slug", "slug_rotated_at", CODE, accept="sent"),
            *keep_retired("slug", "slug_rotated_at"),
        ]


class NamedLink(Link):  # noqa: DJ008
    """A child whose token is in its parent's table."""

    title = models.CharField(max_length=40, default="")


class OldLink(NamedLink):  # noqa: DJ008
    class Meta:
        proxy = True


class SpelledField(models.UUIDField):  # type: ignore[type-arg]
    """A field that sends its values as text, of which PostgreSQL must find the type."""

    def get_db_prep_value(self, value: Any, *_: Any, **__: Any) -> Any:
        return None if value is None else str(value)


class Spelled(models.Model):  # noqa: DJ008
    code = SpelledField(unique=True, db_default=RandomUUID())
    code_rotated_at = RotatedAtField()

    class Meta:
        indexes: ClassVar = [PendingIndex("code_rotated_at")]
        triggers: ClassVar = guard("code", "code_rotated_at")


class LoudField(models.CharField):  # type: ignore[type-arg]
    """A field whose values go through a data descriptor of its own."""

    class Attribute:
        def __init__(self, field: Any) -> None:
            self.field = field

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            if self.field.attname not in instance.__dict__:
                instance.refresh_from_db(fields=[self.field.attname])
            return instance.__dict__[self.field.attname]

        def __set__(self, instance: Any, value: Any) -> None:
            instance.__dict__[self.field.attname] = value.lower() if value else value

    descriptor_class = Attribute


class Loud(models.Model):  # noqa: DJ008
    code = LoudField(max_length=CODE.length, db_default=token_default(CODE), unique=True)
    code_rotated_at = RotatedAtField()

    class Meta:
        indexes: ClassVar = [PendingIndex("code_rotated_at")]
        triggers: ClassVar = guard("code", "code_rotated_at", CODE)
