//! What was measured as a page: the conditions, the tables, and the part of `benches/README.md` that is made of them.
//! Must not measure anything.

use std::path::Path;

use crate::Outcome;
use crate::database::Kind;
use crate::results::Results;
use crate::scenarios::{ALL, Extent};

/// The generated part of the page stands between these.
const BEGIN: &str = "<!-- results: begin -->";
const END: &str = "<!-- results: end -->";

/// What the figures depend on.
pub fn conditions(extent: Extent) -> Outcome<Vec<String>> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown processor");
    let memory = read("/proc/meminfo");
    let memory: f64 = memory.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
    let cores = std::thread::available_parallelism()?;
    let mut all = vec![
        chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string(),
        format!("{cores} cores of {}", cpu.trim_start_matches(['\t', ':', ' '])),
        format!("{:.0} GiB of memory", memory / 1024.0 / 1024.0),
        format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        format!("load before the run {}", read("/proc/loadavg").split(' ').next().unwrap_or("unknown")),
        format!("{} rounds in turn", extent.rounds),
    ];
    for kind in [Kind::Sqlite, Kind::Postgres].into_iter().filter(|kind| kind.is_there()) {
        all.push(kind.conditions()?);
    }
    Ok(all)
}

/// Writes what was saved into the page between the marks.
pub fn write(folder: &Path) -> Outcome<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/README.md");
    let page = std::fs::read_to_string(&file)?;
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| format!("{} has no line {BEGIN}", file.display()))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("{} has no line {END}", file.display()))?;
    let mut generated = String::new();
    for scenario in ALL {
        let Some(results) = Results::load(folder, scenario.name)? else { continue };
        generated.push_str(&format!("\n## {}: {}\n\n", scenario.name, scenario.about));
        generated.push_str(&format!("{}.\n", results.conditions.join("; ")));
        generated.push_str(&format!("\n{}", results.markdown()));
        for plot in &results.plots {
            generated.push_str(&format!("\n![{}](results/{})\n", plot.title, plot.file));
        }
    }
    Ok(std::fs::write(file, format!("{before}{BEGIN}\n{generated}\n{END}{after}"))?)
}
