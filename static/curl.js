// The requests that the page makes as commands for a shell. A token stands in them as $TOKEN, never itself.
// Must not send or copy anything.
import { currentToken } from "/static/session.js";

/** The commands about one job: `{ title, command }` each. */
export function jobCommands(job) {
  const path = `/api/jobs/${encodeURIComponent(job.id)}`;
  return [
    { title: "Start the same again", command: startCommand({ brand_id: job.brand_id, job_type: job.job_type, input_data: job.input_data ?? {} }) },
    { title: "Status", command: curl({ path: `${path}/status` }) },
    { title: "Events, as they happen", command: curl({ path: `${path}/events`, isStream: true }) },
    { title: "Result", command: curl({ path: `${path}/result` }) },
    { title: "Cancel", command: curl({ method: "POST", path: `${path}/cancel` }) },
    { title: "Retry", command: curl({ method: "POST", path: `${path}/retry` }) },
  ];
}

/** The commands about a brand's jobs. */
export function brandCommands(brandId, filter) {
  const query = new URLSearchParams({ brand_id: brandId });
  if (filter.status !== null) query.set("status", filter.status);
  if (filter.jobType !== null) query.set("job_type", filter.jobType);
  return [
    { title: "List these jobs", command: curl({ path: `/api/jobs?${query}` }) },
    { title: "Events of all jobs, as they happen", command: curl({ path: `/api/brands/${encodeURIComponent(brandId)}/events`, isStream: true }) },
  ];
}

/** The command that starts a job. */
export function startCommand(request) {
  return curl({ method: "POST", path: "/api/jobs/start", body: request });
}

function curl({ method = "GET", path, body, isStream = false }) {
  const parts = [`curl ${isStream ? "-sN" : "-s"} ${quoted(location.origin + path)}`];
  if (method !== "GET" && body === undefined) parts.push(`-X ${method}`);
  // In double quotes, so that the shell puts the token in.
  if (currentToken() !== null) parts.push('-H "Authorization: Bearer $TOKEN"');
  if (body !== undefined) parts.push(`-H ${quoted("Content-Type: application/json")}`, `-d ${quoted(JSON.stringify(body))}`);
  return parts.join(" \\\n  ");
}

// Nothing but the quote itself means anything between single quotes.
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
