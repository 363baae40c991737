//! What the store promises: as-of evaluation, materialising, seal, load, merge and verify, over one [`View`].
//!
//! Invariant: every answer is a function of the events that the view holds and of the [`Horizon`] that is asked for;
//! neither the order in which segments were written nor what is still unsealed can be seen in an answer.

pub mod batches;
mod bitmap;
mod build;
pub mod change;
mod delta;
mod event_scan;
mod ever;
mod expr;
mod frame;
mod gather;
mod horizon;
mod id_walk;
mod intervals;
mod load;
mod load_finish;
mod load_ids;
mod load_tags;
mod merge;
mod opened;
mod overlay;
mod pattern;
mod retain;
mod rewrite;
mod rules;
mod run_writer;
mod search;
mod select;
mod stamp;
mod states;
mod summary;
mod sweep;
mod timeline;
mod toggles;
mod token;
mod trend;
mod trend_rows;
mod verify;
mod verify_run;
mod view;
#[cfg(test)]
mod view_tests;

pub use batches::{Batches, Part};
pub use build::{BuildOptions, FileInfo, compact, seal, store_contents};
pub use change::{Desired, cancel_later, delete, difference, insert, put, set_value, tag, untag, without_ended};
pub use event_scan::{EventScan, Wanted};
pub use ever::ever;
pub use expr::TagExpr;
pub use horizon::{Horizon, Known, Valid};
pub use id_walk::IdWalk;
pub use intervals::{Interval, Version};
pub use load::{Load, LoadMode};
pub use load_finish::Start;
pub use opened::Opened;
pub use pattern::Pattern;
pub use retain::{Policy, Retained, Retention, retain, was_carried};
pub use rewrite::{Removal, rewrite};
pub use rules::{Rules, changed_readings};
pub use search::Search;
pub use select::{Chunk, Select, difference_of_sets, facets};
pub use stamp::split_stamped;
pub use states::{States, Wants};
pub use timeline::{Blob, Event, State, Timeline, Toggle};
pub use token::Token;
pub use trend::Trend;
pub use trend_rows::TrendRows;
pub use verify::{Check, checksums, unopened, verify};
pub use view::View;

pub use crate::index::content::Inflated;
