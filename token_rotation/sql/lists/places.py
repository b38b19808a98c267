"""SQL that lists the tables and columns of a database.

No statement takes a lock on a table.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql


def columns() -> sql.SQL:
    """List every column outside of the system's schemas.

    One row each: schema, table, pg_class.relkind, pg_class.oid, file number, pages by the last
    VACUUM or ANALYZE, column, its type, its kind ("uuid", "text", "bytea", "cast" for what shows
    text in a cast, "number", or NULL), and its most characters (NULL: no bound). Then whether this
    role may read the whole table, and whether row security hides rows of it from this role.
    Partitioned tables hold no rows and are left out; their partitions are listed.
    """
    return sql.SQL(
        "WITH RECURSIVE inner_type (outer_oid, oid, is_array) AS ("
        "SELECT oid, oid, false FROM pg_type UNION ALL "
        "SELECT i.outer_oid, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END, "
        "i.is_array OR t.typtype <> 'd' FROM inner_type i JOIN pg_type t USING (oid) "
        "WHERE t.typtype = 'd' OR t.typcategory = 'A' AND t.typelem <> 0), "
        "kinds AS (SELECT i.outer_oid, CASE "
        "WHEN t.typname = 'bytea' THEN CASE WHEN NOT i.is_array THEN 'bytea' END "
        "WHEN t.typcategory = 'N' AND NOT i.is_array THEN 'number' "
        "WHEN t.typname = 'uuid' AND NOT i.is_array THEN 'uuid' "
        "WHEN t.typcategory = 'S' AND NOT i.is_array THEN 'text' "
        "WHEN t.typcategory = 'S' OR t.typtype = 'c' "
        "OR t.typname IN ('uuid', 'json', 'jsonb', 'xml', 'hstore') THEN 'cast' END AS kind "
        "FROM inner_type i JOIN pg_type t USING (oid) "
        "WHERE t.typtype <> 'd' AND NOT (t.typcategory = 'A' AND t.typelem <> 0)) "
        "SELECT n.nspname::text, c.relname::text, c.relkind::text, c.oid::bigint, "
        "pg_relation_filenode(c.oid)::bigint, c.relpages, a.attname::text, "
        "format_type(a.atttypid, NULL), k.kind, "
        "CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4 "
        "THEN a.atttypmod - 4 END, "
        "has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), "
        "row_security_active(c.oid) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "LEFT JOIN kinds k ON k.outer_oid = a.atttypid "
        "WHERE c.relkind IN ('r', 'm', 'f', 'v') "
        "AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
        "AND n.nspname !~ '^pg_(toast|temp)' "
        "ORDER BY n.nspname, c.relname, a.attnum"
    )


def file_number() -> sql.SQL:
    """Return the number of the file that holds the table ``oid`` now.

    NULL when the table is gone. It changes when the table is rewritten or emptied.
    """
    return sql.SQL("SELECT pg_relation_filenode(%(oid)s::oid::regclass)::bigint")


def pages() -> sql.SQL:
    """Return the pages of the table ``oid``, and how many bytes belong to one of them.

    The bytes include values that are stored out of line.
    """
    return sql.SQL(
        "SELECT pages, bytes / greatest(pages, 1) FROM (SELECT "
        "pg_relation_size(%(oid)s::oid::regclass) / current_setting('block_size')::bigint AS pages,"
        " pg_table_size(%(oid)s::oid::regclass) AS bytes) AS sizes"
    )


def out_of_reach() -> sql.SQL:
    """Return what no table search can reach.

    One row: the other databases of the server, the number of large objects, and that of temporary
    tables of all sessions.
    """
    return sql.SQL(
        "SELECT ARRAY(SELECT datname::text FROM pg_database "
        "WHERE datname <> current_database() AND datallowconn ORDER BY 1), "
        "(SELECT count(*) FROM pg_largeobject_metadata), "
        "(SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r')"
    )
