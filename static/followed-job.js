// One job as the page follows it: its state, its timeline and its frames, over the client's watch.
// Must not touch the page; `changed` says when there is something new to show.
import { JobState, isTerminal } from "/static/client.js";
import { CONNECTING } from "/static/connection.js";
import { Frames } from "/static/frame-log.js";
import { withClient } from "/static/server.js";
import { Timeline } from "/static/timeline.js";

/** After these the state is asked for: events carry no times and no estimates. */
const TURNS = new Set(["started", "retrying", "completed", "failed", "cancelled"]);

export class FollowedJob {
  id;
  state = new JobState();
  timeline = new Timeline();
  frames = new Frames();
  connection = CONNECTING;
  /** The server does not know it, or says that it is another's. */
  isMissing = false;
  /** What went wrong, in words; empty if nothing that the connection does not say. */
  problem = "";
  /** What the upstream said last. */
  detail = null;
  failureCode = null;
  #estimate = null;
  #changed;
  #leaving = new AbortController();
  #isWatching = false;

  constructor(id, changed) {
    this.id = id;
    this.#changed = changed;
  }

  /** The job by the newest that is known, with the newest estimate; null before anything is. */
  get job() {
    const { job } = this.state;
    return job === null ? null : { ...job, estimated_completion: this.#estimate };
  }

  /** Whether the history was read up to what is known of the state. */
  get isCaughtUp() {
    return this.state.lastSeq >= this.state.knownSeq;
  }

  /** Follows the job to its end; also again after that, if it was retried. */
  async follow() {
    if (this.#isWatching || this.#leaving.signal.aborted) return;
    this.#isWatching = true;
    try {
      await withClient((client) => client.watch(this.id, {
        after: this.state.lastSeq,
        signal: this.#leaving.signal,
        onEvent: (event) => this.#take(event),
        onConnection: (connection) => this.#connect(connection),
        onFrame: (frame) => {
          this.frames.take(frame);
          this.#tell();
        },
      }));
      this.problem = "";
    } catch (error) {
      if (this.#leaving.signal.aborted) return;
      this.isMissing = error.status === 404;
      this.problem = error.message;
    } finally {
      this.#isWatching = false;
      this.#tell();
    }
  }

  /** Stops following for good. */
  leave() {
    this.#leaving.abort();
  }

  /** Asks for the state, for what events do not tell. Never rejects: the watch goes on telling what matters. */
  async refresh() {
    try {
      this.#takeStatus(await withClient((client) => client.status(this.id, { signal: this.#leaving.signal })));
    } catch {
      // The next turn asks again.
    }
  }

  /** Somebody looks again: it may have been retried elsewhere. */
  async comeBack() {
    if (this.#isWatching) return;
    await this.refresh();
    if (this.state.job !== null && (!this.state.isOver || this.state.knownSeq > this.state.lastSeq)) this.follow();
  }

  /** Cancels the job, or puts it back in the queue and follows it again. */
  async act(action) {
    this.problem = "";
    this.#tell();
    try {
      this.#takeStatus(await withClient((client) => client[action](this.id, { signal: this.#leaving.signal })));
      if (!this.state.isOver) this.follow();
    } catch (error) {
      if (this.#leaving.signal.aborted) return;
      this.problem = error.message;
      this.#tell();
    }
  }

  #take(event) {
    const before = this.state.job?.step;
    this.state.apply(event);
    if (event.type === "sync" || event.type === "snapshot") {
      if (event.type === "sync" && event.resume !== "exact") this.timeline.clear();
      this.#estimate = event.job.estimated_completion;
      this.problem = "";
    } else {
      this.#takeLogged(event, before);
    }
    this.#tell();
  }

  #takeLogged(event, stepBefore) {
    this.timeline.take(event);
    if (event.type === "progress") this.detail = event.detail ?? null;
    if (event.type === "started" || event.type === "queued") this.detail = null;
    if (event.type === "failed") this.failureCode = event.code ?? null;
    if (!event.replayed && (TURNS.has(event.type) || event.step !== stepBefore)) this.refresh();
  }

  #takeStatus(job) {
    this.#estimate = job.estimated_completion;
    this.state.apply({ type: "snapshot", job });
    this.#tell();
  }

  #connect(connection) {
    this.connection = connection;
    this.frames.note(connection);
    this.#tell();
  }

  #tell() {
    if (!this.#leaving.signal.aborted) this.#changed();
  }
}

/** Whether a job is over, by its status. */
export function isOver(job) {
  return isTerminal(job.status);
}
