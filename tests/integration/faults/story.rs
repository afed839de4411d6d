//! What was done and seen in a run, with its time, so that the log of a failing seed tells what happened.
//! Must not decide whether any of it is a failure, except where it is told so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;

/// A cheap handle to the story of a run.
#[derive(Clone)]
pub struct Story {
    began: Instant,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    lines: Vec<String>,
    /// How often each kind of thing happened.
    counts: BTreeMap<String, usize>,
    /// What must not happen and did, seen on the way.
    violations: Vec<String>,
}

impl Story {
    pub fn begin() -> Story {
        Story { began: Instant::now(), told: Arc::default() }
    }

    /// Tells what happened; what is of the same kind is counted together.
    pub fn tell(&self, kind: &str, what: impl AsRef<str>) {
        let line = format!("{:8.3}  {kind:<22} {}", self.began.elapsed().as_secs_f64(), what.as_ref());
        let mut told = self.told();
        told.lines.push(line);
        *told.counts.entry(kind.to_owned()).or_default() += 1;
    }

    /// Tells what must not happen.
    pub fn violation(&self, what: impl Into<String>) {
        let what = what.into();
        self.tell("VIOLATION", &what);
        self.told().violations.push(what);
    }

    pub fn violations(&self) -> Vec<String> {
        self.told().violations.clone()
    }

    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.told().counts.clone()
    }

    pub fn text(&self) -> String {
        self.told().lines.join("\n")
    }

    /// Writes the story, and what else is left behind, into a folder of this name.
    pub fn leave(&self, name: &str, more: &[(String, &str)]) {
        let folder = Story::folder(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let story = ("story.txt".to_owned(), self.text());
        for (file, text) in more.iter().map(|(file, text)| (file, *text)).chain([(&story.0, story.1.as_str())]) {
            std::fs::write(folder.join(file), text).expect("a file can be written");
        }
    }

    /// Where a story of this name is left.
    pub fn folder(name: &str) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults").join(name)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }
}
