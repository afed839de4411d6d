// The HTTP calls of the contract, their errors, and the server's clock.
import { authorization, currentToken, hasOtherToken } from "/static/session.js";

const TIMEOUT = 15_000;

let clockOffset = 0;

/** The server's idea of now in milliseconds, from the `Date` of its last answer (to the second). */
export function serverNow() {
  return Date.now() + clockOffset;
}

/** A refusal in the contract's shape; `code` is `unreachable` when there was no answer at all. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = "unknown", field = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

export const fetchJobTypes = () => call("GET", "/api/job-types");
export const fetchStatus = (jobId) => call("GET", `${jobPath(jobId)}/status`);
export const fetchResult = (jobId) => call("GET", `${jobPath(jobId)}/result`);
export const cancelJob = (jobId) => call("POST", `${jobPath(jobId)}/cancel`);
export const retryJob = (jobId) => call("POST", `${jobPath(jobId)}/retry`);

/** Starts a job. The same `idempotencyKey` with the same body never starts a second one. */
export function startJob(request, idempotencyKey) {
  return call("POST", "/api/jobs/start", { body: request, headers: { "Idempotency-Key": idempotencyKey } });
}

/** One page of a brand's jobs, newest first, perhaps of one type and status. */
export function listJobs(brandId, { cursor = null, limit = 20, jobType = null, status = null } = {}) {
  const query = new URLSearchParams({ brand_id: brandId, limit: String(limit) });
  for (const [name, value] of Object.entries({ cursor, job_type: jobType, status })) {
    if (value !== null) query.set(name, value);
  }
  return call("GET", `/api/jobs?${query}`);
}

/** Where a job's status, result and event stream are. */
export function jobPath(jobId) {
  return `/api/jobs/${encodeURIComponent(jobId)}`;
}

/** Where a brand's event stream is. */
export function brandPath(brandId) {
  return `/api/brands/${encodeURIComponent(brandId)}`;
}

async function call(method, path, { body, headers = {} } = {}) {
  const used = currentToken();
  const answer = await send(method, path, body, headers);
  noteClock(answer.headers.get("Date"));
  const parsed = await answer.json().catch(() => null);
  if (parsed === null || typeof parsed !== "object") {
    throw new ApiError(`The server answered ${answer.status} without JSON.`, { status: answer.status, code: "not_json" });
  }
  if (!answer.ok || parsed.success === false) {
    const message = typeof parsed.error === "string" ? parsed.error : `The server answered ${answer.status}.`;
    // Refused calls did nothing, so they are made again once there is another token.
    if (answer.status === 401 && await hasOtherToken(used, message)) return call(method, path, { body, headers });
    throw new ApiError(message, { status: answer.status, code: parsed.code, field: parsed.field });
  }
  return parsed;
}

async function send(method, path, body, headers) {
  const options = { method, headers: { Accept: "application/json", ...authorization(), ...headers }, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  try {
    return await fetch(path, options);
  } catch {
    throw new ApiError("The server cannot be reached. Check that it is running, then try again.", { code: "unreachable" });
  }
}

function noteClock(date) {
  const instant = Date.parse(date ?? "");
  if (!Number.isNaN(instant)) clockOffset = instant - Date.now();
}
