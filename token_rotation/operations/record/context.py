"""The stored text of a context object's primary key."""

from django.db.models import CompositePrimaryKey, Model


def primary_key_text(context_object: Model) -> str:
    """Return the primary key as text that its field reads.

    It serves keys of any type.

    Raises ValueError for an object that is not saved. Raises TypeError for a composite primary key,
    which Django's generic foreign keys cannot follow.
    """
    key_field = context_object._meta.pk
    if isinstance(key_field, CompositePrimaryKey):
        raise TypeError(
            f"{context_object._meta.label} has a composite primary key and cannot be a context"
        )
    if context_object.pk is None:
        raise ValueError(f"a {context_object._meta.label} must be saved before it can be a context")
    return str(key_field.value_to_string(context_object))
