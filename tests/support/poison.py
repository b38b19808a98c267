"""Rows that PostgreSQL refuses to change, of every kind that is known.

``{id}`` is the row's. A kind says what makes the row so, the SQLSTATE, what the reason names, and
what mends it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Poison:
    sqlstate: str
    made_by: str
    mended_by: str
    named: str = ""
    since_version: int = 0


def _trigger(body: str, *, when: str = "OLD.id = {id}", timing: str = "BEFORE") -> str:
    return (
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"{body} RETURN NEW; END $$; CREATE {'CONSTRAINT ' if 'DEFER' in timing else ''}TRIGGER "
        f"poison {timing.partition(' ')[0]} UPDATE ON tickets_ticket"
        f"{timing.removeprefix('BEFORE').removeprefix('AFTER')} FOR EACH ROW WHEN ({when}) "
        "EXECUTE FUNCTION poison()"
    )


# Every UPDATE fails with SQLSTATE 55000 as a whole: the cause is in no row.
REFUSE_UPDATES = """
ALTER TABLE tickets_ticket REPLICA IDENTITY NOTHING;
CREATE PUBLICATION everything FOR TABLE tickets_ticket;
"""
ALLOW_UPDATES = """
DROP PUBLICATION everything;
ALTER TABLE tickets_ticket REPLICA IDENTITY DEFAULT;
"""

DROP_TRIGGER = "DROP FUNCTION poison CASCADE"
DEFERRED = "AFTER DEFERRABLE INITIALLY DEFERRED"
AUDIT = "CREATE TABLE audited (id bigint, {constraint}); INSERT INTO audited VALUES ({{id}});"
AUDITED = _trigger("INSERT INTO audited VALUES (NEW.id);", timing="AFTER")
NOTES = (
    "CREATE TABLE note (token uuid CONSTRAINT note_of REFERENCES tickets_ticket (token) {deferred})"
    "; "
    "INSERT INTO note SELECT token FROM tickets_ticket WHERE id = {{id}}"
)
DROP_NOTES = "DROP TABLE note"
SAYS_ITS_TOKEN = "RAISE EXCEPTION '% is frozen', OLD.token"
WIDE = "(SELECT string_agg(md5(n::text || {seed}), '') FROM generate_series(1, 300) AS n)"

POISONS = {
    "a check that is not valid": Poison(
        "23514",
        "UPDATE tickets_ticket SET subject = '' WHERE id = {id}; "
        "ALTER TABLE tickets_ticket ADD CONSTRAINT has_subject CHECK (subject <> '') NOT VALID",
        "UPDATE tickets_ticket SET subject = 'mended' WHERE id = {id}",
        "has_subject",
    ),
    "a check that fails itself": Poison(
        "22012",
        "UPDATE tickets_ticket SET subject = '' WHERE id = {id}; ALTER TABLE tickets_ticket "
        "ADD CONSTRAINT ratio CHECK (1 / length(subject) >= 0) NOT VALID",
        "UPDATE tickets_ticket SET subject = 'mended' WHERE id = {id}",
    ),
    "not null that is not valid": Poison(
        "23502",
        "ALTER TABLE tickets_ticket ALTER status DROP NOT NULL; "
        "UPDATE tickets_ticket SET status = NULL WHERE id = {id}; ALTER TABLE tickets_ticket "
        "ADD CONSTRAINT has_status NOT NULL status NOT VALID",
        "UPDATE tickets_ticket SET status = 'open' WHERE id = {id}",
        "status",
        since_version=18,
    ),
    "an audit's unique index": Poison(
        "23505",
        AUDIT.format(constraint="CONSTRAINT once UNIQUE (id)") + AUDITED,
        "TRUNCATE audited",
        "once",
    ),
    "an audit's exclusion constraint": Poison(
        "23P01",
        AUDIT.format(constraint="CONSTRAINT apart EXCLUDE USING btree (id WITH =)") + AUDITED,
        "TRUNCATE audited",
        "apart",
    ),
    "an audit's deferred unique index": Poison(
        "23505",
        AUDIT.format(constraint="CONSTRAINT once UNIQUE (id) DEFERRABLE INITIALLY DEFERRED")
        + AUDITED,
        "TRUNCATE audited",
        "once",
    ),
    "a trigger that raises": Poison(
        "P0001", _trigger(f"{SAYS_ITS_TOKEN};"), DROP_TRIGGER, "function poison"
    ),
    "a trigger with a code of its own": Poison(
        "TK001",
        _trigger(f"{SAYS_ITS_TOKEN} USING ERRCODE = 'TK001';"),
        DROP_TRIGGER,
        "function poison",
    ),
    "a trigger with names of its own": Poison(
        "23514",
        _trigger(
            "RAISE EXCEPTION 'frozen' USING ERRCODE = '23514', CONSTRAINT = OLD.token, "
            "COLUMN = OLD.token, TABLE = OLD.token;"
        ),
        DROP_TRIGGER,
        "function poison",
    ),
    "a trigger that meets an error": Poison(
        "42883", _trigger("PERFORM no_such_function();"), DROP_TRIGGER, "function poison"
    ),
    "a trigger at COMMIT": Poison(
        "P0001", _trigger(f"{SAYS_ITS_TOKEN};", timing=DEFERRED), DROP_TRIGGER, "function poison"
    ),
    "a case without a branch": Poison(
        "20000", _trigger("CASE OLD.subject WHEN 'none' THEN NULL; END CASE;"), DROP_TRIGGER
    ),
    "a foreign key": Poison("23503", NOTES.format(deferred=""), DROP_NOTES, "note_of"),
    "a foreign key at COMMIT": Poison(
        "23503", NOTES.format(deferred="DEFERRABLE INITIALLY DEFERRED"), DROP_NOTES, "note_of"
    ),
    "a generated column": Poison(
        "22012",
        "CREATE FUNCTION weight(text) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; "
        "ALTER TABLE tickets_ticket ADD weight int GENERATED ALWAYS AS (weight(subject)) STORED; "
        "UPDATE tickets_ticket SET subject = 'none' WHERE id = {id}; "
        "CREATE OR REPLACE FUNCTION weight(text) RETURNS int IMMUTABLE LANGUAGE sql AS "
        "'SELECT 1 / (CASE WHEN $1 = ''none'' THEN 0 ELSE 1 END)'",
        "UPDATE tickets_ticket SET subject = 'mended' WHERE id = {id}",
    ),
    "an index row too long": Poison(
        "54000",
        "CREATE FUNCTION words(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'; "
        "UPDATE tickets_ticket SET subject = 'wide' WHERE id = {id}; "
        "CREATE INDEX worded ON tickets_ticket (words(subject)); "
        "CREATE OR REPLACE FUNCTION words(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ "
        f"SELECT CASE WHEN $1 = 'wide' THEN {WIDE.format(seed='$1')} ELSE $1 END $$",
        "DROP INDEX worded",
    ),
}
