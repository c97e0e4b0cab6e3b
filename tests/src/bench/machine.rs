//! Where the figures come from.

/// Processor, cores and system in one line.
pub(crate) fn describe(cores: usize) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| rest.trim_start_matches(|c: char| c.is_whitespace() || c == ':'));
    let load = read("/proc/loadavg");
    format!(
        "{model}, {cores} cores, {} {}, load at start {}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        load.split(' ').next().unwrap_or("?")
    )
}
