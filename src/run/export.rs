//! The arrays of one run as `.npy` files, for programs of others to compute with. The scalar reference draws them.

use std::fs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};

use super::replay::{Place, Replayed};
use crate::config::Output;
use crate::error::{Error, Result};
use crate::files::Filled;
use crate::npy::{self, Element};
use crate::plan::{Cohort, Plan, ProblemPoint};
use crate::problem::sketch_norm;
use crate::random::Stream;
use crate::reference::truth::Truth;
use crate::reference::{CohortData, sketch};
use crate::watch::Watch;

/// Bytes of the arrays of a run, at most.
const MAX_BYTES: u64 = 4 << 30;

/// Where the arrays of a run are to be written, and how much of it.
pub struct Export<'a> {
    plan: &'a Plan,
    place: Place,
    /// Samples of which there are features and labels.
    seen: u64,
    dir: PathBuf,
}

impl Export<'_> {
    /// Of run `run_id` after `seen` samples, all of them where that is `None`, into a directory that is new or empty.
    ///
    /// # Errors
    /// [`Error::Input`] for a run that the plan has not, for arrays beyond 4 GiB, for a directory that holds anything, as
    /// it may be what the config reads, and for what is no directory or can't be read.
    pub fn new<'a>(plan: &'a Plan, run_id: u64, seen: Option<u64>, dir: &Path) -> Result<Export<'a>> {
        let place = Place::of(plan, run_id)?;
        let cell = &plan.cells[place.cell as usize];
        let seen = seen.unwrap_or(cell.samples).min(cell.samples);
        let problem = &plan.points[place.cohort.point].problem;
        let (dim, model) = (u64::from(problem.dim), u64::from(cell.model));
        let sketch = if problem.is_sketched() { model * dim } else { 0 };
        let bytes = 8 * (sketch + dim + model) + 4 * (seen * model + seen + model);
        if bytes > MAX_BYTES {
            let size = bytes as f64 / (1u64 << 30) as f64;
            return Err(Error::Input(format!(
                "the arrays after {seen} samples take {size:.1} GiB: allowed are 4, as of a row after fewer (--seen)"
            )));
        }
        match fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
            Ok(false) => {}
            Ok(true) => {
                return Err(Error::Input("the directory holds files: allowed is one that is new or empty".into()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::Input(format!("{error}: allowed is a directory that is new or empty"))),
        }
        Ok(Export { plan, place, seen, dir: dir.to_path_buf() })
    }

    /// Writes the arrays; `rows` are those of the run, up to the number of samples that was asked for.
    ///
    /// | file | shape | elements |
    /// |---|---|---|
    /// | `sketch.npy` | (M, D) | f64: S before it is quantized, divided as the exact risk does; none without a sketch |
    /// | `target.npy` | (D) | f64: w*; none with covariates from a file |
    /// | `z.npy` | (seen, M) | f32: the features as the predictions read them |
    /// | `y.npy` | (seen) | f32: the labels before `label` rounds them |
    /// | `v.npy` | (M) | f32: the weights of the output `last` |
    /// | `average.npy`, `tail.npy` | (M) | f64: those of `average`, and of `tail` |
    ///
    /// # Errors
    /// [`Error::Io`] where a file can't be written. The directory is there then, and no file in it; or, where the system
    /// refuses one that is whole its name, those before it.
    pub fn write(&self, rows: &[Replayed]) -> Result<()> {
        fs::create_dir_all(&self.dir).map_err(Error::io(&self.dir))?;
        let point = &self.plan.points[self.place.cohort.point];
        let stream = Stream::new(self.plan.config.sweep.seed, self.place.cohort.seed_index);
        let mut files = self.weights(rows)?;
        files.extend(self.sketch(point, &stream)?);
        files.extend(self.target(point, &stream)?);
        files.extend(self.samples(point)?);
        files.into_iter().try_for_each(Filled::finish)
    }

    /// An array of rows, which are made one at a time.
    fn array<const N: usize>(
        &self,
        name: &str,
        element: Element,
        shape: &[usize],
        rows: impl Iterator<Item = Result<Vec<[u8; N]>>>,
    ) -> Result<Filled> {
        let path = self.dir.join(name);
        npy::filled_by(&path, element, shape, |file| {
            for row in rows {
                file.write_all(row?.as_flattened()).map_err(Error::io(&path))?;
            }
            Ok(())
        })
    }

    fn weights(&self, rows: &[Replayed]) -> Result<Vec<Filled>> {
        let of = |output: Output| rows.iter().rfind(|row| row.row.output == output.name());
        let last = of(Output::Last).map(|row| {
            let bits = row.bits.iter().map(|bits| bits.to_le_bytes()).collect();
            self.array("v.npy", Element::F32, &[row.bits.len()], iter::once(Ok(bits)))
        });
        let average = of(Output::Average).map(|row| self.numbers("average.npy", &row.weights));
        let tail = of(Output::Tail).map(|row| self.numbers("tail.npy", &row.weights));
        last.into_iter().chain(average).chain(tail).collect()
    }

    fn numbers(&self, name: &str, values: &[f64]) -> Result<Filled> {
        let bytes = values.iter().map(|value| value.to_le_bytes()).collect();
        self.array(name, Element::F64, &[values.len()], iter::once(Ok(bytes)))
    }

    fn sketch(&self, point: &ProblemPoint, stream: &Stream) -> Result<Option<Filled>> {
        let (problem, model) = (&point.problem, self.place.trajectory(self.plan).model);
        let Some(draw) = point.draw_of(model).map(|draw| &point.sketches[draw]) else { return Ok(None) };
        let root = sketch_norm(problem, model).sqrt();
        let entry = |j, i| f64::from(sketch::entry(&problem.sketch, draw, stream, j, i)) / root;
        let row = |j| Ok((0..problem.dim).map(|i| entry(j, i).to_le_bytes()).collect());
        let shape = [model as usize, problem.dim as usize];
        self.array("sketch.npy", Element::F64, &shape, (0..model).map(row)).map(Some)
    }

    fn target(&self, point: &ProblemPoint, stream: &Stream) -> Result<Option<Filled>> {
        match point.problem.covariates() {
            Some(_) => Ok(None),
            None => self.numbers("target.npy", &Truth::new(&point.problem, stream).target()).map(Some),
        }
    }

    fn samples(&self, point: &ProblemPoint) -> Result<[Filled; 2]> {
        let (watch, trajectory) = (Watch::default(), self.place.trajectory(self.plan));
        let Cohort { seed_index, .. } = self.place.cohort;
        let reads = |feature| trajectory.phases.iter().any(|phase| phase.feature == feature);
        let source = CohortData::new(self.plan.config.sweep.seed, point, seed_index, reads, &watch)?;
        let mut labels = Vec::new();
        let sample = |n| {
            let (sample, phase) = (source.sample(n as u32, &watch)?, &trajectory.phases[trajectory.phase_at(n)]);
            labels.push(sample.y[phase.feature].to_le_bytes());
            Ok(sample.features[phase.feature].0.iter().map(|z| z.to_le_bytes()).collect())
        };
        let seen = self.seen as usize;
        let shape = [seen, trajectory.model as usize];
        let features = self.array("z.npy", Element::F32, &shape, (0..self.seen).map(sample))?;
        Ok([features, self.array("y.npy", Element::F32, &[seen], iter::once(Ok(labels)))?])
    }
}
