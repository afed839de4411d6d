// The contract's nouns as TypeScript: what the server sends, and what the client makes of it.
// Must not hold code.

/** What a job is doing. The last three are terminal. */
export type JobStatus = "pending" | "processing" | "completed" | "failed" | "cancelled";

/** The kinds of work. A newer server may know more. */
export type JobType =
  | "brand_intelligence"
  | "competitor_analysis"
  | "target_audiences"
  | "products_services"
  | "campaigns"
  | "brand_extraction"
  | "page_discovery";

/** How the call to a job's webhook stands. */
export interface Webhook {
  url: string;
  status: "pending" | "delivered" | "failed";
  attempts: number;
  last_error: string | null;
  next_attempt_at: string | null;
  delivered_at: string | null;
}

/** A job as `GET /api/jobs/:id/status` shows it. Times are RFC 3339, UTC. */
export interface Job {
  id: string;
  brand_id: string;
  job_type: JobType;
  input_data: Record<string, unknown>;
  status: JobStatus;
  /** 0 to 100; never goes down within an attempt. */
  progress: number;
  /** In words: `Step 2/3: Analyzing competitor ads with AI`. */
  current_step: string;
  step: number;
  total_steps: number;
  retry_count: number;
  max_retries: number;
  /** The number of the job's latest event. */
  last_seq: number;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  estimated_completion: string | null;
  result_id: string | null;
  error_message: string | null;
  webhook: Webhook | null;
}

/** What `POST /api/jobs/start` takes. */
export interface StartRequest {
  brand_id: string;
  job_type: JobType;
  input_data?: Record<string, unknown>;
  webhook_url?: string | null;
}

/** What it answers. */
export interface Started {
  success: true;
  job_id: string;
  status: "pending";
  /** In seconds. */
  estimated_duration: number;
  /** With a token for this job alone, good for an hour, where the server asks for tokens. */
  events_url: string;
  status_url: string;
}

/** What a completed job made. `result_data` depends on the job's type. */
export interface JobResult {
  success: true;
  status: "completed";
  result_id: string | null;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  result_data: any;
  completed_at: string | null;
}

/** Which jobs to list. */
export interface JobFilter {
  brand_id?: string;
  status?: JobStatus;
  job_type?: JobType;
  /** 1 to 100, 20 if left out. */
  limit?: number;
  /** The `next_cursor` of the page before. */
  cursor?: string;
}

/** A page of jobs, newest first; `next_cursor` is null on the last. */
export interface JobPage {
  success: true;
  jobs: Job[];
  next_cursor: string | null;
}

/** One field of a job type's `input_data`. */
export interface JobTypeInput {
  name: string;
  kind: "url" | "text" | "date" | "boolean" | "integer";
  required: boolean;
  default?: boolean | number;
  minimum?: number;
  maximum?: number;
  maximum_length?: number;
}

/** A job type, and whether it can run. */
export interface JobTypeInfo {
  job_type: JobType;
  available: boolean;
  /** The environment variable that is not set on the server, if one is missing. */
  missing: string | null;
  /** In seconds. */
  estimated_duration: number;
  input: JobTypeInput[];
}

/** What can be started. */
export interface JobTypes {
  success: true;
  /** Whether the upstreams are stand-ins (`jobcast demo`). */
  simulated: boolean;
  job_types: JobTypeInfo[];
}

/** How a stream goes on: from the start, exactly after the cursor, or from the beginning since the cursor was unknown. */
export type Resume = "start" | "exact" | "reset";

/** What every event of a job says. */
export interface EventFields {
  job_id: string;
  seq: number;
  at: string;
  status: JobStatus;
  progress: number;
  current_step: string;
  step: number;
  total_steps: number;
  attempt: number;
}

/** What the client adds to every event. */
export interface EventOrigin {
  /** Whether the event had happened before the client first knew the job's state: history, told again in order. */
  replayed: boolean;
}

export type QueuedEvent = { type: "queued" } & EventFields & EventOrigin;
export type StartedEvent = { type: "started" } & EventFields & EventOrigin;
export type ProgressEvent = { type: "progress"; detail: Record<string, unknown> } & EventFields & EventOrigin;
export type DeltaEvent = { type: "delta"; text: string } & EventFields & EventOrigin;
export type RetryingEvent = { type: "retrying"; error: string; next_attempt_at: string } & EventFields & EventOrigin;
export type CompletedEvent = {
  type: "completed";
  result_id: string;
  result_url: string;
  usage?: Record<string, unknown>;
} & EventFields &
  EventOrigin;
export type FailedEvent = { type: "failed"; error_message: string; code: string } & EventFields & EventOrigin;
export type CancelledEvent = { type: "cancelled" } & EventFields & EventOrigin;

/** One durable fact about a job. */
export type LoggedEvent =
  | QueuedEvent
  | StartedEvent
  | ProgressEvent
  | DeltaEvent
  | RetryingEvent
  | CompletedEvent
  | FailedEvent
  | CancelledEvent;

/** The first thing that each connection of a job's stream tells. With `start` or `reset` all that was told before is void. */
export interface SyncEvent {
  type: "sync";
  job: Job;
  resume: Resume;
  last_seq: number;
}

/** The job's state, asked for while there is no stream. The events behind it follow once there is one again. */
export interface SnapshotEvent {
  type: "snapshot";
  job: Job;
}

/** What `watch` tells, in order. */
export type JobEvent = SyncEvent | SnapshotEvent | LoggedEvent;

/** The first thing that each connection of a brand's stream tells: the newest fifty jobs. */
export interface BrandSyncEvent {
  type: "sync";
  jobs: Job[];
  resume: Resume;
  last_seq: number;
}

/** The brand's newest jobs, asked for while there is no stream. */
export interface BrandSnapshotEvent {
  type: "snapshot";
  jobs: Job[];
}

/** What `watchBrand` tells, in order; `job_id` says which job an event is about. */
export type BrandEvent = BrandSyncEvent | BrandSnapshotEvent | LoggedEvent;

/** How a watch gets what it tells: a stream of its own, that of another tab, held status requests, or plain ones. */
export type Transport = "stream" | "shared" | "long-poll" | "poll";

/** Where a watch stands. */
export interface Connection {
  /**
   * `connecting` (also again, after a loss: `failures` is above 0 then), `live` over a stream, `polling` where there is none,
   * `closed` when it is over.
   */
  state: "connecting" | "live" | "polling" | "closed";
  transport: Transport | null;
  /** Tries in a row that brought nothing. */
  failures: number;
  /** Why the last try brought nothing. */
  error: Error | null;
}

/** What came over the wire, for a debugger. */
export interface RawFrame {
  /** When it was read, in milliseconds since 1970. */
  at: number;
  kind: "event" | "comment" | "retry";
  /** The `id:` in force, the `event:` and the `data:` of an event; the text of a comment; the number of a `retry:`. */
  id: string;
  event: string;
  data: string;
  transport: Transport;
}
