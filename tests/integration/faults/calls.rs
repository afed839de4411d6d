//! Whose an upstream call is: the job by a mark in its input, the step by the endpoint, the attempt by the process.
//! Must not look at clocks: an attempt that was frozen may call late.

use std::collections::BTreeMap;

use serde_json::Value;

/// One of the three upstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    Gtm,
    Claude,
    Foreplay,
}

impl Upstream {
    pub fn name(self) -> &'static str {
        match self {
            Upstream::Gtm => "gtm",
            Upstream::Claude => "claude",
            Upstream::Foreplay => "foreplay",
        }
    }

    pub fn of(name: &str) -> Option<Upstream> {
        [Upstream::Gtm, Upstream::Claude, Upstream::Foreplay].into_iter().find(|upstream| upstream.name() == name)
    }

    /// What kind of call it is: the endpoint without what all of them begin with.
    pub fn kind(self, path: &str) -> &'static str {
        const KINDS: [&str; 5] =
            ["analyze-brand-enhanced", "extract-brand", "discover-brand-pages", "discovery/ads", "messages"];
        KINDS.into_iter().find(|kind| path.ends_with(kind)).unwrap_or("unknown")
    }
}

/// A call as the gateway saw it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The process that made it.
    pub caller: usize,
    pub kind: &'static str,
    /// The job, by its number in the run.
    pub case: usize,
}

/// The step of a job type that makes calls of this kind.
pub fn step_of(job_type: &str, kind: &str) -> Option<&'static str> {
    Some(match (job_type, kind) {
        ("brand_intelligence", "analyze-brand-enhanced") => "analyze_site",
        ("brand_intelligence", "messages") => "extract_intelligence",
        ("competitor_analysis", "discovery/ads") => "search_ads",
        ("competitor_analysis", "messages") => "analyze_ads",
        ("target_audiences", "messages") => "generate_personas",
        ("products_services", "messages") => "generate_products",
        ("campaigns", "messages") => "generate_campaigns",
        ("brand_extraction", "extract-brand") => "extract_brand",
        ("page_discovery", "discover-brand-pages") => "discover_pages",
        _ => return None,
    })
}

/// The mark of a case, as it stands in the input of its job.
pub fn mark(case: usize) -> String {
    format!("case-{case:05}")
}

/// The case whose mark a call carries.
pub fn case_of(upstream: Upstream, query: &str, body: &[u8]) -> Option<usize> {
    match upstream {
        Upstream::Gtm | Upstream::Foreplay => marked(query).or_else(|| marked(&String::from_utf8_lossy(body))),
        Upstream::Claude => {
            let body: Value = serde_json::from_slice(body).ok()?;
            let question = body["messages"][0]["content"].as_str()?;
            match question.split_once("<brand_context>") {
                Some((_, context)) => of_brand_context(context.split_once("</brand_context>")?.0),
                None => marked(question),
            }
        }
    }
}

/// The context of a brand tells of its earlier jobs too.
fn of_brand_context(context: &str) -> Option<usize> {
    let context: Value = serde_json::from_str(context).ok()?;
    let described = context["audience_description"].as_str();
    marked(described.or_else(|| context["brand_intelligence"]["brand_name"].as_str())?)
}

fn marked(text: &str) -> Option<usize> {
    text.split_once("case-")?.1.get(..5)?.parse().ok()
}

/// The attempts that a process began, job by job, as its log tells.
pub fn attempts_in(log: &str) -> BTreeMap<String, Vec<i64>> {
    let mut attempts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("attempt begins")) {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
        if let (Some(job_id), Some(attempt)) = (entry["span"]["job_id"].as_str(), entry["span"]["attempt"].as_i64()) {
            attempts.entry(job_id.to_owned()).or_default().push(attempt);
        }
    }
    attempts
}
