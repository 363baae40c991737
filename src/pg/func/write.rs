//! Functions that write: put, tag, untag, set and delete.
//!
//! Invariant: each is one call of a core of the write side, after the caller's privilege on the face was checked.

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::{dataset_for, dataset_for_columns, shows_content};
use crate::engine;
use crate::pg::error::raise;
use crate::pg::write;

/// To change what is there is to look for it, and the answer tells of it.
const CHANGE: pg_sys::AclMode = (pg_sys::ACL_SELECT | pg_sys::ACL_UPDATE) as _;

pgrx::extension_sql_file!("../../../sql/write.sql", name = "write");

/// An argument that must not be NULL; raises 23502 with its name.
fn given<'a>(what: &str, value: Option<&'a str>) -> &'a [u8] {
    value.unwrap_or_else(|| write::null_not_allowed(what)).as_bytes()
}

/// Tags as the caller gave them; a NULL among them is 23502.
fn tags_of(tags: Array<&str>) -> Vec<Vec<u8>> {
    tags.iter().map(|tag| given("tag", tag).to_vec()).collect()
}

/// The instant as PostgreSQL has it.
fn instant(at: Option<TimestampWithTimeZone>) -> Option<pg_sys::TimestampTz> {
    at.map(Into::into)
}

/// `entitydb.put(face, id, tags, content, at)`.
#[pg_extern(sql = false)]
fn put(
    face: Option<pg_sys::Oid>,
    id: Option<&str>,
    tags: Option<Array<&str>>,
    content: Option<&[u8]>,
    at: Option<TimestampWithTimeZone>,
) -> &'static str {
    // A face without content keeps what there is; to give it some is refused.
    let columns: &[_] =
        if content.is_some() || shows_content(face) { &[c"id", c"tags", c"content"] } else { &[c"id", c"tags"] };
    let dataset = dataset_for_columns(face, CHANGE | pg_sys::ACL_INSERT as pg_sys::AclMode, columns);
    write::put(&dataset, given("id", id), tags.map(tags_of), content.map(<[u8]>::to_vec), instant(at)).name()
}

/// `entitydb.tag(face, id, tag, at)`.
#[pg_extern(sql = false)]
fn tag(face: Option<pg_sys::Oid>, id: Option<&str>, tag: Option<&str>, at: Option<TimestampWithTimeZone>) -> bool {
    let dataset = dataset_for(face, CHANGE);
    write::tag(&dataset, given("id", id), given("tag", tag), instant(at))
}

/// `entitydb.untag(face, id, tag, at)`.
#[pg_extern(sql = false)]
fn untag(face: Option<pg_sys::Oid>, id: Option<&str>, tag: Option<&str>, at: Option<TimestampWithTimeZone>) -> bool {
    let dataset = dataset_for(face, CHANGE);
    write::untag(&dataset, given("id", id), given("tag", tag), instant(at))
}

/// `entitydb.set(face, id, namespace, value, at)`.
#[pg_extern(sql = false)]
fn set(
    face: Option<pg_sys::Oid>,
    id: Option<&str>,
    namespace: Option<&str>,
    value: Option<&str>,
    at: Option<TimestampWithTimeZone>,
) -> bool {
    let dataset = dataset_for(face, CHANGE);
    write::set(&dataset, given("id", id), given("namespace", namespace), given("value", value), instant(at))
}

/// `entitydb.import(face, id, temporal_tags, content)`.
#[pg_extern(sql = false)]
fn import(
    face: Option<pg_sys::Oid>,
    id: Option<&str>,
    temporal_tags: Option<Array<&str>>,
    content: Option<&[u8]>,
) -> &'static str {
    let columns: &[_] = if content.is_some() { &[c"id", c"tags", c"content"] } else { &[c"id", c"tags"] };
    let dataset = dataset_for_columns(face, CHANGE | pg_sys::ACL_INSERT as pg_sys::AclMode, columns);
    let id = given("id", id);
    let texts = temporal_tags.unwrap_or_else(|| write::null_not_allowed("temporal_tags"));
    let split = |text: Option<&str>| {
        let text = given("temporal tag", text);
        let Some((ts, tag)) = engine::split_stamped(text) else {
            raise(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("temporal tag \"{}\" does not begin with a stamp and a bar", String::from_utf8_lossy(text)),
                Some("Write it as 1748563200000000000|type:user, in nanoseconds since 1970."),
            )
        };
        (ts, tag.to_vec())
    };
    write::import(&dataset, id, texts.iter().map(split).collect(), content.map(<[u8]>::to_vec)).name()
}

/// `entitydb.delete(face, id, at)`.
#[pg_extern(sql = false)]
fn delete(face: Option<pg_sys::Oid>, id: Option<&str>, at: Option<TimestampWithTimeZone>) -> bool {
    let dataset = dataset_for_columns(face, (pg_sys::ACL_SELECT | pg_sys::ACL_DELETE) as _, &[c"id"]);
    write::delete(&dataset, given("id", id), instant(at))
}

/// `entitydb.clear_content(face, id, at)`.
#[pg_extern(sql = false)]
fn clear_content(face: Option<pg_sys::Oid>, id: Option<&str>, at: Option<TimestampWithTimeZone>) -> bool {
    let dataset = dataset_for_columns(face, CHANGE, &[c"id", c"content"]);
    write::clear_content(&dataset, given("id", id), instant(at))
}
