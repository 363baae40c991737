//! The columns of one face: the fixed ones, and those that show the tags of a namespace as values of a type.
//!
//! Invariant: what a tag column shows of tags, and what it says of them when it is written, are the same: a row that is
//! read and written changes nothing.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::ops::{Deref, Range};
use std::sync::Arc;

use pgrx::pg_sys;
use pgrx::prelude::PgSqlErrorCode as Code;

use super::tuple::Column;
use super::typed::{self, Form, TextType};
use crate::pg::catalog;
use crate::pg::error::{raise, raise_detailed};
use crate::pg::write;

/// The columns of a face; index 0 is attribute number 1.
#[derive(Clone, Debug)]
pub struct Columns {
    list: Vec<Column>,
    /// The face.
    face: pg_sys::Oid,
    /// How ids look.
    pub id: Form,
    /// How contents look.
    pub content: Form,
    /// The tag columns, by the numbers that [`Column::Tagged`] has for them.
    pub tagged: Arc<[TagColumn]>,
}

impl Deref for Columns {
    type Target = [Column];

    fn deref(&self) -> &[Column] {
        &self.list
    }
}

impl Columns {
    /// Of these columns of a face, in this order.
    pub fn new(face: pg_sys::Oid, list: Vec<Column>, id: Form, content: Form, tagged: Vec<TagColumn>) -> Self {
        Self { list, face, id, content, tagged: tagged.into() }
    }

    /// The id of a row as an error may give it to the caller: who reads some columns or a view alone is told nothing of the
    /// row, which may be one that the view hides.
    pub fn named(&self, id: impl FnOnce() -> Vec<u8>) -> Option<Vec<u8>> {
        catalog::may_read(self.face).then(id)
    }

    /// Columns of the same face in another order.
    pub fn reordered(&self, list: Vec<Column>) -> Self {
        Self { list, ..self.clone() }
    }

    /// Whether two tag columns show some of the same tags.
    fn overlap(&self) -> bool {
        let prefixes = || self.tagged.iter().map(|column| &column.prefix);
        prefixes().enumerate().any(|(n, a)| prefixes().skip(n + 1).any(|b| a.starts_with(b) || b.starts_with(a)))
    }
}

/// What a scalar column shows of several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMany {
    /// Nothing: it is an error.
    Raise,
    /// NULL.
    Null,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// A column that shows the tags of a namespace.
#[derive(Clone, Debug)]
pub struct TagColumn {
    /// The column's name.
    pub name: String,
    /// The namespace with its colon.
    pub prefix: Vec<u8>,
    /// The type of the values.
    pub value: TextType,
    /// What several values are, where the column holds one.
    pub on_many: OnMany,
    /// Whether the column holds all values.
    pub is_array: bool,
    /// The column's type.
    column_type: pg_sys::Oid,
    collation: pg_sys::Oid,
    /// How two values compare; no function where they have no order.
    compare: pg_sys::Oid,
    /// Whether two values are equal as elements of an array; no function where nothing says it.
    pub equal: pg_sys::Oid,
    /// The length, passing and alignment of a value.
    layout: (i16, bool, std::ffi::c_char),
}

impl TagColumn {
    /// The column that an attribute of a face is, which is none of the fixed ones. Raises HV004, HV00D and HV024.
    pub fn new(relid: pg_sys::Oid, attribute: &pg_sys::FormData_pg_attribute) -> Self {
        // SAFETY: attribute names end with a NUL; options are a list of DefElem nodes; the rest are catalog look-ups.
        unsafe {
            let name = CStr::from_ptr(attribute.attname.data.as_ptr()).to_string_lossy().into_owned();
            let options = pg_sys::GetForeignColumnOptions(relid, attribute.attnum);
            let namespace = catalog::option(options, c"namespace").unwrap_or_else(|| name.clone());
            let on_many = catalog::option(options, c"on_many");
            let mut typmod = attribute.atttypmod;
            let base = pg_sys::getBaseTypeAndTypmod(attribute.atttypid, &mut typmod);
            let element = pg_sys::get_element_type(base);
            let is_array = element != pg_sys::InvalidOid;
            let value = if is_array {
                TextType::of(element, typmod)
            } else {
                TextType::of(attribute.atttypid, attribute.atttypmod)
            };
            let Some(value) = value else {
                let shown = CStr::from_ptr(pg_sys::format_type_be(attribute.atttypid)).to_string_lossy();
                raise(
                    Code::ERRCODE_FDW_INVALID_DATA_TYPE,
                    format!("column \"{name}\" of type {shown} cannot show tags"),
                    Some("Use a type whose values have a text form of their own."),
                )
            };
            let mut layout = (0, false, 0);
            pg_sys::get_typlenbyvalalign(value.oid, &mut layout.0, &mut layout.1, &mut layout.2);
            let flags = (pg_sys::TYPECACHE_CMP_PROC | pg_sys::TYPECACHE_EQ_OPR) as i32;
            let known = &*pg_sys::lookup_type_cache(value.oid, flags);
            let compare = known.cmp_proc;
            let equal =
                if known.eq_opr == pg_sys::InvalidOid { known.eq_opr } else { pg_sys::get_opcode(known.eq_opr) };
            let column = Self {
                prefix: [namespace.as_bytes(), b":"].concat(),
                value,
                on_many: match on_many.as_deref() {
                    Some("null") => OnMany::Null,
                    Some("min") => OnMany::Min,
                    Some("max") => OnMany::Max,
                    _ => OnMany::Raise,
                },
                is_array,
                column_type: attribute.atttypid,
                collation: attribute.attcollation,
                compare,
                equal,
                layout,
                name,
            };
            column.check_on_many();
            column
        }
    }

    fn check_on_many(&self) {
        let name = &self.name;
        if self.is_array && self.on_many != OnMany::Raise {
            raise(
                Code::ERRCODE_FDW_INVALID_OPTION_NAME,
                format!("invalid option \"on_many\" for column \"{name}\", which holds all values"),
                Some("Valid options are: namespace."),
            );
        }
        if matches!(self.on_many, OnMany::Min | OnMany::Max) && self.compare == pg_sys::InvalidOid {
            raise(
                Code::ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE,
                format!("invalid value for option \"on_many\" of column \"{name}\", whose type has no order"),
                Some("Valid values are: null."),
            );
        }
    }

    /// Whether nothing but functions of the server's own makes values of the column, and tells equal ones.
    pub fn is_plain(&self) -> bool {
        // SAFETY: plain catalog look-up.
        let is_domain = unsafe { pg_sys::get_typtype(self.column_type) } as u8 == pg_sys::TYPTYPE_DOMAIN;
        self.value.is_plain() && !is_domain && (!self.is_array || typed::is_internal(self.equal))
    }

    /// The elements of an array of the column's type.
    ///
    /// # Safety
    /// `datum` must be such an array.
    pub unsafe fn elements(&self, datum: pg_sys::Datum) -> Vec<Option<pg_sys::Datum>> {
        // SAFETY: the caller's promise is passed on; the layout is the element type's.
        unsafe {
            let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
            let (length, by_value, alignment) = self.layout;
            let (element, length) = (self.value.oid, length.into());
            pg_sys::deconstruct_array(array, element, length, by_value, alignment, &mut values, &mut nulls, &mut count);
            (0..count as usize).map(|n| (!*nulls.add(n)).then(|| *values.add(n))).collect()
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> &[u8] {
        &self.prefix[..self.prefix.len() - 1]
    }

    /// Where the tags of the namespace are among tags that are sorted by bytes.
    pub fn range<T: AsRef<[u8]>>(&self, tags: &[T]) -> Range<usize> {
        let from = tags.partition_point(|tag| tag.as_ref() < self.prefix.as_slice());
        let len = tags[from..].partition_point(|tag| tag.as_ref().starts_with(&self.prefix));
        from..from + len
    }

    /// The value of a tag of the namespace, or 22P02 naming it and the id, which `id` gives.
    fn value_of(&self, tag: &[u8], id: &dyn Fn() -> Option<Vec<u8>>) -> pg_sys::Datum {
        self.value.value(&tag[self.prefix.len()..]).unwrap_or_else(|why| {
            let code = Code::ERRCODE_INVALID_TEXT_REPRESENTATION;
            let Some(id) = id() else {
                raise(code, format!("a tag is no value of column \"{}\"", self.name), Some(typed::NOT_TOLD))
            };
            let (tag, id) = (String::from_utf8_lossy(tag), String::from_utf8_lossy(&id));
            raise_detailed(code, format!("tag \"{tag}\" of id \"{id}\" is no value of column \"{}\"", self.name), &why)
        })
    }

    /// How two values compare.
    fn order(&self, a: pg_sys::Datum, b: pg_sys::Datum) -> std::cmp::Ordering {
        if self.compare == pg_sys::InvalidOid {
            return std::cmp::Ordering::Equal;
        }
        // SAFETY: the function compares two values of this type and gives an int4.
        let order = unsafe { pg_sys::OidFunctionCall2Coll(self.compare, self.collation, a, b) };
        (order.value() as i32).cmp(&0)
    }

    /// What the column shows of tags that are sorted by bytes, allocated in the current memory context. Raises 21000 for
    /// several values where it holds one, 22P02 for what its type cannot read; `id` gives the id for that.
    pub fn datum<T: AsRef<[u8]>>(&self, tags: &[T], id: &dyn Fn() -> Option<Vec<u8>>) -> Option<pg_sys::Datum> {
        let tags = &tags[self.range(tags)];
        if self.is_array {
            return Some(self.array(tags, id));
        }
        match (tags, self.on_many) {
            ([], _) => None,
            ([tag], _) => Some(self.value_of(tag.as_ref(), id)),
            (_, OnMany::Null) => None,
            (_, OnMany::Raise) => {
                let (name, namespace) = (&self.name, String::from_utf8_lossy(self.namespace()));
                let who = id().map_or("an id has several".to_owned(), |id| {
                    format!("id \"{}\" has {}", String::from_utf8_lossy(&id), tags.len())
                });
                raise(
                    Code::ERRCODE_CARDINALITY_VIOLATION,
                    format!("{who} tags in namespace \"{namespace}\", column \"{name}\" holds one"),
                    Some("Use a column of an array type, or its option on_many."),
                )
            }
            (_, OnMany::Min | OnMany::Max) => {
                let values = tags.iter().map(|tag| self.value_of(tag.as_ref(), id));
                // Of equal values the first is taken either way.
                values.reduce(|best, value| {
                    let order = self.order(value, best);
                    let better = if self.on_many == OnMany::Min { order.is_lt() } else { order.is_gt() };
                    if better { value } else { best }
                })
            }
        }
    }

    /// The array of all values, sorted by their type, then by bytes.
    fn array<T: AsRef<[u8]>>(&self, tags: &[T], id: &dyn Fn() -> Option<Vec<u8>>) -> pg_sys::Datum {
        let mut values: Vec<pg_sys::Datum> = tags.iter().map(|tag| self.value_of(tag.as_ref(), id)).collect();
        values.sort_by(|a, b| self.order(*a, *b));
        self.array_of(&mut values)
    }

    /// An array of these values.
    pub fn array_of(&self, values: &mut [pg_sys::Datum]) -> pg_sys::Datum {
        let (length, by_value, alignment) = self.layout;
        let count = i32::try_from(values.len()).unwrap_or(i32::MAX);
        // SAFETY: the values are of the element type, whose layout the catalog gave; a domain checks its own.
        unsafe {
            let element = self.value.oid;
            let array =
                pg_sys::construct_array(values.as_mut_ptr(), count, element, length.into(), by_value, alignment);
            let array = pg_sys::Datum::from(array);
            if pg_sys::get_typtype(self.column_type) as u8 == pg_sys::TYPTYPE_DOMAIN {
                pg_sys::domain_check(array, false, self.column_type, std::ptr::null_mut(), std::ptr::null_mut());
            }
            array
        }
    }

    /// The tags that a value which is not NULL asks for, allocated in the current memory context. 23502 for a NULL in an
    /// array.
    ///
    /// # Safety
    /// `datum` must be a value of the column, and the current memory context must outlive `'a`.
    pub unsafe fn tags<'a>(&self, datum: pg_sys::Datum) -> Vec<&'a [u8]> {
        // SAFETY: the caller's promise is passed on; the layout is the element type's.
        unsafe {
            if !self.is_array {
                return vec![typed::copied(&[&self.prefix, self.value.text(datum)])];
            }
            let of_element = |element: Option<pg_sys::Datum>| match element {
                Some(value) => typed::copied(&[&self.prefix, self.value.text(value)]),
                None => raise(Code::ERRCODE_NOT_NULL_VIOLATION, format!("{} must not contain nulls", self.name), None),
            };
            self.elements(datum).into_iter().map(of_element).collect()
        }
    }

    /// A tag of the namespace with its value in the form that this column writes; 22P02 if it has none.
    fn canonical(&self, tag: &[u8], id: &dyn Fn() -> Option<Vec<u8>>) -> Vec<u8> {
        if self.value.is_text() {
            return tag.to_vec();
        }
        let value = self.value_of(tag, id);
        // SAFETY: the value was just made, and its text is copied.
        [self.prefix.as_slice(), unsafe { self.value.text(value) }].concat()
    }

    /// Whether `tags`, in any order, look to this column as `wanted` do, which it wrote.
    fn agrees<T: AsRef<[u8]>, W: AsRef<[u8]>>(
        &self,
        tags: &[T],
        wanted: &[W],
        id: &dyn Fn() -> Option<Vec<u8>>,
    ) -> bool {
        let of_namespace = |tag: &&[u8]| tag.starts_with(&self.prefix);
        let tags: BTreeSet<&[u8]> = tags.iter().map(AsRef::as_ref).filter(of_namespace).collect();
        let wanted: BTreeSet<Vec<u8>> = wanted.iter().map(|tag| tag.as_ref().to_vec()).collect();
        let tags: Vec<&[u8]> = match (self.is_array || tags.len() < 2, self.on_many) {
            (true, _) => tags.into_iter().collect(),
            (false, OnMany::Raise) => return false,
            (false, OnMany::Null) => Vec::new(),
            (false, OnMany::Min | OnMany::Max) => {
                let sorted: Vec<&[u8]> = tags.into_iter().collect();
                let Some(value) = self.datum(&sorted, id) else { return wanted.is_empty() };
                // SAFETY: the value was just made, and its text is copied.
                let text = [self.prefix.as_slice(), unsafe { self.value.text(value) }].concat();
                return wanted.iter().eq([&text]);
            }
        };
        tags.into_iter().map(|tag| self.canonical(tag, id)).collect::<BTreeSet<_>>() == wanted
    }

    fn disagree(&self, id: &[u8]) -> ! {
        raise(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("tags and column \"{}\" of id \"{}\" disagree", self.name, String::from_utf8_lossy(id)),
            Some("Give one of them alone."),
        )
    }
}

/// What the tag columns of a row ask for, by the numbers of the columns: tags, or `None` for NULL or no column.
pub type Asked<B> = Vec<Option<Vec<B>>>;

impl Columns {
    /// The tags of a new entity: those of the row and those of its tag columns. 22023 where they disagree.
    pub fn united<B: AsRef<[u8]> + Clone>(&self, tags: Option<Vec<B>>, asked: &Asked<B>, id: &[u8]) -> Vec<B> {
        let mut all = tags.unwrap_or_default();
        if asked.iter().all(Option::is_none) {
            return all;
        }
        let name = || self.named(|| id.to_vec());
        let given = all.clone();
        for (column, asked) in self.tagged.iter().zip(asked) {
            let Some(asked) = asked else { continue };
            if !given.iter().any(|tag| tag.as_ref().starts_with(&column.prefix)) {
                all.extend(asked.iter().cloned());
            } else if !column.agrees(&given, asked, &name) {
                column.disagree(id);
            }
        }
        self.check_overlap(&all, asked, id);
        all
    }

    /// Columns of overlapping namespaces may contradict each other.
    fn check_overlap<B: AsRef<[u8]>>(&self, tags: &[B], asked: &Asked<B>, id: &[u8]) {
        if !self.overlap() {
            return;
        }
        let name = || self.named(|| id.to_vec());
        for (column, asked) in self.tagged.iter().zip(asked) {
            if asked.as_ref().is_some_and(|asked| !column.agrees(tags, asked, &name)) {
                column.disagree(id);
            }
        }
    }

    /// The tags that a put leaves of those that are held: NULL tags and tag columns are kept. `None` keeps all.
    pub fn put(
        &self,
        held: &[Arc<[u8]>],
        tags: Option<Vec<Vec<u8>>>,
        asked: &Asked<Vec<u8>>,
        id: &[u8],
    ) -> Option<Vec<Vec<u8>>> {
        if tags.is_none() && asked.iter().all(Option::is_none) {
            return None;
        }
        let name = || self.named(|| id.to_vec());
        let given = tags.is_some();
        let mut all = match tags {
            Some(tags) => self.united(Some(tags), asked, id),
            None => held.iter().map(|tag| tag.to_vec()).collect(),
        };
        for (column, asked) in self.tagged.iter().zip(asked) {
            let is_here = |tag: &[u8]| tag.starts_with(&column.prefix);
            match asked {
                None if given && !all.iter().any(|tag| is_here(tag)) => {
                    all.extend(held.iter().filter(|tag| is_here(tag)).map(|tag| tag.to_vec()));
                }
                Some(asked) if !given && !column.agrees(&all, asked, &name) => {
                    all.retain(|tag| !is_here(tag));
                    all.extend(asked.iter().cloned());
                }
                _ => {}
            }
        }
        if !given {
            self.check_overlap(&all, asked, id);
        }
        Some(all)
    }

    /// The tags that an UPDATE leaves of those that hold at its instant, if any; `None` where no column that shows tags
    /// differs. `old` and `new` are the tags and what the tag columns ask for, of the old row and of the new one.
    pub fn updated(
        &self,
        held: Option<&[Arc<[u8]>]>,
        old: (&BTreeSet<Vec<u8>>, &Asked<Vec<u8>>),
        new: (&BTreeSet<Vec<u8>>, &Asked<Vec<u8>>),
        id: &[u8],
    ) -> Option<Vec<Vec<u8>>> {
        let set = |asked: &Asked<Vec<u8>>, n: usize| -> BTreeSet<Vec<u8>> {
            asked.get(n).and_then(Option::as_ref).into_iter().flatten().cloned().collect()
        };
        let sets = |n: usize| (set(old.1, n), set(new.1, n));
        let columns = self.tagged.iter().enumerate().map(|(n, column)| (column, sets(n)));
        let changed: Vec<_> = columns.filter(|(_, (old, new))| old != new).collect();
        let name = || self.named(|| id.to_vec());
        let (old, new) = (old.0, new.0);
        if old == new && changed.is_empty() {
            return None;
        }
        // What the row gained and lost, applied to what holds at that instant: a scheduled change stays.
        let mut all: BTreeSet<Vec<u8>> = match held {
            Some(held) if old == new => held.iter().map(|tag| tag.to_vec()).collect(),
            Some(held) => {
                let held = held.iter().map(|tag| tag.to_vec());
                let kept = held.filter(|tag| new.contains(tag) || !old.contains(tag));
                kept.chain(new.difference(old).cloned()).collect()
            }
            None if old == new => BTreeSet::new(),
            None => new.clone(),
        };
        for (column, (was, is)) in &changed {
            if old.symmetric_difference(new).any(|tag| tag.starts_with(&column.prefix)) {
                let tags: Vec<&Vec<u8>> = new.iter().collect();
                if !column.agrees(&tags, &is.iter().collect::<Vec<_>>(), &name) {
                    column.disagree(id);
                }
                continue;
            }
            if column.is_array {
                let here = |tag: &&Vec<u8>| tag.starts_with(&column.prefix);
                let forms: Vec<(Vec<u8>, Vec<u8>)> =
                    all.iter().filter(here).map(|tag| (tag.clone(), column.canonical(tag, &name))).collect();
                for (tag, form) in &forms {
                    if was.contains(form) && !is.contains(form) {
                        all.remove(tag);
                    }
                }
                let gained = is.difference(was).filter(|tag| !forms.iter().any(|(_, form)| form == *tag));
                all.extend(gained.cloned());
            } else {
                all.retain(|tag| !tag.starts_with(&column.prefix));
                all.extend(is.iter().cloned());
            }
        }
        let all: Vec<Vec<u8>> = all.into_iter().collect();
        if self.overlap() {
            for (column, (_, is)) in changed.iter().filter(|(column, _)| !column.is_array) {
                if !column.agrees(&all, &is.iter().collect::<Vec<_>>(), &name) {
                    column.disagree(id);
                }
            }
        }
        Some(all)
    }
}

/// Raises HV00D for the options of a column that shows no namespace.
pub fn check_fixed(relid: pg_sys::Oid, attribute: &pg_sys::FormData_pg_attribute) {
    // SAFETY: options are a list of DefElem nodes; attribute names end with a NUL.
    unsafe {
        let options = pg_sys::GetForeignColumnOptions(relid, attribute.attnum);
        let Some(option) = pgrx::PgList::<pg_sys::DefElem>::from_pg(options).iter_ptr().next() else { return };
        raise(
            Code::ERRCODE_FDW_INVALID_OPTION_NAME,
            format!(
                "invalid option \"{}\" for column \"{}\", which shows no namespace",
                CStr::from_ptr((*option).defname).to_string_lossy(),
                CStr::from_ptr(attribute.attname.data.as_ptr()).to_string_lossy()
            ),
            Some("There are no valid options in this context."),
        );
    }
}

/// Checks the namespace of a column (S18).
pub fn check_namespace(namespace: &str) {
    write::check_name("namespace", namespace.as_bytes());
}
