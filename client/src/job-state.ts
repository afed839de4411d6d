// What is known of one job, built from what `watch` tells, in order.
// Must not do I/O; everything in it is bounded.
import { isTerminal } from "./subject.js";
import type { Job, JobEvent, LoggedEvent } from "./types.js";

/** Characters of the model's text that are kept; the beginning goes first. */
export const TEXT_LIMIT = 400_000;
/** Events that are kept; the oldest go first. Deltas are not among them: their text is. */
export const EVENT_LIMIT = 200;

/** What the model has written in one attempt at one step. */
export interface ModelText {
  step: number;
  attempt: number;
  content: string;
  /** The attempt failed, or was put back: what it wrote does not count, and the next one writes anew. */
  isVoid: boolean;
}

/** Feed it every event of a `watch`. */
export class JobState {
  /** The job by the newest that is known; replaced, never changed. Null before the first event. */
  job: Job | null = null;
  /** The number of the last event that was told. */
  lastSeq = 0;
  /** The number of the last event whose effect is in `job`. */
  knownSeq = 0;
  text: ModelText | null = null;
  /** The latest events but deltas; replaced, never changed. */
  events: readonly LoggedEvent[] = [];
  /** Why the last attempt failed, and when the next may begin; null while none is waited for. */
  waiting: { error: string; until: string } | null = null;
  #step = 0;

  /** Whether the job has ended, by the newest that is known. */
  get isOver(): boolean {
    return this.job !== null && isTerminal(this.job.status);
  }

  apply(event: JobEvent): void {
    switch (event.type) {
      case "sync":
        if (event.resume !== "exact") this.#forget();
        this.#takeJob(event.job);
        return;
      case "snapshot":
        this.#takeJob(event.job);
        return;
      default:
        this.#takeEvent(event);
    }
  }

  #forget(): void {
    this.lastSeq = 0;
    this.knownSeq = 0;
    this.text = null;
    this.events = [];
    this.waiting = null;
    this.#step = 0;
  }

  #takeJob(job: Job): void {
    if (job.last_seq < this.knownSeq) return;
    this.knownSeq = job.last_seq;
    this.job = job;
  }

  #takeEvent(event: LoggedEvent): void {
    if (event.seq <= this.lastSeq) return;
    this.lastSeq = event.seq;
    this.#takeText(event);
    if (event.type !== "delta") {
      this.events = [...this.events.slice(1 - EVENT_LIMIT), event];
      this.waiting = event.type === "retrying" ? { error: event.error, until: event.next_attempt_at } : null;
    }
    if (event.seq > this.knownSeq && this.job !== null) {
      this.job = advanced(this.job, event);
      this.knownSeq = event.seq;
    }
  }

  // The text of a step that will be executed again is void; that of a stored step stays. A job that was taken over from a
  // dead worker shows it only by a new attempt's `started`.
  #takeText(event: LoggedEvent): void {
    const step = event.step || this.#step;
    const isNewAttempt = event.type === "started" && this.text !== null && event.attempt > this.text.attempt;
    if (event.type === "delta") this.#write(step, event.attempt, event.text);
    else if ((event.type === "retrying" || event.type === "queued" || isNewAttempt) && this.text !== null && this.text.step >= step) {
      this.text = { ...this.text, isVoid: true };
    }
    this.#step = step;
  }

  #write(step: number, attempt: number, piece: string): void {
    const text = this.text;
    const goesOn = text !== null && !text.isVoid && text.step === step && text.attempt === attempt;
    let content = goesOn ? text.content + piece : piece;
    if (content.length > TEXT_LIMIT) content = content.slice(-TEXT_LIMIT / 2);
    this.text = { step, attempt, content, isVoid: false };
  }
}

/** A job as it is after an event that is newer than it. */
export function advanced(job: Job, event: LoggedEvent): Job {
  const { status, progress, current_step, step, total_steps } = event;
  const next: Job = { ...job, status, progress, current_step, step, total_steps, last_seq: event.seq };
  switch (event.type) {
    case "queued":
      return { ...next, error_message: null, started_at: null, completed_at: null };
    case "started":
      return { ...next, started_at: job.started_at ?? event.at };
    case "retrying":
      return { ...next, retry_count: job.retry_count + 1 };
    case "completed":
      return { ...next, result_id: event.result_id, completed_at: event.at };
    case "failed":
      return { ...next, error_message: event.error_message, completed_at: event.at };
    case "cancelled":
      return { ...next, completed_at: event.at };
    default:
      return next;
  }
}
