//! Scaling laws for low-precision training, every bit confirmed on the CPU.
//!
//! roundlaw runs very many small SGD trainings of sketched high-dimensional linear regression in emulated low
//! precision, on any GPU or on the CPU, checks the results bit for bit against a scalar reference, and evaluates their
//! exact risks. The program of that name writes them into a directory and plots them; this library is the same
//! without the directory. A config says what to run, a [`Plan`] lists it, [`sweep()`] runs it and hands over [`Row`]s,
//! and [`replay()`] redoes any one run:
//!
//! ```
//! use roundlaw::{Config, Plan, SweepOptions, open_adapter, replay, sweep};
//!
//! let config = r#"
//!     problem = { dim = 100, spectrum = { kind = "power", exponent = 2.0 } }
//!     train = { model = [4, 8, 16], samples = [64, 256] }
//!     recipe = [{ name = "fp32" }, { name = "e4m3 weights", weight = "e4m3" }]
//!     sweep = { seeds = 2 }
//! "#;
//! let plan = Plan::new(Config::parse(config, &[])?)?;
//! let mut rows = Vec::new();
//! sweep(&plan, open_adapter("cpu")?.as_ref(), &SweepOptions::default(), |cohort| Ok(rows.extend(cohort.rows)))?;
//! let best = rows.iter().min_by(|a, b| a.reducible.partial_cmp(&b.reducible).unwrap()).unwrap();
//! println!("{:?}: excess {:?} at M = {}, N = {}", best.recipe, best.excess, best.model, best.samples);
//! assert_eq!(replay(&plan, best.run_id)?[0].row.v_digest, best.v_digest, "the same weights, bit for bit");
//! # Ok::<(), roundlaw::Error>(())
//! ```
//!
//! Results depend on the config and its seed alone: not on the adapter, the number of threads or the machine. Random
//! words are [addressed](Words), so that users' own distributions can join them.
//!
//! What is listed here is the library. The other modules are public for the tests and may change at any time.

// What goes wrong.
#[doc(inline)]
pub use error::{Error, Result, exit};

// Number formats, and values in them.
#[doc(inline)]
pub use format::{FORMATS, Format, format};
#[doc(inline)]
pub use tensor::{QuantizeOptions, Tensor, quantize};

// What to run.
#[doc(inline)]
pub use config::Config;
#[doc(inline)]
pub use plan::{Cell, Cohort, Plan, Shard, Snapshot};

// Running it.
#[doc(inline)]
pub use run::adapter::{Adapter, open as open_adapter, open_telling as open_adapter_telling};
#[doc(inline)]
pub use run::cohorts::{Summary, SweepOptions, sweep};
#[doc(inline)]
pub use run::launches::CohortRows;
#[doc(inline)]
pub use run::rows::Origin;
#[doc(inline)]
pub use watch::Watch;

// What came of it.
#[doc(inline)]
pub use run::replay::{Replayed, Step, replay, trace};
#[doc(inline)]
pub use run::stored::{StoredRows, rows};
#[doc(inline)]
pub use site::{Counts, PerSite, Site};
#[doc(inline)]
pub use store::row::Row;

// The exact risk of any weights.
#[doc(inline)]
pub use risk::{CohortRisk, Measured, Risk};

// Random words, for distributions of one's own.
#[doc(inline)]
pub use random::{Purpose, Stream, Words, site_purpose, user_purpose};

// The parts behind it, in the order of the pipeline.
#[doc(hidden)]
pub mod bench;
mod characters;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod codec;
#[doc(hidden)]
pub mod commands;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod cpu;
#[doc(hidden)]
pub mod decimal;
#[doc(hidden)]
pub mod error;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod fit;
#[doc(hidden)]
pub mod format;
#[doc(hidden)]
pub mod gpu;
#[doc(hidden)]
pub mod hash;
#[doc(hidden)]
pub mod limits;
#[doc(hidden)]
pub mod machine;
#[doc(hidden)]
pub mod npy;
#[doc(hidden)]
pub mod os;
#[doc(hidden)]
pub mod passport;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod problem;
#[cfg(feature = "python")]
mod python;
#[doc(hidden)]
pub mod random;
#[doc(hidden)]
pub mod reference;
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod risk;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod scheduler;
mod shell;
#[doc(hidden)]
pub mod signals;
#[doc(hidden)]
pub mod site;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod streams;
#[doc(hidden)]
pub mod tensor;
#[doc(hidden)]
pub mod theory;
#[doc(hidden)]
pub mod threads;
mod twin;
#[doc(hidden)]
pub mod verify;
#[doc(hidden)]
pub mod watch;
#[doc(hidden)]
pub mod words;
