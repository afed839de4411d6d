//! `jobcast demo` as a person starts it: in a folder of its own, read from its terminal.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use url::Url;

use super::{Client, Program, jobcast};

/// A demo lives as long as a test at most.
const LIFETIME: Duration = Duration::from_secs(300);

/// A running demo; gone with its folder when dropped.
pub struct Demo {
    pub url: Url,
    /// What it printed before it served.
    pub banner: String,
    pub program: Program,
    folder: TempDir,
}

impl Demo {
    /// Starts it on a free port; returns when its banner is there.
    pub async fn start() -> Demo {
        Demo::with(&[]).await
    }

    /// The same with further flags.
    pub async fn with(more: &[&str]) -> Demo {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut program = Demo::started_in(folder.path(), &[&["--port", "0"], more].concat());
        program.prints("Ctrl-C").await;
        let banner = program.out.so_far().to_owned();
        let address = banner.split_whitespace().find(|word| word.starts_with("http://"));
        let url = Url::parse(address.expect("the banner has an address")).expect("it is a URL");
        Demo { url, banner, program, folder }
    }

    /// Starts the program in a folder, perhaps in vain.
    pub fn started_in(folder: &Path, flags: &[&str]) -> Program {
        Program::start(jobcast().arg("demo").args(flags).current_dir(folder), LIFETIME)
    }

    pub fn client(&self) -> Client {
        Client::new(self.url.clone())
    }

    /// Where it was started.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
