// The contract's nouns, taken from the server's own description, and what the client makes of them.
// Must not hold code.

import type { components } from "./openapi.js";

type Schemas = components["schemas"];

export type JobStatus = Schemas["JobStatus"];
export type JobType = Schemas["JobType"];
export type Webhook = Schemas["JobWebhook"];
export type ErrorCode = Schemas["ErrorCode"];
/** How a stream goes on: from the start, exactly after the cursor, or from the beginning since the cursor was unknown. */
export type Resume = Schemas["Resume"];

/** A job as `GET /api/jobs/:id/status` shows it. Times are RFC 3339, UTC. */
export interface Job extends Omit<Schemas["Job"], "input_data"> {
  /** The input with its defaults filled in; what it holds depends on the type. */
  input_data: Record<string, unknown>;
}

/** What `start` takes: the input goes with the type. */
export type StartRequest = Schemas["StartJob"];
/** What it answers. */
export type Started = Schemas["StartedJob"];

/** What a completed job came to. */
export interface JobResult extends Omit<Schemas["JobResult"], "result_data"> {
  // What it holds depends on the job's type.
  result_data: any;
}

/** Which jobs to list. */
export interface JobFilter {
  brand_id?: string | undefined;
  status?: JobStatus | undefined;
  job_type?: JobType | undefined;
  /** 1 to 100, 20 if left out. */
  limit?: number | undefined;
  /** The `next_cursor` of the page before. */
  cursor?: string | null | undefined;
}

/** A page of jobs, newest first; `next_cursor` is null on the last. */
export interface JobPage extends Omit<Schemas["JobPage"], "jobs"> {
  jobs: Job[];
}

export type JobTypes = Schemas["JobTypes"];
export type JobTypeInfo = Schemas["JobTypeInfo"];
export type JobTypeInput = Schemas["InputField"];

/** What the client adds to every event. */
export interface EventOrigin {
  /** Whether the event had happened before the client first knew the job's state: history, told again in order. */
  replayed: boolean;
}

/** An event of the contract under the name that its frame has. */
type Named<Type extends string, Fields> = { type: Type } & Fields & EventOrigin;

export type QueuedEvent = Named<"queued", Schemas["QueuedEvent"]>;
export type StartedEvent = Named<"started", Schemas["StartedEvent"]>;
export type ProgressEvent = Named<"progress", Schemas["ProgressEvent"]>;
export type DeltaEvent = Named<"delta", Schemas["DeltaEvent"]>;
export type RetryingEvent = Named<"retrying", Schemas["RetryingEvent"]>;
export type CompletedEvent = Named<"completed", Schemas["CompletedEvent"]>;
export type FailedEvent = Named<"failed", Schemas["FailedEvent"]>;
export type CancelledEvent = Named<"cancelled", Schemas["CancelledEvent"]>;

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
