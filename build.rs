//! Tells the compiler which commit is built, for `jobcast --version`.
//! Must not fail: a source archive or an image has no git, and says the commit in `GIT_COMMIT` or not at all.

use std::path::Path;
use std::process::Command;

/// As many digits as git itself shows in a large repository.
const DIGITS: usize = 12;

fn main() {
    println!("cargo:rerun-if-env-changed=GIT_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    let named = std::env::var("GIT_COMMIT").ok().and_then(|commit| as_commit(&commit));
    let commit = named.or_else(checked_out);
    let version = env!("CARGO_PKG_VERSION");
    let version = commit.map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo:rustc-env=JOBCAST_VERSION={version}");
}

/// The commit of this folder's own repository; not of one that it merely lies in, such as a vendoring project's.
fn checked_out() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let here = std::env::var_os("CARGO_MANIFEST_DIR")?;
    if Path::new(&root).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    // Git writes a line there with each commit and each checkout. Watched only where it is: a missing file would make
    // every build a new one.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    as_commit(&git(&["rev-parse", "HEAD"])?)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn as_commit(text: &str) -> Option<String> {
    let text = text.trim();
    let is_commit = text.len() >= 7 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    is_commit.then(|| text.chars().take(DIGITS).collect::<String>().to_lowercase())
}
