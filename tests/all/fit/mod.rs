//! `fit`: numbers of an exact study again, intervals that cover what was planted, types, what is not identified, and the
//! command.

mod command;
mod coverage;
mod described;
mod exact;
mod identified;
mod reference;
mod scores;
mod synthetic;
