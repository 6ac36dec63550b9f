//! How much memory this process may still use: of the machine, its control groups and its resource limits, whichever has
//! least. Linux tells; elsewhere nothing is known.

use std::fs;
use std::path::{Path, PathBuf};

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
    of_system(Path::new("/"))
}

/// [`memory`] in bytes.
pub fn memory_bytes() -> Option<u64> {
    memory().map(|memory| memory.bytes)
}

fn of_system(root: &Path) -> Option<Memory> {
    let proc = |name: &str| fs::read_to_string(root.join("proc").join(name)).unwrap_or_default();
    let groups = control_groups(&proc("self/cgroup"), &proc("self/mountinfo"));
    let in_groups = groups.iter().filter_map(|group| group.left(root));
    let own = resource_limits(&proc("self/limits"), &proc("self/status"));
    machine(&proc("meminfo")).into_iter().chain(in_groups).chain(own).min_by_key(|memory| memory.bytes)
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

/// A control group of memory, version 1 or 2, that this process is in.
#[derive(Debug, PartialEq)]
struct ControlGroup {
    folder: PathBuf,
    unified: bool,
}

impl ControlGroup {
    /// Its limit less what is used by more than reclaimable files.
    fn left(&self, root: &Path) -> Option<Memory> {
        let folder = root.join(self.folder.strip_prefix("/").unwrap_or(&self.folder));
        let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
        let (most, used, files) = match self.unified {
            // `max` where there is no limit.
            true => (number("memory.max")?, number("memory.current"), "inactive_file "),
            false => (number("memory.limit_in_bytes")?, number("memory.usage_in_bytes"), "total_inactive_file "),
        };
        let stat = text("memory.stat").unwrap_or_default();
        let files = stat.lines().find_map(|line| line.strip_prefix(files)?.trim().parse::<u64>().ok());
        let used = used.unwrap_or(0).saturating_sub(files.unwrap_or(0));
        let of = format!("the memory of the control group {}", self.folder.display());
        Some(Memory { bytes: most.saturating_sub(used), of })
    }
}

/// The groups that this process is in, with all that hold them: the limit of each counts (cgroups(7)).
fn control_groups(cgroup: &str, mountinfo: &str) -> Vec<ControlGroup> {
    let mut groups = Vec::new();
    for line in cgroup.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let unified = controllers.is_empty();
        if !unified && !controllers.split(',').any(|name| name == "memory") {
            continue;
        }
        let Some((mounted, at)) = mountinfo.lines().find_map(|line| mount(line, unified)) else { continue };
        // In a container the mount may show a group below the one that the path begins with.
        let below = Path::new(path).strip_prefix(mounted).unwrap_or(Path::new(""));
        let folders = below.ancestors().map(|below| Path::new(at).components().chain(below.components()).collect());
        groups.extend(folders.map(|folder| ControlGroup { folder, unified }));
    }
    groups
}

/// What a line of mountinfo (proc_pid_mountinfo(5)) mounts and where, if that is the groups of memory.
fn mount(line: &str, unified: bool) -> Option<(&str, &str)> {
    let (place, system) = line.split_once(" - ")?;
    let mut system = system.split(' ');
    let (kind, options) = (system.next()?, system.nth(1)?);
    let fits = match unified {
        true => kind == "cgroup2",
        false => kind == "cgroup" && options.split(',').any(|option| option == "memory"),
    };
    let mut place = place.split(' ').skip(3);
    fits.then_some((place.next()?, place.next()?))
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
        let found = of_system(system(files).path()).expect("a limit");
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
        assert_eq!(of_system(system(&[]).path()), None);
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
