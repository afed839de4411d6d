//! What was measured as a page: the conditions, the tables, and the parts of the two READMEs that are made of them.
//! Must not measure anything.

use std::path::Path;

use crate::Outcome;
use crate::database::Kind;
use crate::results::Results;
use crate::scenarios::{ALL, Extent};
use crate::summary;

/// The generated part of a page stands between these.
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

/// Writes what was saved into the two pages between their marks.
pub fn write(folder: &Path) -> Outcome<()> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    fill(&project.join("benches/README.md"), &all_tables(folder)?)?;
    fill(&project.join("README.md"), &summary::markdown(folder)?)
}

fn all_tables(folder: &Path) -> Outcome<String> {
    let mut text = String::new();
    for scenario in ALL {
        let Some(results) = Results::load(folder, scenario.name)? else { continue };
        text.push_str(&format!("## `{}`: {}\n\n", scenario.name, scenario.about));
        text.push_str(&format!("{}.\n\n{}", results.conditions.join("; "), results.markdown()));
        for plot in &results.plots {
            text.push_str(&format!("\n![{}](results/{})\n", plot.title, plot.file));
        }
        text.push('\n');
    }
    Ok(text)
}

fn fill(page: &Path, generated: &str) -> Outcome<()> {
    let text = std::fs::read_to_string(page)?;
    let without = |mark: &str| format!("{} has no line {mark}", page.display());
    let (before, rest) = text.split_once(BEGIN).ok_or_else(|| without(BEGIN))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| without(END))?;
    Ok(std::fs::write(page, format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", generated.trim()))?)
}
