"""Conditions and function bodies of the guard's triggers, in SQL.

They carry out ``truth_table``. Migrations hold their texts, so a changed text is another migration
for every project.
"""

from __future__ import annotations

from collections.abc import Mapping

from token_rotation.triggers.columns import GuardedColumns
from token_rotation.triggers.moved import forget_move, is_moved
from token_rotation.triggers.retired_sql import is_retired, refuse_meanwhile_retired
from token_rotation.triggers.truth_table.words import Accept, Said

WISH = "token_rotation.wish"
IS_IGNORED = (
    "TG_NAME::text = ANY (string_to_array("
    "btrim(current_setting('pgtrigger.ignore', true), '{}'), ','))"
)
"""The switch of ``pgtrigger.ignore``, which holds the names of triggers."""

HAS_OLD_SNAPSHOT = (
    "current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted')"
)
"""True if a later query of the transaction does not see what was committed meanwhile."""

WRITTEN = "written"
"""The variable for the row as it was sent, where columns are computed from the token."""

Derived = Mapping[str, str]
"""SQL of each column that is computed from the token, by the column's quoted name."""


def insert_body(
    columns: GuardedColumns, fresh_token: str, accept: Accept, derived: Derived, *, moves: bool
) -> str:
    """Body of the BEFORE INSERT trigger."""
    new, marker = f"NEW.{columns.token}", f"NEW.{columns.marker}"
    branches = {IS_IGNORED: f"IF {columns.present('NEW')} THEN {marker} := NULL; END IF;"}
    if moves:
        branches[is_moved(columns)] = forget_move(columns)
    allowed_absent = columns.allowed_absent("NEW")
    if allowed_absent is not None:
        branches[allowed_absent] = f"{marker} := clock_timestamp();"
    if accept is Accept.SENT:
        refuse = f"{_refuse_retired(columns)}{_refuse_held(columns)}"
        branches[columns.present("NEW")] = f"{refuse} {marker} := clock_timestamp();"
    otherwise = f"{new} := {fresh_token}; {marker} := clock_timestamp();"
    return f"{_cases(branches, otherwise)}{_compute(columns, derived)} RETURN NEW;"


def sent_condition(columns: GuardedColumns) -> str:
    """Condition of the AFTER INSERT trigger: no row that came in by the ignored trigger."""
    return f"(NEW.{columns.marker} IS NOT NULL)"


def sent_body(columns: GuardedColumns) -> str:
    """Body of the AFTER INSERT trigger.

    It looks once more, since the INSERT may have waited while another transaction retired the
    token, or have an older snapshot.
    """
    return f"{refuse_meanwhile_retired(columns)} RETURN NULL;"


def update_condition(columns: GuardedColumns, derived: Derived) -> str:
    """Condition of the BEFORE UPDATE trigger.

    Nearly the whole decision is here, so a write that may pass calls no function.
    """
    new, old = (f"{row}.{columns.marker}" for row in ("NEW", "OLD"))
    claims = f"NOT ({columns.differs}) AND {new} IS NOT NULL AND {new} IS DISTINCT FROM {old}"
    changes = columns.differs
    if not derived:
        no_wish = f"coalesce(current_setting('{WISH}', true), '') = ''"
        passes = f"{columns.present('NEW')} AND {_is_rotation(columns)} AND {no_wish}"
        changes = f"({changes}) AND NOT ({passes})"
    terms = [claims, changes]
    terms += [f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in derived]
    return f"({' OR '.join(f'({term})' for term in terms)})"


def update_body(columns: GuardedColumns, fresh_token: str, accept: Accept, derived: Derived) -> str:
    """Body of the BEFORE UPDATE trigger."""
    marker = f"NEW.{columns.marker}"
    old_marker = f"OLD.{columns.marker}"
    clock = f"{marker} := {_later(old_marker)};"
    branches = {
        f"NOT ({columns.differs})": _same_token(columns, derived),
        columns.absent("NEW"): clock,
        is_wish(columns): f"{_consume_wish(columns)} {_wish(columns, fresh_token, accept, clock)}",
        _is_rotation(columns): "NULL;",
    }
    if columns.may_be_absent:
        branches[columns.absent("OLD")] = _issued(columns, fresh_token, accept, clock)
    branches[f"{old_marker} IS NULL"] = f"{marker} := NULL; {warning(Said.STAYS_PENDING)}"
    otherwise = f"{as_stored(columns)} {warning(Said.TOKEN_KEPT)}"
    return f"{_cases(branches, otherwise)}{_compute(columns, derived)} RETURN NEW;"


def is_wish(columns: GuardedColumns) -> str:
    """SQL that is true if the setting holds a wish for this row and this token.

    It may hold several: a row may have several tokens.
    """
    return f"strpos(coalesce(current_setting('{WISH}', true), ''), {_wish_digest(columns)}) > 0"


def as_stored(columns: GuardedColumns) -> str:
    """Statements that keep the stored token and marker."""
    return " ".join(f"NEW.{each} := OLD.{each};" for each in (columns.token, columns.marker))


def warning(said: Said) -> str:
    """A statement that tells the client."""
    return f"RAISE WARNING USING MESSAGE = TG_TABLE_NAME || ': {said}';"


def _same_token(columns: GuardedColumns, derived: Derived) -> str:
    new, old = (f"{row}.{columns.marker}" for row in ("NEW", "OLD"))
    moved = f"{new} IS NOT NULL AND {new} IS DISTINCT FROM {old}"
    keep = f"IF {moved} THEN {new} := {old}; {warning(Said.MARKER_KEPT)} END IF;"
    if not derived:
        return keep
    other = " OR ".join(f"NEW.{each} IS DISTINCT FROM {WRITTEN}.{each}" for each in derived)
    compute = _compute(columns, derived)
    return f"{keep} {WRITTEN} := NEW;{compute} IF {other} THEN {warning(Said.DERIVED_KEPT)} END IF;"


def _wish(columns: GuardedColumns, fresh_token: str, accept: Accept, clock: str) -> str:
    if accept is Accept.FRESH:
        return f"NEW.{columns.token} := {fresh_token}; {clock}"
    return f"{_refuse_retired(columns)}{_refuse_held(columns)} {clock}"


def _refuse_retired(columns: GuardedColumns) -> str:
    refusal = _error(Said.RETIRED_REFUSED, "check_violation")
    return f"IF {is_retired('NEW', columns)} THEN {refusal} END IF;"


def _refuse_held(columns: GuardedColumns) -> str:
    """Statements that fail if another row is pending with this token; "" if an index does it.

    They look in an index of the token or, if there is none, through the index of pending rows. An
    old snapshot may not show such a row, so the write fails then, too.
    """
    if columns.is_unique:
        return ""
    terms = [
        f"stored.{columns.token} = NEW.{columns.token}",
        f"stored.{columns.marker} IS NULL",
        f"stored.{columns.key} IS DISTINCT FROM NEW.{columns.key}",
    ]
    if columns.as_text == "":
        terms.append(f"stored.{columns.token} <> ''")  # as the condition of the pending index
    held = f"EXISTS (SELECT FROM {columns.table} AS stored WHERE {' AND '.join(terms)})"
    refuse = f"IF {held} THEN {_error(Said.HELD_REFUSED, 'check_violation')} END IF;"
    unsure = _error(Said.MAY_BE_HELD, "feature_not_supported")
    return f" {refuse} IF {HAS_OLD_SNAPSHOT} THEN {unsure} END IF;"


def _issued(columns: GuardedColumns, fresh_token: str, accept: Accept, clock: str) -> str:
    new, old = (f"{row}.{columns.marker}" for row in ("NEW", "OLD"))
    in_the_past = f"{new} <= clock_timestamp() AND {new} > '-infinity'"
    may = f"{new} IS NOT DISTINCT FROM {old} OR ({old} IS NULL AND {in_the_past})"
    stays = f"{as_stored(columns)} {warning(Said.STAYS_ABSENT)}"
    issue = f"{_refuse_held(columns)} {clock}".lstrip()
    if accept is Accept.FRESH:
        fresh = f"NEW.{columns.token} := {fresh_token};"
        issue = f"{fresh} {clock} {warning(Said.OTHER_TOKEN)}"
    return f"IF {may} THEN {issue} ELSE {stays} END IF;"


def _is_rotation(columns: GuardedColumns) -> str:
    """SQL that is true if the marker says that this statement issued the token, never NULL.

    Another time proves nothing. A stale save may carry one that its transaction loaded, of a row
    that was asked to be rotated once more, or one of a clock that ran fast. In a procedure that
    commits, only the transaction's time moves on.
    """
    new, old = (f"{row}.{columns.marker}" for row in ("NEW", "OLD"))
    began = "greatest(now(), statement_timestamp())"
    later = f"{new} BETWEEN {began} AND clock_timestamp() AND {new} > coalesce({old}, '-infinity')"
    if columns.may_be_absent:
        later += f" AND ({columns.present('OLD')} OR {old} IS NOT NULL)"
    return f"coalesce({later}, false)"


def _later(marker: str) -> str:
    """SQL of the clock's time, or a moment after a marker that is not in the future."""
    after = f"CASE WHEN {marker} <= clock_timestamp() THEN {marker} + interval '1 microsecond' END"
    return f"greatest(clock_timestamp(), {after})"


def _compute(columns: GuardedColumns, derived: Derived) -> str:
    if not derived:
        return ""
    new = f"NEW.{columns.token}"
    computed = (f"NEW.{each} := {sql.replace('{token}', new)};" for each, sql in derived.items())
    return f" IF {columns.present('NEW')} THEN {' '.join(computed)} END IF;"


def _wish_digest(columns: GuardedColumns) -> str:
    # Django hashes the key that the row still has.
    row = "OLD" if columns.key == columns.token else "NEW"
    asked = f"{row}.{columns.key}::text || ' ' || NEW.{columns.token}::text"
    return f"encode(sha256(convert_to({asked}, 'UTF8')), 'hex')"


def _consume_wish(columns: GuardedColumns) -> str:
    rest = f"replace(current_setting('{WISH}', true), {_wish_digest(columns)}, '')"
    return f"PERFORM set_config('{WISH}', {rest}, true);"


def _cases(branches: Mapping[str, str], otherwise: str) -> str:
    first, *others = branches.items()
    texts = [f"IF {first[0]} THEN {first[1]}"]
    texts += [f"ELSIF {condition} THEN {statements}" for condition, statements in others]
    return f"{' '.join(texts)} ELSE {otherwise} END IF;"


def _error(said: Said, condition: str) -> str:
    message = f"MESSAGE = TG_TABLE_NAME || ': {said}'"
    return f"RAISE EXCEPTION USING ERRCODE = '{condition}', {message};"
