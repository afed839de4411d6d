// An EventSource that can be opened again after every loss: it says what came, what was cut off, and when it is silent
// for suspiciously long. It does not know what is streamed; its owner decides what follows a loss.
import { withToken } from "/static/session.js";

/** A connection that has not sent anything after this many milliseconds is given up (a buffering proxy, a full connection pool). */
const FIRST_WAIT = 15_000;
/** Keep-alive comments are invisible to EventSource, so after this much silence the owner has to find out whether the stream is dead. */
const SILENCE = 40_000;

export class Transport {
  #address;
  #names;
  #longestWait;
  #handlers;
  #source = null;
  #failures = 0;
  #turn = 0;
  #isWaiting = false;
  #watchdog = 0;
  #retryTimer = 0;
  #hurry = () => this.hurry();

  /**
   * `address()` is asked for at each connection; `names` are the events to listen for; `longestWait` bounds the pause
   * between two tries, in milliseconds. Handlers: `received(name, data, lastEventId)` with an object as data;
   * `interrupted()` when the browser comes back by itself; `lost()` when it does not and the connection was given up: call
   * `openLater` or `close`; `silent()` when nothing came for long: call `watch` or `open`.
   */
  constructor({ address, names, longestWait, ...handlers }) {
    this.#address = address;
    this.#names = names;
    this.#longestWait = longestWait;
    this.#handlers = handlers;
  }

  /** Whether there is a connection, or one in the making. */
  get isOpen() {
    return this.#source !== null;
  }

  /** Changes whenever a connection is opened or given up: work that awaited something compares it. */
  get turn() {
    return this.#turn;
  }

  /** Connects at once, in place of a connection that there may be. */
  open() {
    this.release();
    window.addEventListener("online", this.#hurry);
    const source = new EventSource(withToken(this.#address()));
    this.#source = source;
    for (const name of this.#names) {
      source.addEventListener(name, (message) => { if (source === this.#source) this.#receive(name, message); });
    }
    source.addEventListener("error", () => { if (source === this.#source) this.#interrupt(); });
    this.#expect();
  }

  /** Connects after a pause that grows with each failure in a row. */
  openLater() {
    this.release();
    this.#retryTimer = setTimeout(() => this.open(), backoff(this.#failures++, this.#longestWait));
  }

  /** Ends a pause before the next try, if there is one. */
  hurry() {
    if (this.#retryTimer !== 0) this.open();
  }

  /** Gives the connection and any further try up, and forgets the failures so far. */
  close() {
    window.removeEventListener("online", this.#hurry);
    this.#failures = 0;
    this.release();
  }

  /** Gives the connection up while its owner finds out how to go on. */
  release() {
    this.#turn += 1;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    this.#isWaiting = false;
    this.#source?.close();
    this.#source = null;
  }

  /** Lets a connection that was silent be silent for as long again. */
  watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#handlers.silent(), SILENCE);
  }

  #receive(name, message) {
    const data = parseObject(message.data);
    if (data === null) return;
    this.#failures = 0;
    this.#isWaiting = false;
    this.watch();
    this.#handlers.received(name, data, message.lastEventId);
  }

  #interrupt() {
    if (this.#source.readyState === EventSource.CLOSED) {
      this.#lose();
      return;
    }
    if (!this.#isWaiting) this.#expect();
    this.#handlers.interrupted();
  }

  #expect() {
    this.#isWaiting = true;
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lose(), FIRST_WAIT);
  }

  #lose() {
    this.release();
    this.#handlers.lost();
  }
}

/** The number of an event, or null if it is none. */
export function sequence(value) {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= 0 ? number : null;
}

/** The query that resumes after a cursor; null replays everything, "tail" skips history. */
export function resumeQuery(cursor) {
  return cursor === null ? "" : `?last_event_id=${encodeURIComponent(cursor)}`;
}

/** A random wait of 1 s up to a bound that doubles with each failure, in milliseconds. */
function backoff(failures, longest) {
  const bound = Math.min(longest, 2_000 * 2 ** Math.min(failures, 10));
  return 1_000 + Math.random() * (bound - 1_000);
}

function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
