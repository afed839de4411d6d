//! Every job type, end to end on the stand-ins: what it calls, what it saves, and that no finished call is repeated.

use jobcast::demo::{Behaviour, Counts, StandIns};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::databases::TestDatabase;
use crate::harness::{Client, Site};

mod boundaries;
mod completing;
mod failing;

/// An upstream that a job calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upstream {
    Gtm,
    Foreplay,
    Claude,
}

/// What is the same for each test of a job type.
struct Case {
    job_type: &'static str,
    input_data: fn(&Site) -> Value,
    /// Whether the brand must have brand intelligence.
    needs_intelligence: bool,
    /// The upstream calls in their order.
    calls: &'static [Upstream],
    /// The table that it saves to: one row, or one for each item where the result has a list of this name.
    table: &'static str,
}

const BRAND_INTELLIGENCE: Case = Case {
    job_type: "brand_intelligence",
    input_data: |site| json!({"url": site.url}),
    needs_intelligence: false,
    calls: &[Upstream::Gtm, Upstream::Claude],
    table: "brand_intelligence",
};

const COMPETITOR_ANALYSIS: Case = Case {
    job_type: "competitor_analysis",
    input_data: |_| json!({"competitor_name": "Acme Shoes", "start_date": "2000-01-01", "limit": 60}),
    needs_intelligence: false,
    calls: &[Upstream::Foreplay, Upstream::Claude],
    table: "competitor_analyses",
};

const TARGET_AUDIENCES: Case = Case {
    job_type: "target_audiences",
    input_data: |_| json!({"audience_description": "People who drink tea at work."}),
    needs_intelligence: false,
    calls: &[Upstream::Claude],
    table: "target_audiences",
};

const PRODUCTS_SERVICES: Case = Case {
    job_type: "products_services",
    input_data: |_| json!({}),
    needs_intelligence: true,
    calls: &[Upstream::Claude],
    table: "products_services",
};

const CAMPAIGNS: Case = Case {
    job_type: "campaigns",
    input_data: |_| json!({}),
    needs_intelligence: true,
    calls: &[Upstream::Claude],
    table: "campaigns",
};

const BRAND_EXTRACTION: Case = Case {
    job_type: "brand_extraction",
    input_data: |site| json!({"url": site.url}),
    needs_intelligence: false,
    calls: &[Upstream::Gtm],
    table: "brand_data",
};

const PAGE_DISCOVERY: Case = Case {
    job_type: "page_discovery",
    input_data: |site| json!({"url": site.url}),
    needs_intelligence: false,
    calls: &[Upstream::Gtm],
    table: "brand_pages",
};

impl Case {
    /// A client of a brand for which the job can be started.
    async fn client(&self, client: Client, site: &Site) -> Client {
        if self.needs_intelligence {
            let id = client.start(&site.url).await;
            client.until(&id, "completed").await;
        }
        client
    }

    async fn start(&self, client: &Client, site: &Site) -> String {
        client.start_job(self.job_type, &(self.input_data)(site)).await
    }

    /// How many rows the job saves.
    fn rows_in(&self, result_data: &Value) -> i64 {
        result_data[self.table].as_array().map_or(1, |items| items.len() as i64)
    }

    /// How many rows the brand has.
    async fn rows_of(&self, database: &TestDatabase, brand_id: Uuid) -> i64 {
        let brand = database.id_literal(brand_id);
        database.number(&format!("SELECT count(*) FROM {} WHERE brand_id = {brand}", self.table)).await
    }
}

impl Upstream {
    const ALL: [Upstream; 3] = [Upstream::Gtm, Upstream::Foreplay, Upstream::Claude];

    fn script(self, stand_ins: &StandIns, behaviour: Behaviour) {
        match self {
            Upstream::Gtm => stand_ins.gtm.script(behaviour),
            Upstream::Foreplay => stand_ins.foreplay.script(behaviour),
            Upstream::Claude => stand_ins.claude.script(behaviour),
        }
    }

    fn counts(self, stand_ins: &StandIns) -> Counts {
        match self {
            Upstream::Gtm => stand_ins.gtm.counts(),
            Upstream::Foreplay => stand_ins.foreplay.counts(),
            Upstream::Claude => stand_ins.claude.counts(),
        }
    }
}

/// Calls so far, upstream by upstream.
fn calls(stand_ins: &StandIns) -> [usize; 3] {
    Upstream::ALL.map(|upstream| upstream.counts(stand_ins).calls)
}

/// The calls since, upstream by upstream.
fn calls_since(stand_ins: &StandIns, before: [usize; 3]) -> [usize; 3] {
    let now = calls(stand_ins);
    [0, 1, 2].map(|upstream| now[upstream] - before[upstream])
}

/// The calls of a list, upstream by upstream.
fn tally(list: &[Upstream]) -> [usize; 3] {
    Upstream::ALL.map(|upstream| list.iter().filter(|called| **called == upstream).count())
}
