//! The machine that the program runs on, as far as the system tells: what a figure of speed is worth nothing without.

use std::thread::available_parallelism;

/// What is known of the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// The processor's name, by /proc/cpuinfo of Linux on x86.
    pub processor: Option<String>,
    /// Cores that this process may use.
    pub cores: Option<usize>,
    /// Bytes of main memory, by /proc/meminfo of Linux.
    pub memory: Option<u64>,
}

/// The host.
pub fn machine() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    Machine {
        processor: processor(&read("/proc/cpuinfo")),
        cores: available_parallelism().ok().map(usize::from),
        memory: memory(&read("/proc/meminfo")),
    }
}

/// What stands behind the first of these keys.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    let mut found = pairs.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim());
    found.find(|value| !value.is_empty())
}

fn processor(cpuinfo: &str) -> Option<String> {
    // Some vendors pad the name.
    value(cpuinfo, "model name").map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn memory(meminfo: &str) -> Option<u64> {
    value(meminfo, "MemTotal")?.strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read_and_what_it_does_not_is_unknown() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some  CPU @ 2.0GHz\n\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(processor(cpuinfo).as_deref(), Some("Some CPU @ 2.0GHz"));
        assert_eq!(memory("MemTotal:       16384 kB\nMemFree:  1 kB\n"), Some(16384 * 1024));
        // As on ARM, and off Linux.
        assert_eq!(processor("processor\t: 0\nCPU part\t: 0xd0c\n"), None);
        assert_eq!((processor(""), memory(""), memory("MemTotal: some kB\n")), (None, None, None));
    }
}
