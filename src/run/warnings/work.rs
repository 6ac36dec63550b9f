//! What the trials of the warnings may cost, in multiply-adds of f64 of about 0.3 ns each.

/// One trial of a point, and the warnings of a whole plan.
pub const POINT: f64 = 2e9;
pub const PLAN: f64 = 1e10;
/// A transcendental function, as an eigenvalue or a share takes, and a normal draw.
pub const FUNCTION: f64 = 100.0;
pub const DRAW: f64 = 4.0;
