// One job with all that the hook tells of it: a reload finds it again, and shows the same.
import { useBackgroundJob } from "@jobcast/client/react";
import { nameOf } from "./JobList";

export function JobPage({ jobId }: { jobId: string }) {
  const { job, connection, isPolling, text, events, error, cancel, retry } = useBackgroundJob(jobId);
  const canRetry = job?.status === "failed" || job?.status === "cancelled";
  return (
    <article>
      <h1 id="job" tabIndex={-1}>{job ? nameOf(job) : "Job"}</h1>
      <p className="row">
        <strong id="status" data-status={job?.status}>{job?.status ?? "…"}</strong>
        <span id="connection" className="note">{connection}</span>
      </p>
      <p id="step" role="status">{job?.status === "processing" ? job.current_step : (job?.error_message ?? "")}</p>
      <progress id="bar" max={100} value={job?.progress ?? 0} aria-labelledby="step" />
      <p className="row">
        <button id="cancel" onClick={cancel} disabled={!isPolling}>Cancel</button>
        <button id="retry" onClick={retry} disabled={!canRetry}>Retry</button>
        <a href="#/">All jobs</a>
      </p>
      {error && <p id="error" role="alert">{error.message}</p>}
      <pre id="text" tabIndex={0} aria-label="What the model writes">{text}</pre>
      {job?.result_data && <pre id="result" tabIndex={0} aria-label="Result">{JSON.stringify(job.result_data, null, 2)}</pre>}
      <ol id="events" className="note">
        {events.map((event) => <li key={event.seq} value={event.seq}>{event.type}</li>)}
      </ol>
    </article>
  );
}
