//! The name, kind and meaning of everything that `/metrics` shows.
//! Must not count anything, but for the zeros of those who keep their own counters.

pub(super) const BUILD_INFO: &str = "jobcast_build_info";

pub(super) const JOBS_CREATED: &str = "jobcast_jobs_created_total";
pub(super) const JOBS_COMPLETED: &str = "jobcast_jobs_completed_total";
pub(super) const JOBS_FAILED: &str = "jobcast_jobs_failed_total";
pub(super) const JOBS_CANCELLED: &str = "jobcast_jobs_cancelled_total";
pub(super) const JOBS_REQUEUED: &str = "jobcast_jobs_requeued_total";
pub(super) const STARTS_REFUSED: &str = "jobcast_starts_refused_total";
pub(super) const ATTEMPTS_STARTED: &str = "jobcast_attempts_started_total";
pub(super) const ATTEMPTS_RETRIED: &str = "jobcast_attempts_retried_total";
pub(super) const ATTEMPTS_RUNNING: &str = "jobcast_attempts_running";
pub(super) const ATTEMPT_DURATION: &str = "jobcast_attempt_duration_seconds";
pub(super) const STEP_DURATION: &str = "jobcast_step_duration_seconds";

pub(super) const QUEUE_JOBS: &str = "jobcast_jobs";
pub(super) const QUEUE_AGE: &str = "jobcast_oldest_due_job_age_seconds";
pub(super) const QUEUE_READ_FAILURES: &str = "jobcast_queue_read_failures_total";

pub(super) const EVENTS_APPENDED: &str = "jobcast_events_appended_total";
pub(super) const COMMIT_WRITES: &str = "jobcast_commit_writes";
pub(super) const COMMIT_DURATION: &str = "jobcast_commit_duration_seconds";
pub(super) const COMMIT_ERRORS: &str = "jobcast_commit_errors_total";
pub(super) const COMMIT_DETOURS: &str = "jobcast_commit_detours_total";
pub(super) const COMMIT_TO_SOCKET: &str = "jobcast_commit_to_socket_seconds";
pub(super) const REPLAYED_EVENTS: &str = "jobcast_replayed_events_total";
pub(super) const LAGGED_READERS: &str = "jobcast_lagged_readers_total";

pub(super) const STREAMS_OPEN: &str = "jobcast_streams_open";
pub(super) const STREAMS_OPENED: &str = "jobcast_streams_opened_total";
pub(super) const STREAMS_REFUSED: &str = "jobcast_streams_refused_total";
pub(super) const STREAMS_ENDED: &str = "jobcast_streams_ended_total";

pub(super) const HTTP_REQUESTS: &str = "jobcast_http_requests_total";
pub(super) const HTTP_DURATION: &str = "jobcast_http_request_duration_seconds";
pub(super) const STATUS_POLLS: &str = "jobcast_status_polls_total";
pub(super) const CONNECTIONS_OPEN: &str = "jobcast_connections_open";
pub(super) const CONNECTIONS_REFUSED: &str = "jobcast_connections_refused_total";
pub(super) const CONNECTIONS_STALLED: &str = "jobcast_connections_stalled_total";

pub(super) const HEARS_OTHERS: &str = "jobcast_listener_connected";
pub(super) const RELAYED_EVENTS: &str = "jobcast_relayed_events_total";
pub(super) const WEBHOOKS: &str = "jobcast_webhooks_total";

const UPSTREAM_CALLS: &str = "jobcast_upstream_calls_total";
const CLAUDE_TOKENS: &str = "jobcast_claude_tokens_total";
const FOREPLAY_CREDITS: &str = "jobcast_foreplay_credits_total";

/// The names of processes' metrics are those that every Prometheus client library uses.
pub(super) const PROCESS_CPU: &str = "process_cpu_seconds_total";
pub(super) const PROCESS_MEMORY: &str = "process_resident_memory_bytes";
pub(super) const PROCESS_FILES: &str = "process_open_fds";
pub(super) const PROCESS_START: &str = "process_start_time_seconds";

const COUNTERS: &[(&str, &str)] = &[
    (JOBS_CREATED, "Jobs that clients started"),
    (JOBS_COMPLETED, "Jobs that completed"),
    (JOBS_FAILED, "Jobs that were given up, by the class of the reason"),
    (JOBS_CANCELLED, "Jobs that a user stopped"),
    (JOBS_REQUEUED, "Failed or cancelled jobs that a user put back in the queue"),
    (STARTS_REFUSED, "Starts and retries that were refused with 429, by the limit"),
    (ATTEMPTS_STARTED, "Attempts that this instance began"),
    (ATTEMPTS_RETRIED, "Attempts that ended without a result and are followed by another, by the class of the reason"),
    (QUEUE_READ_FAILURES, "Times that the queue could not be read; its gauges are old then"),
    (EVENTS_APPENDED, "Events that this instance committed"),
    (COMMIT_ERRORS, "Commits that failed: unavailable ones are tried again, refused ones are not"),
    (
        COMMIT_DETOURS,
        "Batches that PostgreSQL did not take as one statement, because rows had changed or it refused the statement",
    ),
    (REPLAYED_EVENTS, "Events that viewers were sent from memory or the database, after deltas were joined"),
    (LAGGED_READERS, "Times that a viewer was too slow for the live channel and had to look back"),
    (STREAMS_OPENED, "Event streams that were opened"),
    (STREAMS_REFUSED, "Event streams that were refused, by the limit"),
    (STREAMS_ENDED, "Event streams that ended: over with the job, drained, expired with their token, failed, or left"),
    (HTTP_REQUESTS, "Requests by route, method and class of status"),
    (STATUS_POLLS, "Requests for a job's status: the fallback where streams do not get through"),
    (CONNECTIONS_REFUSED, "Connections that were refused because as many are open as may be"),
    (CONNECTIONS_STALLED, "Connections that were cut because their client had stopped reading"),
    (WEBHOOKS, "Calls to the webhooks of jobs that are over, by what came of them"),
    (UPSTREAM_CALLS, "Calls to the upstream APIs, by how they ended"),
    (CLAUDE_TOKENS, "Claude's tokens, by what they were used for"),
    (FOREPLAY_CREDITS, "Credits of the ad library that were used up"),
    (RELAYED_EVENTS, "Events of other instances that viewers here were shown, by how they were found"),
    (PROCESS_CPU, "CPU time of this process, user and system, in seconds"),
];

const GAUGES: &[(&str, &str)] = &[
    (BUILD_INFO, "1, with the version that runs"),
    (QUEUE_JOBS, "Jobs that wait or are under way, over all instances: take the maximum, not the sum"),
    (QUEUE_AGE, "For how long the oldest job that could be claimed has been waiting, over all instances, in seconds"),
    (ATTEMPTS_RUNNING, "Attempts that are under way in this instance"),
    (STREAMS_OPEN, "Event streams that are open"),
    (CONNECTIONS_OPEN, "Connections that are open"),
    (HEARS_OTHERS, "1 while the commits of other instances are heard, 0 while they are polled for"),
    ("jobcast_foreplay_credits_remaining", "Credits that the ad library's account had left at the last call"),
    (PROCESS_MEMORY, "Memory of this process, in bytes"),
    (PROCESS_FILES, "Files and sockets that this process has open"),
    (PROCESS_START, "When this process began, in seconds since 1970"),
];

const HISTOGRAMS: &[(&str, &str)] = &[
    (ATTEMPT_DURATION, "How long attempts took, by how they ended, in seconds"),
    (STEP_DURATION, "How long steps took that were not finished before, in seconds"),
    (COMMIT_WRITES, "How many writes were committed together"),
    (COMMIT_DURATION, "How long a commit took that succeeded, in seconds"),
    (COMMIT_TO_SOCKET, "From the commit of an event on this instance until its frame went to a socket, in seconds"),
    (HTTP_DURATION, "From a request's head to its answer's head, in seconds"),
];

const WORK: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
const QUICK: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const REQUESTS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0];

/// The upper bounds of each histogram.
pub(super) const BUCKETS: &[(&str, &[f64])] = &[
    (ATTEMPT_DURATION, WORK),
    (STEP_DURATION, WORK),
    (COMMIT_WRITES, SIZES),
    (COMMIT_DURATION, QUICK),
    (COMMIT_TO_SOCKET, QUICK),
    (HTTP_DURATION, REQUESTS),
];

pub(super) fn describe() {
    for (name, meaning) in COUNTERS {
        metrics::describe_counter!(*name, *meaning);
    }
    for (name, meaning) in GAUGES {
        metrics::describe_gauge!(*name, *meaning);
    }
    for (name, meaning) in HISTOGRAMS {
        metrics::describe_histogram!(*name, *meaning);
    }
}

/// The upstream clients import nothing of the crate, so their counters begin here.
pub(super) fn register() {
    for upstream in ["gtm", "foreplay", "claude"] {
        for outcome in ["ok", "refused", "rate_limited", "unavailable", "timeout", "invalid_answer", "cancelled"] {
            metrics::counter!(UPSTREAM_CALLS, "upstream" => upstream, "outcome" => outcome).absolute(0);
        }
    }
    for kind in ["input", "output", "cache_read", "cache_creation"] {
        metrics::counter!(CLAUDE_TOKENS, "kind" => kind).absolute(0);
    }
    metrics::counter!(FOREPLAY_CREDITS).absolute(0);
}
