//! Parts: Parquet files of rows that say by their name what bytes they are, and by their header whose rows.

mod decode;
mod encode;
mod file;
mod header;
mod seeds;

pub use self::decode::{Batches, Part, damaged};
pub(super) use self::decode::{decoded, lie_within};
pub(super) use self::encode::GROUP_ROWS;
pub use self::encode::{Name, encode, write};
pub(super) use self::file::PartFile;
pub use self::header::{Claim, Header, PointShape, Session, Shape, Source, Sweep, Work};
pub use self::seeds::Seeds;

/// Key of the file metadata that tells our parts from other Parquet files.
const VERSION_KEY: &str = "schema_version";
/// Key of the header, one JSON document.
const HEADER_KEY: &str = "roundlaw";
/// Column by whose statistics readers skip.
const RUN: &str = "run_id";
