//! How much memory this process may still use: of the machine, its control groups, its resource limits and its Slurm job,
//! whichever has least. Linux tells; elsewhere nothing but what Slurm says is known.

mod groups;

use std::fs;
use std::path::Path;

use groups::control_groups;

/// Address space that the C library may take for the heap of each thread, whatever lies in it.
const HEAP: u64 = 64 << 20;

/// Memory that is left under one limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    pub bytes: u64,
    /// What limits it, as a sentence continues after "are left of".
    pub of: String,
}

/// The limit that leaves the least; `None` where none is known.
pub fn memory() -> Option<Memory> {
    of_system(Path::new("/"), |name| std::env::var(name).ok())
}

/// [`memory`] in bytes.
pub fn memory_bytes() -> Option<u64> {
    memory().map(|memory| memory.bytes)
}

fn of_system(root: &Path, variable: impl Fn(&str) -> Option<String>) -> Option<Memory> {
    // Names of mounts and groups may be of any bytes.
    let bytes = |name: &str| fs::read(root.join("proc").join(name)).unwrap_or_default();
    let proc = |name: &str| String::from_utf8_lossy(&bytes(name)).into_owned();
    let groups = control_groups(&proc("self/cgroup"), &proc("self/mountinfo"));
    let in_groups = groups.iter().filter_map(|group| group.left(root));
    let status = proc("self/status");
    let own = resource_limits(&proc("self/limits"), &status);
    let granted = slurm(variable, &status);
    machine(&proc("meminfo")).into_iter().chain(in_groups).chain(own).chain(granted).min_by_key(|memory| memory.bytes)
}

/// What the kernel expects to find without swapping.
fn machine(meminfo: &str) -> Option<Memory> {
    let bytes = kilobytes(meminfo, "MemAvailable:").or(kilobytes(meminfo, "MemTotal:"))?;
    Some(Memory { bytes, of: "the machine's memory".into() })
}

/// The number behind a key of a list in kB, in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The address space and the data that this process may still take (getrlimit(2): RLIMIT_AS, RLIMIT_DATA).
fn resource_limits(limits: &str, status: &str) -> Vec<Memory> {
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse::<u64>().ok());
    let heaps = HEAP * (1 + threads.unwrap_or(1));
    let left = |name: &str, used: &str, reserved: u64, option: &str| {
        let soft = limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
        // A word, `unlimited`, where there is none.
        let most: u64 = soft.parse().ok()?;
        let bytes = most.saturating_sub(kilobytes(status, used)?).saturating_sub(reserved);
        Some(Memory { bytes, of: format!("the limit that `ulimit -{option}` sets") })
    };
    let both = [left("Max address space", "VmSize:", heaps, "v"), left("Max data size", "VmData:", 0, "d")];
    both.into_iter().flatten().collect()
}

/// What Slurm granted the job on this machine, less what this process has: it may stand in these variables alone, where
/// control groups do not enforce it (sbatch(1)).
fn slurm(variable: impl Fn(&str) -> Option<String>, status: &str) -> Option<Memory> {
    let of_machine = || Some(("SLURM_MEM_PER_NODE", size(&variable("SLURM_MEM_PER_NODE")?)?));
    let of_cores = || {
        let cores: u64 = variable("SLURM_CPUS_ON_NODE")?.trim().parse().ok()?;
        Some(("SLURM_MEM_PER_CPU", size(&variable("SLURM_MEM_PER_CPU")?)?.checked_mul(cores)?))
    };
    // 0 asks for all that the machine has.
    let (name, granted) = of_machine().or_else(of_cores).filter(|(_, granted)| *granted > 0)?;
    let bytes = granted.saturating_sub(kilobytes(status, "VmRSS:").unwrap_or(0));
    Some(Memory { bytes, of: format!("the memory that Slurm granted ({name})") })
}

/// A size of Slurm in bytes: in MB, or with one of its units.
fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "K" | "KB" => 10,
        "" | "M" | "MB" => 20,
        "G" | "GB" => 30,
        "T" | "TB" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       24683656 kB\nMemFree:        17296076 kB\nMemAvailable:   23585976 kB\n";

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn least(files: &[(&str, &str)]) -> (u64, String) {
        let found = of_system(system(files).path(), |_| None).expect("a limit");
        (found.bytes, found.of)
    }

    #[test]
    fn what_is_available_counts_where_nothing_limits_it() {
        let (bytes, of) = least(&[
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/user.slice\n"),
            ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"),
            ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
            ("proc/self/limits", "Max address space         unlimited            unlimited            bytes\n"),
        ]);
        assert_eq!((bytes, of.as_str()), (23_585_976 << 10, "the machine's memory"));
        assert_eq!(of_system(system(&[]).path(), |_| None), None);
    }

    #[test]
    fn the_smallest_of_all_groups_around_the_process_counts() {
        // A Slurm job: the step has no limit of its own, the job has.
        let (bytes, of) = least(&[
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "0::/system.slice/slurmstepd.scope/job_7/step_0/user\n"),
            ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max", "4294967296\n"),
            ("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.current", "1073741824\n"),
            ("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.stat", "anon 5\ninactive_file 536870912\n"),
            ("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/memory.max", "max\n"),
        ]);
        assert_eq!(bytes, (4 << 30) - (1 << 29), "files that can be dropped are not in the way");
        assert!(of.ends_with("/job_7"), "{of}");
    }

    #[test]
    fn what_throttles_a_group_counts_as_what_ends_it() {
        let least_of = |high: &str, max: &str| {
            least(&[
                ("proc/meminfo", MEMINFO),
                ("proc/self/cgroup", "0::/user.slice\n"),
                ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
                ("sys/fs/cgroup/user.slice/memory.max", max),
                ("sys/fs/cgroup/user.slice/memory.high", high),
                ("sys/fs/cgroup/user.slice/memory.current", "1000\n"),
            ])
        };
        for (high, max) in [("9000\n", "max\n"), ("9000\n", "10000\n"), ("max\n", "9000\n"), ("10000\n", "9000\n")] {
            assert_eq!(least_of(high, max).0, 8000, "{high:?} {max:?}");
        }
    }

    #[test]
    fn slurm_grants_a_machine_or_its_cores() {
        let found = |variables: &[(&str, &str)]| {
            let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
            slurm(variable, "VmRSS:\t 1024 kB\n").map(|memory| memory.bytes + (1 << 20))
        };
        let (node, core, cores) = ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", ("SLURM_CPUS_ON_NODE", "6"));
        for (variables, bytes) in [
            (&[(node, "4000")][..], Some(4000 << 20)),
            (&[(node, "4000M")], Some(4000 << 20)),
            (&[(node, "16g"), cores], Some(16 << 30)),
            (&[(node, "512K")], Some(1 << 20)),
            (&[(node, "2T")], Some(2 << 40)),
            (&[(core, "1000"), cores], Some(6000 << 20)),
            (&[(core, "1G"), cores], Some(6 << 30)),
            (&[(node, "0")], None),
            (&[(core, "1000")], None),
            (&[(node, "many")], None),
            (&[(node, "-1")], None),
            (&[(node, "99999999999999999999")], None),
            (&[], None),
        ] {
            assert_eq!(found(variables), bytes, "{variables:?}");
        }
        let root = system(&[("proc/meminfo", MEMINFO)]);
        let least = of_system(root.path(), |name| (name == node).then(|| "100".into())).unwrap();
        assert_eq!(least, Memory { bytes: 100 << 20, of: format!("the memory that Slurm granted ({node})") });
    }

    #[test]
    fn groups_of_version_one_are_found_in_a_container() {
        // The mount shows the container's own group as its root.
        let (bytes, of) = least(&[
            ("proc/meminfo", MEMINFO),
            ("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n"),
            ("proc/self/mountinfo", "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "104857600\n"),
        ]);
        assert_eq!((bytes, of.as_str()), (412 << 20, "the memory of the control group /sys/fs/cgroup/memory"));
    }

    #[test]
    fn what_the_process_has_already_is_not_left() {
        let files = [
            ("proc/meminfo", MEMINFO),
            ("proc/self/status", "VmPeak: 3000 kB\nVmSize:\t 1048576 kB\nVmData:\t  524288 kB\nThreads:\t3\n"),
            (
                "proc/self/limits",
                "Limit                     Soft Limit           Hard Limit           Units\n\
                 Max data size             unlimited            unlimited            bytes\n\
                 Max address space         2147483648           unlimited            bytes\n",
            ),
        ];
        // Four heaps are set aside: of the three threads, and of one more.
        assert_eq!(least(&files), ((1 << 30) - (256 << 20), "the limit that `ulimit -v` sets".into()));
    }
}
