// The one event stream of all jobs of a brand: goes on where it was after every loss, never ends by itself.
import { brandPath } from "/static/api.js";
import { Transport, resumeQuery, sequence } from "/static/transport.js";

// Text of models is not shown in lists, but it proves that the stream lives, and moves the cursor.
const EVENTS = ["sync", "queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"];

/** The longest pause between two tries, in milliseconds. The list is polled meanwhile, so an old server is not pestered. */
const LONGEST_WAIT = 120_000;
/** A stream that was silent this often while something happened is not called live before it brings a new event. */
const MUTE_TIMES = 2;

export class BrandStream {
  #handlers;
  #transport;
  #cursor = "tail";
  #knownSeq = 0;
  #muteTimes = 0;

  /**
   * Handlers: `sync(jobs, cleared)` with the brand's newest jobs, `cleared` if the server no longer knows the cursor;
   * `event(name, data)`; `connection(state)` with connecting · live · reconnecting · closed; and `isBehind()`, a promise of
   * whether the server has news that the stream should have brought.
   */
  constructor(brandId, handlers) {
    this.#handlers = handlers;
    this.#transport = new Transport({
      address: () => `${brandPath(brandId)}/events${resumeQuery(this.#cursor)}`,
      names: EVENTS,
      longestWait: LONGEST_WAIT,
      received: (name, data, id) => this.#receive(name, data, id),
      interrupted: () => this.#handlers.connection("reconnecting"),
      lost: () => this.#openLater(),
      silent: () => this.verify(),
    });
  }

  /** Connects, also again after `close`: it resumes after the last event seen. */
  open() {
    this.#handlers.connection("connecting");
    this.#transport.open();
  }

  /** Ends the stream until `open`. */
  close() {
    this.#transport.close();
    this.#handlers.connection("closed");
  }

  /** The server answers again: a pause before the next try may end. */
  hurry() {
    this.#transport.hurry();
  }

  /** Finds out whether a stream that seems to be open has missed something, and opens it anew then. */
  async verify() {
    if (!this.#transport.isOpen) return;
    const { turn } = this.#transport;
    let isLive = false;
    try {
      const isBehind = await this.#handlers.isBehind();
      if (turn === this.#transport.turn && isBehind) this.#muteTimes += 1;
      isLive = !isBehind;
    } catch {
      // Without an answer the line itself may be gone.
    }
    if (turn !== this.#transport.turn) return;
    if (isLive) this.#transport.watch();
    else this.#openLater();
  }

  #openLater() {
    this.#handlers.connection("reconnecting");
    this.#transport.openLater();
  }

  #receive(name, data, lastEventId) {
    this.#cursor = sequence(lastEventId) === null ? this.#cursor : lastEventId;
    if (name === "sync") this.#synchronise(data);
    else this.#deliver(name, data, sequence(lastEventId) ?? 0);
  }

  #synchronise(data) {
    const cleared = data.resume === "reset";
    this.#knownSeq = sequence(data.last_seq) ?? 0;
    if (this.#muteTimes < MUTE_TIMES) this.#handlers.connection("live");
    this.#handlers.sync(Array.isArray(data.jobs) ? data.jobs : [], cleared);
    if (cleared) this.#skipHistory();
  }

  // What is replayed comes with the first frame, and proves nothing about what happens later.
  #deliver(name, data, brandSeq) {
    if (this.#muteTimes > 0 && brandSeq > this.#knownSeq) {
      this.#muteTimes = 0;
      this.#handlers.connection("live");
    }
    this.#handlers.event(name, data);
  }

  // The state was just told; the history that the server would replay from its beginning is old news.
  #skipHistory() {
    this.#cursor = "tail";
    this.#openLater();
  }
}
