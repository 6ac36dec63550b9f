//! What batch systems tell a process by its environment, and how they are told which tasks to run.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::plan::Shard;

/// The variables that hold the number of a task, from 0, in Slurm's job arrays, HyperQueue's and Kubernetes' Indexed Jobs.
pub const TASK_IDS: [&str; 3] = ["SLURM_ARRAY_TASK_ID", "HQ_TASK_ID", "JOB_COMPLETION_INDEX"];
/// GPUs of the machine that Slurm has given to the step or else the job, as `0,2-3`.
pub const GPUS: [&str; 2] = ["SLURM_STEP_GPUS", "SLURM_JOB_GPUS"];
/// Which of the processes of a job on this machine it is.
pub const LOCAL_ID: &str = "SLURM_LOCALID";
/// What stands for the number of the task in a shard.
const AUTO: &str = "auto";

/// The value of a variable of the environment, `None` where it is not set or empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The part of a sweep that `--shard` asks for; of no more parts than there are seeds, so that none is empty.
///
/// # Errors
/// [`Error::Input`] for what is no part, and where a batch system does not say which.
pub fn asked(text: &str, seeds: u32) -> Result<Shard> {
    let shard = match shards_of_auto(text) {
        Some(of) => shard(of, variable)?,
        None => Shard::parse(text).map_err(|error| Error::Input(format!("--{error}")))?,
    };
    match shard.of() <= seeds {
        true => Ok(shard),
        false => Err(Error::Input(format!("--shard {text}: allowed is i/n with n <= sweep.seeds = {seeds}"))),
    }
}

/// Of the shard `auto/n` that n; `None` of any other text.
pub fn shards_of_auto(text: &str) -> Option<&str> {
    text.strip_prefix(AUTO)?.strip_prefix('/')
}

/// The shard of this task of `of`, by the variables that `get` gives.
///
/// # Errors
/// [`Error::Input`] where none is set, one is no number below `of`, or two contradict.
pub fn shard(of: &str, get: impl Fn(&str) -> Option<String>) -> Result<Shard> {
    let refused = |what: String| Error::Input(format!("--shard {AUTO}/{of}: {what}"));
    let number = of.parse::<u32>().ok().filter(|&of| of > 0);
    let of = number.ok_or_else(|| refused(format!("allowed is {AUTO}/n with a number n from 1")))?;
    let set: Vec<_> = TASK_IDS.iter().filter_map(|&name| Some((name, get(name)?))).collect();
    let Some(((name, text), others)) = set.split_first() else {
        let names = TASK_IDS.join(", ");
        return Err(refused(format!(
            "this is no task of a batch system, none of {names} is set; give the number, as 0/{of}"
        )));
    };
    let id = |name: &str, text: &str| {
        let allowed = || refused(format!("{name}={text}: allowed is 0 to {}, as by --array=0-{0}", of - 1));
        text.parse::<u32>().ok().filter(|&id| id < of).ok_or_else(allowed)
    };
    let first = id(name, text)?;
    for (other, other_text) in others {
        if id(other, other_text)? != first {
            let what = format!(
                "{name}={text} and {other}={other_text} contradict; give the number, as {first}/{of}, or unset one"
            );
            return Err(refused(what));
        }
    }
    Shard::new(first, of)
}

/// Numbers in ascending order, as the option `--array` of batch systems has them: `3,7-9`.
pub fn array_spec(numbers: &BTreeSet<u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if number - *last == 1 => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let text = |(first, last): (u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// The numbers of a list as [`array_spec`] writes it; `None` for any other text.
fn numbers(text: &str) -> Option<Vec<usize>> {
    let ranges = text.split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.trim().parse::<usize>().ok()?..=last.trim().parse::<usize>().ok()?)
    });
    Some(ranges.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Which of `count` GPUs, in the order of their PCI bus ids, are the job's, by the variables that `get` gives: all of them
/// where it names none. None where it sees no GPU.
///
/// Slurm numbers the GPUs of a machine in that order. Where it lets a process see no others than its own, they are fewer
/// than the machine's, and as many as it names.
///
/// # Errors
/// [`Error::NoAdapter`] where a variable is malformed, or names a GPU that is not among them.
pub fn gpus(count: usize, get: impl Fn(&str) -> Option<String>) -> Result<Vec<usize>> {
    let all = || (0..count).collect();
    let Some((name, text)) = GPUS.iter().find_map(|&name| Some((name, get(name)?))) else { return Ok(all()) };
    let refused = |what: &str| Error::NoAdapter(format!("{name}={text}: {what}; `--adapter pci:BUS` names one"));
    let own = numbers(&text).filter(|own| !own.is_empty()).ok_or_else(|| refused("allowed are numbers, as 0,2-3"))?;
    match own.iter().all(|&gpu| gpu < count) {
        _ if count <= own.len() => Ok(all()),
        true => Ok(own),
        false => Err(refused(&format!("{count} GPUs are found, numbered from 0"))),
    }
}

/// Which of them this process takes: the processes of a job on one machine take the job's in turn. `None` where it sees no
/// GPU.
///
/// # Errors
/// Those of [`gpus`].
pub fn gpu(count: usize, get: impl Fn(&str) -> Option<String>) -> Result<Option<usize>> {
    let local = match get(LOCAL_ID) {
        None => 0,
        Some(text) => {
            text.parse::<usize>().map_err(|_| Error::NoAdapter(format!("{LOCAL_ID}={text}: allowed is a number")))?
        }
    };
    let own = gpus(count, get)?;
    Ok(own.get(local % own.len().max(1)).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_shard_is_the_task_that_the_batch_system_names() {
        for name in TASK_IDS {
            assert_eq!(shard("7", set(&[(name, "5")])).unwrap(), Shard::new(5, 7).unwrap());
        }
        let all = [(TASK_IDS[0], "0"), (TASK_IDS[1], "0"), (TASK_IDS[2], "00")];
        assert_eq!(shard("1", set(&all)).unwrap(), Shard::WHOLE, "several that agree");
        for (of, variables, parts) in [
            ("3", &[][..], &["no task", "SLURM_ARRAY_TASK_ID", "HQ_TASK_ID", "JOB_COMPLETION_INDEX", "0/3"][..]),
            ("3", &[("HQ_TASK_ID", "3")], &["HQ_TASK_ID=3", "0 to 2", "--array=0-2"]),
            ("3", &[("HQ_TASK_ID", "-1")], &["HQ_TASK_ID=-1", "0 to 2"]),
            ("3", &[("JOB_COMPLETION_INDEX", "x")], &["JOB_COMPLETION_INDEX=x"]),
            (
                "3",
                &[("SLURM_ARRAY_TASK_ID", "1"), ("HQ_TASK_ID", "2")],
                &["SLURM_ARRAY_TASK_ID=1", "HQ_TASK_ID=2", "1/3"],
            ),
            ("0", &[("HQ_TASK_ID", "0")], &["auto/n"]),
            ("", &[("HQ_TASK_ID", "0")], &["auto/n"]),
            ("-2", &[("HQ_TASK_ID", "0")], &["auto/n"]),
        ] {
            let error = shard(of, set(variables)).unwrap_err();
            assert_eq!(error.exit_code(), crate::error::exit::INPUT);
            for part in parts.iter().copied().chain([&*format!("--shard auto/{of}: ")]) {
                assert!(error.to_string().contains(part), "{error} does not name {part}");
            }
        }
        assert_eq!((shards_of_auto("auto/4"), shards_of_auto("0/4"), shards_of_auto("auto")), (Some("4"), None, None));
    }

    #[test]
    fn an_array_is_numbers_and_ranges() {
        for (numbers, text) in [
            (&[][..], ""),
            (&[3], "3"),
            (&[3, 7, 8, 9], "3,7-9"),
            (&[0, 1, 3], "0-1,3"),
            (&[0, u32::MAX], "0,4294967295"),
        ] {
            assert_eq!(array_spec(&numbers.iter().copied().collect()), text);
        }
    }

    #[test]
    fn a_job_takes_the_gpus_it_was_given() {
        let (step, job) = (GPUS[0], GPUS[1]);
        for (count, variables, wanted) in [
            (0, &[][..], None),
            (4, &[], Some(0)),
            // Processes of one job, on a machine whose GPUs are all theirs.
            (4, &[(LOCAL_ID, "2")], Some(2)),
            (4, &[(LOCAL_ID, "6")], Some(2)),
            (4, &[(job, "3")], Some(3)),
            (4, &[(job, "1,3"), (LOCAL_ID, "0")], Some(1)),
            (4, &[(job, "1-2"), (LOCAL_ID, "1")], Some(2)),
            (8, &[(job, "0-7"), (step, "5"), (LOCAL_ID, "0")], Some(5)),
            // Devices that others have are hidden.
            (1, &[(job, "3")], Some(0)),
            (2, &[(job, "6,7"), (LOCAL_ID, "1")], Some(1)),
            (0, &[(job, "3")], None),
        ] {
            assert_eq!(gpu(count, set(variables)).unwrap(), wanted, "{count} {variables:?}");
        }
        for (count, variables, wanted) in [
            (0, &[][..], &[][..]),
            (3, &[(LOCAL_ID, "1")], &[0, 1, 2]),
            (8, &[(job, "2,5-6")], &[2, 5, 6]),
            (3, &[(job, "2,5-6")], &[0, 1, 2]),
            (8, &[(job, "2,5-6"), (step, "5")], &[5]),
        ] {
            assert_eq!(gpus(count, set(variables)).unwrap(), wanted, "{count} {variables:?}");
        }
        for (count, variables, part) in [
            (4, &[(job, "4")][..], "SLURM_JOB_GPUS=4: 4 GPUs are found"),
            (4, &[(job, "GPU-1")], "SLURM_JOB_GPUS=GPU-1: allowed are numbers"),
            (4, &[(job, "3-1")], "SLURM_JOB_GPUS=3-1: allowed are numbers"),
            (4, &[(LOCAL_ID, "x")], "SLURM_LOCALID=x: allowed is a number"),
        ] {
            let error = gpu(count, set(variables)).unwrap_err();
            assert!(error.to_string().contains(part) && matches!(error, Error::NoAdapter(_)), "{error}");
        }
    }
}
