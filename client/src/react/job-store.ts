// One job as components show it: state, text, result, and what can be done to it.
// Must not know React.
import type { Client } from "../client.js";
import { JobcastError, asError } from "../errors.js";
import { JobState } from "../job-state.js";
import { isTerminal } from "../subject.js";
import type { Connection, Job, JobEvent, LoggedEvent } from "../types.js";
import { SharedStore } from "./shared-store.js";

/** A job, with its result once it has completed. */
export interface BackgroundJob extends Job {
  // What it holds depends on the job's type.
  result_data?: any;
}

/** Where a hook stands: `idle` without an id. */
export type HookConnection = "idle" | Connection["state"];

/** What `useBackgroundJob` shows. */
export interface JobView {
  /**
   * The job; null until something is known of it. It is shown as completed together with `result_data`, not before: if the
   * result cannot be had, without it, and `error` says why.
   */
  job: BackgroundJob | null;
  /** Whether it is watched and not over. */
  isPolling: boolean;
  connection: HookConnection;
  /** The latest 200 events but deltas, oldest first. */
  events: readonly LoggedEvent[];
  /** What the model has written so far in the attempt under way; empty when that is void. */
  text: string;
  /** Why the watch ended, the result cannot be had, the last `cancel` or `retry` failed, or the connection is away. */
  error: Error | null;
}

export const IDLE_JOB: JobView = { job: null, isPolling: false, connection: "idle", events: [], text: "", error: null };
export const UNKNOWN_JOB: JobView = { ...IDLE_JOB, isPolling: true, connection: "connecting" };

/** How often the result is asked for, and the wait between in milliseconds. */
const RESULT_TRIES = 4;
const RESULT_WAIT = 1_500;

export class JobStore extends SharedStore<JobView> {
  readonly #client: Client;
  readonly #jobId: string;
  readonly #state = new JobState();
  #signal: AbortSignal | null = null;
  #connection: Connection | null = null;
  #isWatching = false;
  #failure: Error | null = null;
  #shown: BackgroundJob | null = null;
  /** What became of the result: null before it was asked for. */
  #result: "asked" | { data: unknown } | null = null;

  constructor(client: Client, jobId: string, ended: () => void) {
    super(UNKNOWN_JOB, ended);
    this.#client = client;
    this.#jobId = jobId;
  }

  /** Cancels the job; false if that failed, and `error` says why. */
  async cancel(): Promise<boolean> {
    return this.#act(() => this.#client.cancel(this.#jobId));
  }

  /** Puts a failed or cancelled job back in the queue, and watches it again; false as above. */
  async retry(): Promise<boolean> {
    const isDone = (await this.#act(() => this.#client.retry(this.#jobId))) || this.#isRetriedAlready();
    if (isDone && this.#signal?.aborted === false) this.begin(this.#signal);
    return isDone;
  }

  /** Somebody else was first: what was wanted has happened. */
  #isRetriedAlready(): boolean {
    const error = this.#failure;
    if (!(error instanceof JobcastError) || error.code !== "wrong_state" || error.jobStatus === "failed" || error.jobStatus === "cancelled") return false;
    this.#failure = null;
    return true;
  }

  protected begin(signal: AbortSignal): void {
    this.#signal = signal;
    if (this.#isWatching) return;
    this.#isWatching = true;
    void this.#watch(signal);
  }

  protected look(): JobView {
    const { job, text, events } = this.#state;
    this.#shown = this.#showable(job);
    const isOver = this.#shown !== null && isTerminal(this.#shown.status);
    return {
      job: this.#shown,
      isPolling: !isOver && (this.#isWatching || this.#result === "asked"),
      connection: this.#connection?.state ?? "connecting",
      events,
      text: text === null || text.isVoid ? "" : text.content,
      error: this.#failure ?? this.#connection?.error ?? null,
    };
  }

  async #watch(signal: AbortSignal): Promise<void> {
    try {
      await this.#client.watch(this.#jobId, {
        after: this.#state.lastSeq,
        signal,
        onEvent: (event) => this.#take(event),
        onConnection: (connection) => {
          this.#connection = connection;
          this.changed();
        },
      });
    } catch {
      // The connection has told why.
    }
    this.#isWatching = false;
    this.changed();
  }

  #take(event: JobEvent): void {
    this.#state.apply(event);
    // A completed job stays one, so its result can be fetched while its history is still being told.
    if (this.#state.job?.status === "completed") this.#fetchResult();
    this.changed();
  }

  #fetchResult(): void {
    if (this.#result !== null || this.#signal === null) return;
    this.#result = "asked";
    void this.#resultWithin(this.#signal).then((result) => {
      this.#result = result;
      this.changed();
    });
  }

  async #resultWithin(signal: AbortSignal): Promise<{ data: unknown }> {
    for (let tries = 1; ; tries += 1) {
      try {
        return { data: (await this.#client.result(this.#jobId, { signal })).result_data };
      } catch (thrown) {
        const isTemporary = (thrown as { isTemporary?: boolean }).isTemporary === true;
        if (signal.aborted || !isTemporary || tries === RESULT_TRIES) {
          if (!signal.aborted) this.#failure = asError(thrown);
          return { data: undefined };
        }
        await new Promise((resolve) => setTimeout(resolve, tries * RESULT_WAIT));
      }
    }
  }

  #showable(job: Job | null): BackgroundJob | null {
    if (job === null || job.status !== "completed") return job;
    if (this.#result === null || this.#result === "asked") return this.#shown;
    return this.#result.data === undefined ? job : { ...job, result_data: this.#result.data };
  }

  async #act(action: () => Promise<Job>): Promise<boolean> {
    this.#failure = null;
    try {
      this.#state.apply({ type: "snapshot", job: await action() });
      return true;
    } catch (thrown) {
      this.#failure = asError(thrown);
      return false;
    } finally {
      this.changed();
    }
  }
}
