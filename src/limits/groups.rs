//! The control groups of memory that a process is in (cgroups(7)), and what is left of each.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use super::Memory;

/// A control group of memory, version 1 or 2, that this process is in.
#[derive(Debug, PartialEq)]
pub(super) struct ControlGroup {
    folder: PathBuf,
    unified: bool,
}

impl ControlGroup {
    /// Its limit less what is used by more than reclaimable files.
    pub(super) fn left(&self, root: &Path) -> Option<Memory> {
        let folder = root.join(self.folder.strip_prefix("/").unwrap_or(&self.folder));
        let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
        let (most, used, files) = match self.unified {
            true => {
                // `max` where there is no limit. Beyond `high` a group is slowed down until it stands still.
                let limits = [number("memory.max"), number("memory.high")];
                (limits.into_iter().flatten().min()?, number("memory.current"), "inactive_file ")
            }
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
pub(super) fn control_groups(cgroup: &str, mountinfo: &str) -> Vec<ControlGroup> {
    let mut groups = Vec::new();
    for line in cgroup.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let unified = controllers.is_empty();
        if !unified && !controllers.split(',').any(|name| name == "memory") {
            continue;
        }
        for folder in folders(path, &mountinfo.lines().filter_map(|line| mount(line, unified)).collect::<Vec<_>>()) {
            let group = ControlGroup { folder, unified };
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
    }
    groups
}

/// What a mount shows of the tree of groups, and where.
type Mount<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Where a group and those that hold it lie, in each mount that shows it.
fn folders(path: &str, mounts: &[Mount]) -> Vec<PathBuf> {
    let below = |(shown, at): &Mount| {
        let below = Path::new(path).strip_prefix(&**shown).ok()?;
        Some(below.ancestors().map(|below| Path::new(&**at).components().chain(below.components()).collect()).collect())
    };
    let folders: Vec<PathBuf> = mounts.iter().filter_map(below).flat_map(|of_mount: Vec<PathBuf>| of_mount).collect();
    match folders.is_empty() {
        // In a container the mount may show a group below the one that the path begins with.
        true => mounts.iter().map(|(_, at)| PathBuf::from(&**at)).collect(),
        false => folders,
    }
}

/// What a line of mountinfo (proc_pid_mountinfo(5)) mounts and where, if that is the groups of memory.
fn mount(line: &str, unified: bool) -> Option<Mount<'_>> {
    let (place, system) = line.split_once(" - ")?;
    let mut system = system.split(' ');
    let (kind, options) = (system.next()?, system.nth(1)?);
    let fits = match unified {
        true => kind == "cgroup2",
        false => kind == "cgroup" && options.split(',').any(|option| option == "memory"),
    };
    let mut place = place.split(' ').skip(3);
    fits.then_some((unescaped(place.next()?), unescaped(place.next()?)))
}

/// A path of mountinfo, which has blanks, line ends and backslashes as `\\040`, in octal.
fn unescaped(field: &str) -> Cow<'_, str> {
    let mut parts = field.split('\\');
    let mut text = Cow::Borrowed(parts.next().unwrap_or_default());
    for part in parts {
        let octal = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal.filter(u8::is_ascii) {
            Some(byte) => text.to_mut().extend([char::from(byte)].into_iter().chain(part[3..].chars())),
            None => text.to_mut().extend(['\\'].into_iter().chain(part.chars())),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders_of(cgroup: &str, mountinfo: &str) -> Vec<String> {
        let text = |group: ControlGroup| group.folder.display().to_string();
        control_groups(cgroup, mountinfo).into_iter().map(text).collect()
    }

    #[test]
    fn paths_of_mounts_are_read_with_their_blanks() {
        for (field, text) in
            [("/a\\040b\\134c", "/a b\\c"), ("/plain", "/plain"), ("\\012", "\n"), ("/x\\", "/x\\"), ("/\\9", "/\\9")]
        {
            assert_eq!(unescaped(field), text);
        }
        let mountinfo = "30 23 0:26 /jobs\\040of\\040mine /groups\\040here rw - cgroup2 cgroup2 rw\n";
        assert_eq!(folders_of("0::/jobs of mine/1\n", mountinfo), ["/groups here/1", "/groups here"]);
    }

    #[test]
    fn of_several_mounts_those_count_that_show_the_group() {
        let mountinfo = "29 23 0:26 /other /other rw - cgroup2 cgroup2 rw\n\
                         30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
                         31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                         32 23 0:26 /a /mine rw - cgroup2 cgroup2 rw\n\
                         33 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let found = folders_of("0::/a/b\n", mountinfo);
        let all = ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup", "/mine/b", "/mine"];
        assert_eq!(found, all);
        // Where none shows it, each shows the own one of a container.
        let mountinfo = "30 23 0:26 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(folders_of("0::/\n", mountinfo), ["/sys/fs/cgroup"]);
        assert!(folders_of("0::/\n", "").is_empty());
    }
}
