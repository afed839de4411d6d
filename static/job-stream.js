// One job's event stream: drops duplicates, comes back after every loss, ends with the job.
import { fetchStatus, jobPath } from "/static/api.js";
import { Transport, resumeQuery, sequence } from "/static/transport.js";

const EVENTS = ["sync", "queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"];
const TERMINAL = new Set(["completed", "failed", "cancelled"]);

/** The longest pause between two tries, in milliseconds. */
const LONGEST_WAIT = 30_000;
/** A finished job whose last events the server does not replay (pruned history) is asked for this often, then believed. */
const TERMINAL_TRIES = 2;

export function isTerminal(status) {
  return TERMINAL.has(status);
}

export class JobStream {
  #jobId;
  #handlers;
  #transport;
  #cursor = null;
  #lastSeq = 0;
  #knownSeq = 0;
  #terminalTries = 0;

  /**
   * Replays everything, then follows.
   * Handlers, all optional: `sync(data, cleared)`, `event(name, data, seq)`, `job(job)` for a status fetched on the side,
   * `problem(error)` for a status that could not be had, `connection(state)` with connecting · live · reconnecting · closed · missing.
   */
  constructor(jobId, handlers) {
    this.#jobId = jobId;
    this.#handlers = handlers;
    this.#transport = new Transport({
      address: () => `${jobPath(jobId)}/events${resumeQuery(this.#cursor)}`,
      names: EVENTS,
      longestWait: LONGEST_WAIT,
      received: (name, data, id) => (name === "sync" ? this.#synchronise(data, id) : this.#deliver(name, data, id)),
      interrupted: () => this.#tell("connection", "reconnecting"),
      lost: () => this.#recover(),
      silent: () => this.verify(),
    });
  }

  /** Connects, also again after `close` or the end of an earlier attempt: it resumes after the last event seen. */
  open() {
    this.#terminalTries = 0;
    this.#tell("connection", "connecting");
    this.#transport.open();
  }

  /** Ends the stream for good, or until `open`. */
  close(state = "closed") {
    this.#transport.close();
    this.#tell("connection", state);
  }

  /** Compares with the server's status: a stream that missed events is opened anew, a live one stays. */
  async verify() {
    if (!this.#transport.isOpen) return;
    const { turn } = this.#transport;
    const behind = await this.#isBehind();
    if (turn !== this.#transport.turn) return;
    if (behind) this.#recover();
    else this.#transport.watch();
  }

  #synchronise(data, lastEventId) {
    const cursor = sequence(lastEventId) ?? 0;
    const cleared = data.resume === "start" || data.resume === "reset";
    this.#lastSeq = cleared ? 0 : Math.max(this.#lastSeq, cursor);
    this.#knownSeq = sequence(data.last_seq) ?? sequence(data.job?.last_seq) ?? 0;
    this.#tell("connection", "live");
    this.#tell("sync", data, cleared);
  }

  #deliver(name, data, lastEventId) {
    const seq = sequence(data.seq) ?? sequence(lastEventId);
    if (seq === null || seq <= this.#lastSeq) return;
    this.#lastSeq = seq;
    this.#cursor = String(seq);
    this.#tell("event", name, data, seq);
    // A retried job has an older terminal event in its history: only the newest one ends the stream.
    if (TERMINAL.has(name) && seq >= this.#knownSeq) this.close("closed");
  }

  // EventSource does not say why it closed (204, 404, 503, a proxy's page), so the status is asked once before the next try.
  async #recover() {
    this.#transport.release();
    this.#tell("connection", "reconnecting");
    const { turn } = this.#transport;
    let job = null;
    try {
      job = (await fetchStatus(this.#jobId)).job;
    } catch (error) {
      if (turn !== this.#transport.turn) return;
      if (error.status === 404) return this.close("missing");
      this.#tell("problem", error);
    }
    if (turn !== this.#transport.turn) return;
    if (job) this.#tell("job", job);
    if (job && TERMINAL.has(job.status) && this.#hasSeenEnd(job)) return this.close("closed");
    this.#transport.openLater();
  }

  #hasSeenEnd(job) {
    const lastSeq = sequence(job.last_seq) ?? 0;
    return lastSeq <= this.#lastSeq || ++this.#terminalTries > TERMINAL_TRIES;
  }

  async #isBehind() {
    try {
      const { job } = await fetchStatus(this.#jobId);
      return (sequence(job?.last_seq) ?? 0) > this.#lastSeq;
    } catch {
      return true;
    }
  }

  #tell(handler, ...values) {
    this.#handlers[handler]?.(...values);
  }
}
