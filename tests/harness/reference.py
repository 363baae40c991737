"""The reference as Markdown, from what the running catalog says of itself: COMMENTs, signatures, pg_settings.

Invariant: nothing here describes an object; what is wrong in the reference is put right in the COMMENT.
"""

import re

HEAD = """# Reference

Generated from the catalog's comments: `scripts/test --update reference` writes this file anew. The functions and tables of a
dataset are shown for `entity`; each dataset has its own under its name. A `timestamptz` that is left out means now.

"""
TYPES = {"timestamp with time zone": "timestamptz", "integer": "int"}
FACES = [("entity", "state"), ("entity_event", "event"), ("entity_version", "version"), ("entity_tag", "tag")]


def short(text):
    """A signature without casts and with short type names."""
    text = re.sub(r"::[a-z0-9_ ]+(\[\])?", "", text)
    for long, name in TYPES.items():
        text = text.replace(long, name)
    return text


def cell(text):
    return (text or "").replace("|", "\\|").replace("\n", " ")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n\n"


# What the extension owns; every query below joins it. Heaps of datasets have names that end in a number.
MEMBER = (
    "EXISTS (SELECT FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'entitydb'"
    " WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.classid = '{0}'::regclass AND d.objid = {1}.oid)"
)


def functions(db, where):
    """[(signature, result, comment)] of the extension's functions, by name."""
    return db.rows(
        "SELECT CASE WHEN n.nspname = 'entitydb' THEN 'entitydb.' ELSE '' END || quote_ident(p.proname) || '(' || pg_get_function_arguments(p.oid) || ')', pg_get_function_result(p.oid), obj_description(p.oid, 'pg_proc')"
        f" FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {MEMBER.format('pg_proc', 'p')} AND {where}"
        ' ORDER BY p.proname COLLATE "C", p.pronargs, pg_get_function_arguments(p.oid) COLLATE "C"'
    )


def columns(db, relation):
    return db.rows(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum) FROM pg_attribute a"
        f" WHERE a.attrelid = '{relation}'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    )


def relation_comment(db, relation):
    return db.value(f"SELECT obj_description('{relation}'::regclass, 'pg_class')")


def signature_table(rows):
    shown = [row for row in rows if not (row[2] or "").startswith("internal: ")]
    return table(["function", "returns", "what it does"], [[f"`{short(s)}`", f"`{cell(short(r))}`", cell(c)] for s, r, c in shown])


def setting_table(db):
    rows = db.rows(
        "SELECT name, vartype, unit, enumvals, boot_val, context, short_desc, extra_desc FROM pg_settings"
        ' WHERE name LIKE \'entitydb.%\' ORDER BY name COLLATE "C"'
    )
    shown = []
    for name, kind, unit, values, default, context, brief, more in rows:
        kind = ", ".join(values.strip("{}").split(",")) if values else kind + (f" ({unit})" if unit else "")
        shown.append([f"`{name}`", kind, f"`{default}`" if default else "", context, cell(" ".join(part for part in [brief, more] if part))])
    return table(["setting", "values", "default", "who may set it", "what it does"], shown)


def reference(db):
    """The whole document; `db` is a database in which the extension was created and nothing else was."""
    parts = [HEAD, "## Tables of a dataset\n\n"]
    for face, shape in FACES:
        if db.value(f"SELECT to_regclass('{face}')") is None:
            continue
        parts.append(f"### {face}\n\n{relation_comment(db, face)}\n\n")
        rows = [[f"`{n}`", short(t), cell(c)] for n, t, c in columns(db, face)]
        more = db.rows(f"SELECT name, type, comment FROM entitydb.column_comments() WHERE optional AND shape = '{shape}'")
        rows += [[f"`{n}`", t, "a column to add: " + cell(c)] for n, t, c in more]
        parts.append(table(["column", "type", "meaning"], rows))
    parts.append("## Functions of a dataset\n\n")
    parts.append(signature_table(functions(db, "n.nspname <> 'entitydb' AND p.proname NOT IN ('entity_create', 'entity_drop')")))
    parts.append("## Datasets and administration\n\n")
    parts.append(signature_table(functions(db, "(n.nspname = 'entitydb' OR p.proname IN ('entity_create', 'entity_drop'))")))
    parts.append("## Views\n\n")
    for (view,) in db.rows(f"SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'v' AND {MEMBER.format('pg_class', 'c')} ORDER BY c.relname COLLATE \"C\""):
        if relation_comment(db, view).startswith("internal: "):
            continue
        parts.append(f"### {view}\n\n{relation_comment(db, view)}\n\n")
        parts.append(table(["column", "type", "meaning"], [[f"`{n}`", short(t), cell(c)] for n, t, c in columns(db, view)]))
    parts.append("## Settings\n\n")
    parts.append(setting_table(db))
    return "".join(parts).rstrip("\n") + "\n"


def undescribed(db):
    """Everything of the extension's that has no comment."""
    found = [f"function {row[0]}" for row in functions(db, "true") if not row[2]]
    relations = db.rows(
        f"SELECT c.oid::regclass, c.relkind FROM pg_class c WHERE c.relkind IN ('r', 'v', 'f') AND {MEMBER.format('pg_class', 'c')}"
        " AND c.relname !~ '_[0-9]+$' ORDER BY c.relname COLLATE \"C\""
    )
    for relation, _ in relations:
        if not relation_comment(db, relation):
            found.append(f"relation {relation}")
        found += [f"column {relation}.{name}" for name, _, comment in columns(db, relation) if not comment]
    found += [row[0] for row in db.rows("SELECT 'setting ' || name FROM pg_settings WHERE name LIKE 'entitydb.%' AND coalesce(short_desc, '') = ''")]
    return found
