"""What the application of one release does all day, until its stdin ends.

Usage: python traffic.py ROWS. It loads every fifth of them once and says "loaded". In each round it
saves them all, stale as they are, with the ORM and with the SQL of old code. It creates, rotates,
changes and deletes rows of its own, and fails unless each is as its caller believes.
"""

import select
import sys
import uuid
from typing import Any

import django
from django.db import connection

django.setup()

from shop.models import Key, Link, Round  # noqa: E402

import token_rotation  # noqa: E402  (Django must be set up first)
from token_rotation import rotate_rows  # noqa: E402

STALE = 5
OLD_CODE = "UPDATE {0} SET owner = %s, {1} = %s, {1}_rotated_at = %s WHERE id = %s"


def save_stale(rows: list[Any], token: str, number: int) -> None:
    for row in rows:
        row.owner = f"{token_rotation.__version__} {number}"
        row.save()
        with connection.cursor() as cursor:
            cursor.execute(
                OLD_CODE.format(row._meta.db_table, token), [row.owner, *row.as_loaded, row.pk]
            )


def use_own(model: Any, token: str, other: Any) -> None:
    """Fail unless each token that the application is given opens its row, and no other does."""
    row = model.objects.create(owner="new")
    tokens = [getattr(row, token)]
    assert model.objects.filter(pk=row.pk).update(owner="own") == 1
    assert rotate_rows(model.objects.filter(pk=row.pk)) == 1
    row.refresh_from_db()
    tokens.append(getattr(row, token))
    setattr(row, token, other)
    row.save()
    tokens.append(getattr(row, token))
    assert len({*tokens, other}) == 4
    assert not model.objects.filter(**{f"{token}__in": [*tokens[:2], other]}).exists()
    assert model.objects.get(**{token: tokens[2]}).pk == row.pk
    row.delete()


def main() -> None:
    ids = range(1, int(sys.argv[1]) + 1, STALE)
    links, keys = (list(model.objects.filter(pk__in=ids)) for model in (Link, Key))
    for rows, token in ((links, "token"), (keys, "secret")):
        for row in rows:
            row.as_loaded = str(getattr(row, token)), getattr(row, f"{token}_rotated_at")
    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    number = 0
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        save_stale(links, "token", number)
        save_stale(keys, "secret", number)
        use_own(Link, "token", uuid.uuid4())
        use_own(Key, "secret", f"tk_{uuid.uuid4().hex}")
        Round.objects.create(version=token_rotation.__version__)
        number += 1


if __name__ == "__main__":
    main()
