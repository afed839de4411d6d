// What can be watched: a job, whose stream ends with it, or a brand, whose does not.
// Must not know how it is watched.
import type { Http } from "./http.js";
import type { Job } from "./types.js";

/** A state that was asked for while there is no stream. */
export interface Polled<Snapshot> {
  snapshot: Snapshot;
  /** The number of the latest event in it; null where that is not known. */
  lastSeq: number | null;
  /** Whether nothing will follow unless somebody retries. */
  isOver: boolean;
  etag: string | null;
}

export interface Subject<Snapshot> {
  /** Names it among all that is watched on a server. */
  key: string;
  /** Where its event stream is. */
  path: string;
  /** Whether a question about its state can be held by the server until something changes. */
  canHold: boolean;
  /** Its state, or null if it is still the one that `etag` names; held for up to `hold` seconds then. */
  poll(http: Http, how: { etag: string | null; hold: number; signal: AbortSignal }): Promise<Polled<Snapshot> | null>;
}

/** How much longer than it is held an answer may take, in milliseconds. */
const BEYOND_HOLD = 10_000;
/** As many jobs as come with the first frame of a brand's stream. */
const NEWEST = 50;

export function isTerminal(status: string): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

export function jobPath(jobId: string): string {
  return `/api/jobs/${encodeURIComponent(jobId)}`;
}

export function jobSubject(jobId: string): Subject<Job> {
  const path = jobPath(jobId);
  return {
    key: `job/${jobId}`,
    path: `${path}/events`,
    canHold: true,
    async poll(http, { etag, hold, signal }) {
      const headers: Record<string, string> = etag === null ? {} : { "If-None-Match": etag };
      const held = etag === null ? 0 : hold;
      const query = held > 0 ? { wait: held } : {};
      const answer = await http.json({ path: `${path}/status`, query, headers, signal, timeout: held * 1000 + BEYOND_HOLD });
      if (answer.body === null) return null;
      const job = answer.body["job"] as Job;
      return { snapshot: job, lastSeq: job.last_seq, isOver: isTerminal(job.status), etag: answer.headers.get("ETag") };
    },
  };
}

export function brandSubject(brandId: string): Subject<Job[]> {
  return {
    key: `brand/${brandId}`,
    path: `/api/brands/${encodeURIComponent(brandId)}/events`,
    canHold: false,
    async poll(http, { signal }) {
      const answer = await http.json({ path: "/api/jobs", query: { brand_id: brandId, limit: NEWEST }, signal });
      return { snapshot: (answer.body?.["jobs"] ?? []) as Job[], lastSeq: null, isOver: false, etag: null };
    },
  };
}
