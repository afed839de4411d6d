// One job's event stream: opens an EventSource, drops duplicates, comes back after every loss, ends with the job.
import { fetchStatus, jobPath } from "/static/api.js";

const EVENTS = ["sync", "queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"];
const TERMINAL = new Set(["completed", "failed", "cancelled"]);

/** A connection that has not sent `sync` after this many milliseconds is given up (a buffering proxy, a full connection pool). */
const SYNC_WAIT = 15_000;
/** Keep-alive comments are invisible to EventSource, so after this much silence the status tells whether the stream is dead. */
const SILENCE = 45_000;
/** A finished job whose last events the server does not replay (pruned history) is asked for this often, then believed. */
const TERMINAL_TRIES = 2;

export function isTerminal(status) {
  return TERMINAL.has(status);
}

export class JobStream {
  #jobId;
  #handlers;
  #source = null;
  #cursor;
  #lastSeq = 0;
  #knownSeq = 0;
  #failures = 0;
  #terminalTries = 0;
  #generation = 0;
  #watchdog = 0;
  #retryTimer = 0;
  #wake = () => { if (this.#retryTimer !== 0) this.#connect(); };

  /**
   * `cursor`: null replays everything, "tail" skips history.
   * Handlers, all optional: `sync(data, cleared)`, `event(name, data, seq)`, `job(job)` for a status fetched on the side,
   * `problem(error)` for a status that could not be had, `connection(state)` with connecting · live · reconnecting · closed · missing.
   */
  constructor(jobId, { cursor = null, ...handlers }) {
    this.#jobId = jobId;
    this.#cursor = cursor;
    this.#handlers = handlers;
  }

  /** Connects, also again after `close` or the end of an earlier attempt: it resumes after the last event seen. */
  open() {
    this.#failures = 0;
    this.#terminalTries = 0;
    window.addEventListener("online", this.#wake);
    this.#tell("connection", "connecting");
    this.#connect();
  }

  /** Ends the stream for good, or until `open`. */
  close(state = "closed") {
    window.removeEventListener("online", this.#wake);
    this.#release();
    this.#tell("connection", state);
  }

  /** Compares with the server's status: a stream that missed events is opened anew, a live one stays. */
  async verify() {
    const generation = this.#generation;
    if (this.#source === null) return;
    const behind = await this.#isBehind();
    if (generation !== this.#generation) return;
    if (behind) this.#recover();
    else this.#watch(SILENCE);
  }

  #connect() {
    this.#release();
    const query = this.#cursor === null ? "" : `?last_event_id=${encodeURIComponent(this.#cursor)}`;
    const source = new EventSource(`${jobPath(this.#jobId)}/events${query}`);
    this.#source = source;
    for (const name of EVENTS) {
      source.addEventListener(name, (message) => { if (source === this.#source) this.#receive(name, message); });
    }
    source.addEventListener("error", () => { if (source === this.#source) this.#lost(); });
    this.#watch(SYNC_WAIT);
  }

  #receive(name, message) {
    const data = parseObject(message.data);
    if (data === null) return;
    this.#watch(SILENCE);
    if (name === "sync") this.#synchronise(data, message.lastEventId);
    else this.#deliver(name, data, message.lastEventId);
  }

  #synchronise(data, lastEventId) {
    const cursor = sequence(lastEventId) ?? 0;
    const cleared = data.resume === "start" || data.resume === "reset";
    this.#lastSeq = cleared ? 0 : Math.max(this.#lastSeq, cursor);
    this.#knownSeq = sequence(data.last_seq) ?? sequence(data.job?.last_seq) ?? 0;
    this.#failures = 0;
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

  #lost() {
    if (this.#source.readyState === EventSource.CLOSED) {
      this.#recover();
      return;
    }
    this.#tell("connection", "reconnecting");
    if (this.#watchdog === 0) this.#watch(SYNC_WAIT);
  }

  // EventSource does not say why it closed (204, 404, 503, a proxy's page), so the status is asked once before the next try.
  async #recover() {
    this.#release();
    this.#tell("connection", "reconnecting");
    const generation = this.#generation;
    let job = null;
    try {
      job = (await fetchStatus(this.#jobId)).job;
    } catch (error) {
      if (generation !== this.#generation) return;
      if (error.status === 404) return this.close("missing");
      this.#tell("problem", error);
    }
    if (generation !== this.#generation) return;
    if (job) this.#tell("job", job);
    if (job && TERMINAL.has(job.status) && this.#hasSeenEnd(job)) return this.close("closed");
    this.#retryTimer = setTimeout(() => this.#connect(), backoff(this.#failures++));
  }

  #hasSeenEnd(job) {
    const lastSeq = sequence(job.last_seq) ?? 0;
    return lastSeq <= this.#lastSeq || this.#cursor === "tail" || ++this.#terminalTries > TERMINAL_TRIES;
  }

  async #isBehind() {
    try {
      const { job } = await fetchStatus(this.#jobId);
      return (sequence(job?.last_seq) ?? 0) > this.#lastSeq;
    } catch {
      return true;
    }
  }

  #watch(milliseconds) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#watchdog = 0;
      if (milliseconds === SYNC_WAIT) this.#recover();
      else this.verify();
    }, milliseconds);
  }

  #release() {
    this.#generation += 1;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#retryTimer);
    this.#watchdog = 0;
    this.#retryTimer = 0;
    this.#source?.close();
    this.#source = null;
  }

  #tell(handler, ...values) {
    this.#handlers[handler]?.(...values);
  }
}

/** A random wait of 1 s up to a bound that doubles with each failure, at most 30 s, in milliseconds. */
function backoff(failures) {
  const bound = Math.min(30_000, 2_000 * 2 ** Math.min(failures, 10));
  return 1_000 + Math.random() * (bound - 1_000);
}

function sequence(value) {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= 0 ? number : null;
}

function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
