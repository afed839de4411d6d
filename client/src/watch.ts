// Watching a job to its end, or a brand until it is stopped: what the ladder brings, in the contract's words.
// Must not know by which way it came.
import { advanced } from "./job-state.js";
import type { Listener } from "./ladder.js";
import { isTerminal } from "./subject.js";
import type { BrandEvent, Connection, Job, JobEvent, LoggedEvent, RawFrame, Resume } from "./types.js";

/** What a watch calls back with. What a callback throws is reported as an uncaught error of the page, and changes nothing. */
export interface WatchCallbacks<Event> {
  onEvent?: ((event: Event) => void) | undefined;
  onConnection?: ((connection: Connection) => void) | undefined;
  /** Everything that comes over the wire, for a debugger. */
  onFrame?: ((frame: RawFrame) => void) | undefined;
}

const LOGGED = new Set(["queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"]);

/** Listens to the stream of one job. */
export class JobListener implements Listener<Job> {
  readonly #callbacks: WatchCallbacks<JobEvent>;
  #job: Job | null = null;
  #knownSeq = 0;

  constructor(callbacks: WatchCallbacks<JobEvent>) {
    this.#callbacks = callbacks;
  }

  /** The job by the newest that is known. */
  get job(): Job | null {
    return this.#job;
  }

  get isOver(): boolean {
    return this.#job !== null && isTerminal(this.#job.status);
  }

  sync(data: Record<string, unknown>, resume: Resume): void {
    const job = data["job"] as Job;
    if (resume !== "exact") this.#knownSeq = 0;
    this.#take(job);
    call(this.#callbacks.onEvent, { type: "sync", job, resume, last_seq: Number(data["last_seq"]) });
  }

  event(name: string, data: Record<string, unknown>): boolean {
    if (!LOGGED.has(name)) return false;
    const replayed = Number(data["seq"]) <= this.#knownSeq;
    const event = { ...data, type: name, replayed } as LoggedEvent;
    if (!replayed && this.#job !== null) this.#take(advanced(this.#job, event));
    call(this.#callbacks.onEvent, event);
    // A retried job has the ends of earlier runs in its history.
    return isTerminal(name) && event.seq >= this.#knownSeq;
  }

  snapshot(job: Job): void {
    this.#take(job);
    call(this.#callbacks.onEvent, { type: "snapshot", job });
  }

  connection(connection: Connection): void {
    call(this.#callbacks.onConnection, connection);
  }

  frame(frame: RawFrame): void {
    call(this.#callbacks.onFrame, frame);
  }

  #take(job: Job): void {
    if (job.last_seq < this.#knownSeq) return;
    this.#knownSeq = job.last_seq;
    this.#job = job;
  }
}

/** Listens to the stream of a brand, which does not end. */
export class BrandListener implements Listener<Job[]> {
  readonly #callbacks: WatchCallbacks<BrandEvent>;
  readonly isOver = false;

  constructor(callbacks: WatchCallbacks<BrandEvent>) {
    this.#callbacks = callbacks;
  }

  sync(data: Record<string, unknown>, resume: Resume): void {
    const jobs = Array.isArray(data["jobs"]) ? (data["jobs"] as Job[]) : [];
    call(this.#callbacks.onEvent, { type: "sync", jobs, resume, last_seq: Number(data["last_seq"]) });
  }

  event(name: string, data: Record<string, unknown>): boolean {
    if (LOGGED.has(name)) call(this.#callbacks.onEvent, { ...data, type: name, replayed: false } as LoggedEvent);
    return false;
  }

  snapshot(jobs: Job[]): void {
    call(this.#callbacks.onEvent, { type: "snapshot", jobs });
  }

  connection(connection: Connection): void {
    call(this.#callbacks.onConnection, connection);
  }

  frame(frame: RawFrame): void {
    call(this.#callbacks.onFrame, frame);
  }
}

/** Calls back; what is thrown is the page's own error and must not end the watch. */
export function call<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (thrown) {
    if (typeof globalThis.reportError === "function") globalThis.reportError(thrown);
    else console.error(thrown);
  }
}
