// Built from client/src by `npm run build:dashboard` in client/. Do not edit.

// src/clock.ts
var systemClock = {
  now: () => Date.now(),
  setTimeout: (callback, milliseconds) => globalThis.setTimeout(callback, milliseconds),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
  random: () => Math.random()
};
function pause(clock, milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clock.clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.setTimeout(end, milliseconds);
    signal.addEventListener("abort", end, { once: true });
  });
}
function jittered(clock, milliseconds) {
  return milliseconds / 2 + clock.random() * (milliseconds / 2);
}
var Scope = class {
  controller = new AbortController();
  #parent;
  #follow = () => this.controller.abort(this.#parent?.reason);
  constructor(parent) {
    this.#parent = parent;
    if (parent?.aborted) this.#follow();
    else parent?.addEventListener("abort", this.#follow, { once: true });
  }
  get signal() {
    return this.controller.signal;
  }
  /** Aborts what runs in it, and forgets the parent. */
  end() {
    this.#parent?.removeEventListener("abort", this.#follow);
    this.controller.abort();
  }
};
function abortable(promise, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

// src/errors.ts
var JobcastError = class extends Error {
  name = "JobcastError";
  status;
  code;
  field;
  retryAfter;
  jobStatus;
  constructor(message, facts = {}) {
    super(message, facts.cause === void 0 ? void 0 : { cause: facts.cause });
    this.status = facts.status ?? 0;
    this.code = facts.code ?? "unknown";
    this.field = facts.field ?? null;
    this.retryAfter = facts.retryAfter ?? null;
    this.jobStatus = facts.jobStatus ?? null;
  }
  /** Whether the same call may succeed later without anything being changed. */
  get isTemporary() {
    if (this.code === "missing_key") return false;
    return this.status === 0 || this.status === 408 || this.status === 425 || this.status === 429 || this.status >= 500 || this.code === "not_json";
  }
};
function asError(thrown) {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

// src/http.ts
var TIMEOUT = 15e3;
var LONGEST_RETRY_AFTER = 12e4;
var Http = class _Http {
  base;
  clock;
  #fetch;
  #token;
  /** `base` is the address that paths are put behind; empty for the page's own origin. */
  constructor(base, token, fetcher, clock) {
    this.base = base.replace(/\/+$/, "");
    this.clock = clock;
    this.#token = token;
    this.#fetch = fetcher;
  }
  /** The same server with another token. */
  withToken(token) {
    return new _Http(this.base, token, this.#fetch, this.clock);
  }
  address(path, query = {}) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== void 0) parameters.set(name, String(value));
    }
    const text = parameters.toString();
    return this.base + path + (text === "" ? "" : `?${text}`);
  }
  /** The address of a stream with the token in it, for an EventSource, which sends no headers. */
  async addressWithToken(path, query = {}) {
    return this.address(path, { ...query, access_token: await this.#token.current() });
  }
  /** After a 401 that this class did not see: whether there is another token now. */
  async renew(refusal) {
    return await this.#token.other(await this.#token.current(), refusal) !== null;
  }
  /** Reads a JSON answer. Refusals, and whatever is not the contract's JSON, are thrown as `JobcastError`. */
  async json(call2) {
    const scope = new Scope(call2.signal ?? null);
    try {
      return await this.#limited(call2, scope, async () => {
        const response = await this.#authorised(call2, scope.signal);
        const { status, headers } = response;
        return { status, headers, body: status === 204 || status === 304 ? null : await readJson(response, call2) };
      });
    } finally {
      scope.end();
    }
  }
  /** Reads the head of an answer and leaves the body to the caller, whose scope ends it. A refusal is thrown. */
  async open(call2, scope) {
    return this.#limited(call2, scope, () => this.#authorised(call2, scope.signal));
  }
  async #limited(call2, scope, work) {
    let isLate = false;
    const timer = this.clock.setTimeout(() => {
      isLate = true;
      scope.controller.abort();
    }, call2.timeout ?? TIMEOUT);
    try {
      return await work();
    } catch (thrown) {
      if (isLate) throw late(call2);
      throw scope.signal.aborted ? reasonOf(scope.signal) : thrown;
    } finally {
      this.clock.clearTimeout(timer);
    }
  }
  async #authorised(call2, signal) {
    const used = await abortable(this.#token.current(), signal);
    const response = await this.#send(call2, used, signal);
    if (response.ok || response.status === 304) return response;
    const refusal = await readRefusal(response, call2, this.clock);
    if (refusal.status !== 401) throw refusal;
    const other = await abortable(this.#token.other(used, refusal), signal);
    if (other === null) throw refusal;
    const second = await this.#send(call2, other, signal);
    if (second.ok || second.status === 304) return second;
    throw await readRefusal(second, call2, this.clock);
  }
  async #send(call2, token, signal) {
    const headers = { Accept: "application/json", ...call2.headers };
    if (token !== null) headers["Authorization"] = `Bearer ${token}`;
    const options = { method: call2.method ?? "GET", headers, signal, cache: "no-store" };
    if (call2.body !== void 0) {
      headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(call2.body);
    }
    try {
      return await this.#fetch(this.address(call2.path, call2.query), options);
    } catch (thrown) {
      throw signal.aborted ? reasonOf(signal) : unreachable(call2, thrown);
    }
  }
};
function retryAfter(headers, clock) {
  const value = headers.get("Retry-After");
  if (value === null) return null;
  const milliseconds = /^\d+$/.test(value.trim()) ? Number(value) * 1e3 : Date.parse(value) - clock.now();
  return Number.isFinite(milliseconds) ? Math.min(Math.max(milliseconds, 0), LONGEST_RETRY_AFTER) : null;
}
function reasonOf(signal) {
  return asError(signal.reason ?? new DOMException("The watch was ended.", "AbortError"));
}
function late(call2) {
  return new JobcastError(`The server did not answer ${nameOf(call2)} within ${(call2.timeout ?? TIMEOUT) / 1e3} s.`, { code: "timeout" });
}
function unreachable(call2, cause) {
  return new JobcastError(`The server cannot be reached for ${nameOf(call2)}: ${asError(cause).message}`, { code: "unreachable", cause });
}
function nameOf(call2) {
  return `${call2.method ?? "GET"} ${call2.path}`;
}
async function readJson(response, call2) {
  const value = await parse(response);
  if (value !== null && value["success"] !== false) return value;
  throw new JobcastError(`The answer to ${nameOf(call2)} is not the JSON of a jobcast server (status ${response.status}): something in between may have answered.`, {
    status: response.status,
    code: "not_json"
  });
}
async function readRefusal(response, call2, clock) {
  const body = await parse(response);
  const text = (name) => typeof body?.[name] === "string" ? body[name] : null;
  const isOurs = body?.["success"] === false;
  return new JobcastError(text("error") ?? `The server answered ${nameOf(call2)} with status ${response.status}.`, {
    status: response.status,
    code: isOurs ? text("code") ?? "unknown" : "not_json",
    field: text("field"),
    retryAfter: retryAfter(response.headers, clock),
    jobStatus: text("status")
  });
}
async function parse(response) {
  try {
    const value = await response.json();
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

// src/patience.ts
var SILENCE = 4e4;
var FIRST_FRAME = 15e3;
var PROVEN = 1e4;
var TRIES = 3;
var BACKOFF = { first: 1e3, last: 3e4 };
var CLIMB = { first: 3e4, last: 3e5 };
var HOLD = 25;
var HOLD_AGAIN = 12e4;
var POLL = 2500;
var LEAST_POLL = 1e3;
var SLOT = 1e3;
var HOLD_SLOT = 250;
var LEADER_LOST = 1e4;
var TAIL = 1e4;
var NOT_FOUND_TRIES = 5;
var LONGEST_ASKED = 12e4;

// src/live.ts
var OPENING = 2 * FIRST_FRAME;
var Live = class {
  #parts;
  #clock;
  #seat;
  #cursor;
  /** The latest event when the connection began. */
  #knownAtOpening = 0;
  #skipsReplay = false;
  /** Where the leading tab's stream is; null while that is not known. */
  #leaderAt = null;
  /** What the stream in use does with the leading tab's messages. */
  #onMessage = null;
  constructor(parts) {
    this.#parts = parts;
    this.#clock = parts.http.clock;
    this.#cursor = parts.after === "tail" ? null : parts.after;
    this.#seat = parts.tabs.join(parts.subject.key, { leads: () => this.#onMessage?.("leads"), hears: (message) => this.#hear(message) });
    this.#seat?.say({ kind: "who" });
  }
  /** The number of the last event that was told; null before the first frame of a watch that skips history. */
  get cursor() {
    return this.#cursor;
  }
  /** Gives the place among the tabs up. */
  close() {
    this.#seat?.leave();
  }
  /** Reads as long as it goes; `opened` is called when it goes. Throws what makes going on senseless. */
  async run(slotPatience, signal, opened) {
    for (; ; ) {
      const outcome = this.#isAtLeadersPlace() ? await this.#readLeaders(signal, opened) : await this.#readOwnInSlot(slotPatience, signal, opened);
      if (signal.aborted || outcome.kind !== "handover" && outcome.kind !== "alone") return outcome;
    }
  }
  // ---- An own stream ----
  async #readOwnInSlot(slotPatience, signal, opened) {
    const release = await this.#parts.tabs.slot(slotPatience, signal);
    if (release === null) return { kind: "full" };
    try {
      return await this.#readOwn(signal, opened);
    } finally {
      release();
      if (this.#seat?.isLeader === true) this.#seat.say({ kind: "lost" });
    }
  }
  async #readOwn(signal, opened) {
    const own = new Reading(this.#clock, signal);
    const { http, subject, reader } = this.#parts;
    this.#onMessage = () => this.#handOver(own);
    own.watch(OPENING, () => own.end(mute(subject.path, OPENING)));
    try {
      const end = await reader.read(http, subject.path, this.#cursorText, own.scope, {
        alive: () => this.#noteLife(own),
        frame: (frame) => this.#takeOwn(frame, own, opened)
      });
      own.end(end === "over" ? { kind: "exhausted" } : { kind: "lost", error: null, wait: own.retry });
    } catch (thrown) {
      if (own.outcome === null && !signal.aborted) own.end(await this.#judge(thrown, signal));
    } finally {
      own.close();
      this.#onMessage = null;
    }
    return own.outcome ?? { kind: "lost", error: null, wait: null };
  }
  #noteLife(own) {
    if (own.openedAt === null) return own.watch(FIRST_FRAME, () => own.end(mute(this.#parts.subject.path, FIRST_FRAME)));
    if (this.#clock.now() - own.openedAt >= PROVEN) this.#parts.handlers.proven();
    own.watch(SILENCE, () => void this.#judgeSilence(own));
  }
  #takeOwn(frame, own, opened) {
    if (own.outcome !== null) return;
    if (frame.kind === "retry") own.retry = frame.milliseconds;
    if (frame.kind === "comment") this.#sayPlace();
    if (frame.kind === "event" && frame.event === "sync" && own.openedAt === null) {
      own.openedAt = this.#clock.now();
      opened();
      this.#parts.handlers.live("stream");
      this.#noteLife(own);
    }
    if (this.#take(frame, "stream")) own.end({ kind: "over" });
    else if (this.#skipsReplay) this.#openAtTail(own);
    else this.#handOver(own);
  }
  /** Who asked for what happens from now on is told the state by `sync`, and not the history that the server would replay. */
  #openAtTail(own) {
    this.#skipsReplay = false;
    this.#cursor = null;
    own.end({ kind: "alone" });
  }
  /** Where comments cannot be seen, a stream may be silent because nothing happens. */
  async #judgeSilence(own) {
    if (!this.#parts.reader.seesComments && await this.#hasNothingNew(own.scope.signal)) {
      if (own.outcome === null) own.watch(SILENCE, () => void this.#judgeSilence(own));
      return;
    }
    own.end(mute(this.#parts.subject.path, SILENCE));
  }
  async #hasNothingNew(signal) {
    try {
      const polled = await this.#parts.subject.poll(this.#parts.http, { etag: null, hold: 0, signal });
      return polled?.lastSeq !== null && polled?.lastSeq !== void 0 && polled.lastSeq <= (this.#cursor ?? 0);
    } catch {
      return false;
    }
  }
  /** An EventSource does not say why it was refused, so the state is asked for: that answer does. */
  async #judge(thrown, signal) {
    if (!(thrown instanceof JobcastError)) throw thrown;
    if (thrown.code === "stream_refused") {
      try {
        const polled = await this.#parts.subject.poll(this.#parts.http, { etag: null, hold: 0, signal });
        if (polled?.isOver === true && polled.lastSeq === this.#cursor) return { kind: "exhausted" };
      } catch (refusal) {
        if (isFatal(refusal)) throw refusal;
      }
    }
    if (isFatal(thrown)) throw thrown;
    if (thrown.code === "timeout") return { kind: "mute", error: thrown };
    return { kind: "lost", error: thrown, wait: thrown.retryAfter };
  }
  // ---- The leading tab's ----
  #readLeaders(signal, opened) {
    const shared = new Reading(this.#clock, signal);
    const isLive = () => {
      this.#parts.handlers.live("shared");
      shared.watch(SILENCE, () => {
        this.#leaderAt = null;
        shared.end({ kind: "alone" });
      });
    };
    opened();
    isLive();
    this.#onMessage = (message) => {
      if (message === "leads") shared.end({ kind: "alone" });
      else if (message.kind === "frame") {
        isLive();
        this.#takeShared(message, shared);
      } else if (message.kind === "place") {
        isLive();
        if (message.at > (this.#cursor ?? 0)) shared.end({ kind: "alone" });
      } else if (message.kind === "lost") {
        this.#parts.handlers.interrupted();
        shared.watch(LEADER_LOST, () => shared.end({ kind: "alone" }));
      } else if (message.kind === "reset") shared.end({ kind: "alone" });
    };
    return shared.ended.then((outcome) => {
      this.#onMessage = null;
      shared.close();
      return outcome;
    });
  }
  #takeShared(message, shared) {
    if (message.at <= (this.#cursor ?? 0)) return;
    if (message.prev !== this.#cursor) return shared.end({ kind: "alone" });
    if (this.#take({ kind: "event", id: message.id, event: message.event, data: message.data }, "shared")) shared.end({ kind: "over" });
  }
  // ---- Among the tabs ----
  #hear(message) {
    if (this.#seat?.isLeader === true) {
      if (message.kind === "who" && this.#onMessage !== null) this.#sayPlace();
      return;
    }
    if (message.kind === "frame" || message.kind === "place") this.#leaderAt = message.at;
    else if (message.kind !== "who") this.#leaderAt = null;
    this.#onMessage?.(message);
  }
  #isAtLeadersPlace() {
    return this.#seat !== null && !this.#seat.isLeader && this.#leaderAt !== null && this.#leaderAt === this.#cursor;
  }
  #handOver(own) {
    if (own.openedAt !== null && this.#isAtLeadersPlace()) own.end({ kind: "handover" });
  }
  #sayPlace() {
    if (this.#seat?.isLeader === true && this.#cursor !== null) this.#seat.say({ kind: "place", at: this.#cursor });
  }
  // ---- Each frame ----
  get #cursorText() {
    if (this.#cursor === null) return "tail";
    return this.#cursor === 0 ? null : String(this.#cursor);
  }
  /** Takes a frame; answers whether the subject is over with it. */
  #take(frame, transport) {
    this.#parts.handlers.frame(rawFrame(frame, this.#clock.now(), transport));
    if (frame.kind !== "event") return false;
    const at = sequence(frame.id);
    const data = parseObject(frame.data);
    if (at === null || data === null) return false;
    if (frame.event === "sync") {
      this.#synchronise(at, data);
      return false;
    }
    const prev = this.#cursor;
    if (prev === null || at <= prev) return false;
    this.#cursor = at;
    if (this.#seat?.isLeader === true) this.#seat.say({ kind: "frame", prev, at, id: frame.id, event: frame.event, data: frame.data });
    if (at > this.#knownAtOpening) this.#parts.handlers.proven();
    return this.#parts.handlers.event(frame.event, data);
  }
  #synchronise(at, data) {
    const resume = data["resume"] === "start" || data["resume"] === "reset" ? data["resume"] : "exact";
    this.#cursor = at;
    this.#knownAtOpening = Number(data["last_seq"]) || 0;
    this.#skipsReplay = resume === "reset" && this.#parts.after === "tail";
    if (resume === "reset" && this.#seat?.isLeader === true) this.#seat.say({ kind: "reset" });
    else this.#sayPlace();
    this.#parts.handlers.sync(data, resume);
  }
};
var Reading = class {
  scope;
  /** Fulfilled with how it ended. */
  ended;
  outcome = null;
  /** When the first frame came; null before. */
  openedAt = null;
  /** How long the server asks to wait before the next connection. */
  retry = null;
  #clock;
  #parent;
  #abandon = () => this.end({ kind: "alone" });
  #watchdog = null;
  #settle = () => void 0;
  constructor(clock, signal) {
    this.#clock = clock;
    this.scope = new Scope(signal);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#parent = signal;
    if (signal.aborted) this.#abandon();
    else signal.addEventListener("abort", this.#abandon, { once: true });
  }
  end(outcome) {
    if (this.outcome !== null) return;
    this.outcome = outcome;
    this.#settle(outcome);
    this.close();
  }
  /** Calls back unless it is called again within so many milliseconds. */
  watch(milliseconds, silent) {
    this.#watchdog?.end();
    if (this.outcome !== null) return;
    const watchdog = new Scope(this.scope.signal);
    this.#watchdog = watchdog;
    void pause(this.#clock, milliseconds, watchdog.signal).then(() => {
      if (!watchdog.signal.aborted) silent();
    });
  }
  close() {
    this.#parent.removeEventListener("abort", this.#abandon);
    this.#watchdog?.end();
    this.scope.end();
  }
};
function isFatal(thrown) {
  if (!(thrown instanceof JobcastError)) return true;
  if (thrown.status === 401 || thrown.status === 403) return true;
  return thrown.status >= 400 && thrown.status < 500 && !thrown.isTemporary;
}
function mute(path, milliseconds) {
  return { kind: "mute", error: new JobcastError(`The stream ${path} has brought nothing for ${milliseconds / 1e3} s: something in between holds it back.`, { code: "mute" }) };
}
function rawFrame(frame, at, transport) {
  switch (frame.kind) {
    case "event":
      return { at, transport, kind: "event", id: frame.id, event: frame.event, data: frame.data };
    case "comment":
      return { at, transport, kind: "comment", id: "", event: "", data: frame.text };
    case "retry":
      return { at, transport, kind: "retry", id: "", event: "", data: String(frame.milliseconds) };
  }
}
function sequence(text) {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : null;
}
function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

// src/ladder.ts
var Ladder = class {
  #parts;
  #clock;
  #live;
  /** Tries of the stream in a row that brought nothing, and tries in a row to climb back to it. */
  #failures = 0;
  #climbs = 0;
  #connection = { state: "connecting", transport: null, failures: 0, error: null };
  #sleepers = /* @__PURE__ */ new Set();
  constructor(parts) {
    this.#parts = parts;
    this.#clock = parts.http.clock;
    const { subject, http, tabs, reader, after } = parts;
    this.#live = reader === null ? null : new Live({ subject, http, tabs, reader, after, handlers: this.#handlers() });
  }
  /** The number of the last event that was told; null before the first frame of a watch that skips history. */
  get cursor() {
    return this.#live?.cursor ?? null;
  }
  /** Ends every wait before a next try: the network is back, or somebody looks again. */
  hurry() {
    for (const wake of [...this.#sleepers]) wake();
  }
  /** Follows until the subject is over. Rejects with what makes going on senseless, or with the signal's reason. */
  async follow(signal) {
    this.#parts.listener.connection(this.#connection);
    try {
      await this.#goUpAndDown(signal);
      if (signal.aborted) throw reasonOf(signal);
      this.#tell("closed");
    } catch (thrown) {
      this.#tell("closed", null, signal.aborted ? null : asError(thrown));
      throw signal.aborted ? reasonOf(signal) : thrown;
    } finally {
      this.#live?.close();
    }
  }
  // ---- Up and down ----
  async #goUpAndDown(signal) {
    if (this.#live === null) {
      await this.#ask(signal, false);
      return;
    }
    let outcome = await this.#tryStream(this.#live, signal);
    while (!signal.aborted && outcome.kind !== "over") {
      if (outcome.kind === "exhausted") {
        await this.#ask(signal, true);
        if (this.#parts.listener.isOver) return;
        outcome = await this.#tryStream(this.#live, signal);
      } else if (outcome.kind === "lost" && this.#failures < TRIES) {
        this.#tell("connecting", null, outcome.error);
        await this.#sleep(this.#waitAfter(outcome.wait), signal);
        outcome = await this.#tryStream(this.#live, signal);
      } else {
        outcome = await this.#askAndClimb(this.#live, outcome, signal);
      }
    }
  }
  async #tryStream(live, signal) {
    if (signal.aborted) return { kind: "over" };
    return this.#count(await live.run(SLOT, signal, () => void 0));
  }
  #count(outcome) {
    if (outcome.kind === "lost" || outcome.kind === "mute") this.#failures += 1;
    return outcome;
  }
  #waitAfter(asked) {
    const own = jittered(this.#clock, doubled(BACKOFF, this.#failures - 1));
    if (asked === null) return own;
    return Math.min(this.#failures > 1 ? Math.max(asked, own) : asked, LONGEST_ASKED);
  }
  /** Asks for the state until it is over, or until the stream is there again; returns how that stream ended. */
  async #askAndClimb(live, reason, signal) {
    const asking = new Scope(signal);
    const climbing = new Scope(signal);
    if (reason.kind !== "full") this.#tell("connecting", null, "error" in reason ? reason.error : null);
    const climbed = this.#climb(live, reason, () => asking.end(), climbing.signal);
    const asked = this.#ask(asking.signal, false);
    climbed.catch(() => void 0);
    asked.catch(() => void 0);
    try {
      await Promise.race([asked, climbed]);
      if (!asking.signal.aborted && this.#parts.listener.isOver) {
        climbing.end();
        await climbed;
        return await this.#readTail(live, signal);
      }
      return await climbed;
    } finally {
      asking.end();
      climbing.end();
    }
  }
  /** Tries the stream at times until one opens; returns how that one ended. */
  async #climb(live, reason, opened, signal) {
    let wait = reason.kind === "full" ? 0 : this.#waitToClimb(reason);
    for (; ; ) {
      await this.#sleep(wait, signal);
      if (signal.aborted) return { kind: "alone" };
      let isOpen = false;
      const outcome = await live.run(Infinity, signal, () => {
        isOpen = true;
        opened();
      });
      if (isOpen) return this.#count(outcome);
      if (signal.aborted || outcome.kind === "over" || outcome.kind === "exhausted") return outcome;
      wait = this.#waitToClimb(outcome);
    }
  }
  #waitToClimb(outcome) {
    const asked = outcome.kind === "lost" ? outcome.wait ?? 0 : 0;
    this.#climbs += 1;
    return Math.max(asked, jittered(this.#clock, doubled(CLIMB, this.#climbs - 1)));
  }
  /** The events behind a final state: a stream that ends by itself gets through where one that stays open does not. */
  async #readTail(live, signal) {
    const scope = new Scope(signal);
    void pause(this.#clock, TAIL, scope.signal).then(() => scope.end());
    try {
      await live.run(SLOT, scope.signal, () => void 0);
    } finally {
      scope.end();
    }
    return this.#parts.listener.isOver ? { kind: "over" } : { kind: "lost", error: null, wait: 0 };
  }
  // ---- Asking ----
  /** Asks for the state until it is a final one; `once` until it is there. Returns also when the signal is aborted. */
  async #ask(signal, once2) {
    const asker = { etag: null, failures: 0, holdsFrom: 0 };
    while (!signal.aborted) {
      const began = this.#clock.now();
      const release = asker.etag !== null && this.#parts.subject.canHold && began >= asker.holdsFrom ? await this.#parts.tabs.slot(HOLD_SLOT, signal) : null;
      const hold = release === null ? 0 : HOLD;
      if (asker.failures === 0 && asker.etag !== null) this.#tell("polling", hold > 0 ? "long-poll" : "poll");
      let wait;
      try {
        const polled = await this.#parts.subject.poll(this.#parts.http, { etag: asker.etag, hold, signal });
        if (signal.aborted) return;
        if (polled !== null) asker.etag = this.#takeState(polled);
        if (this.#parts.listener.isOver || once2) return;
        this.#tell("polling", hold > 0 ? "long-poll" : "poll");
        if (asker.failures > 0) this.hurry();
        asker.failures = 0;
        wait = hold > 0 ? LEAST_POLL - (this.#clock.now() - began) : jittered(this.#clock, 2 * POLL - LEAST_POLL);
      } catch (thrown) {
        if (signal.aborted) return;
        asker.failures += 1;
        if (isHopeless(thrown, asker.failures)) throw thrown;
        if (hold > 0) asker.holdsFrom = this.#clock.now() + HOLD_AGAIN;
        else this.#tell("connecting", null, asError(thrown));
        wait = hold > 0 ? LEAST_POLL : waitAfterFailure(thrown, this.#clock, asker.failures);
      } finally {
        release?.();
      }
      await this.#sleep(wait, signal);
    }
  }
  #takeState(polled) {
    this.#parts.listener.snapshot(polled.snapshot);
    return polled.etag;
  }
  // ---- Telling and waiting ----
  #handlers() {
    const { listener } = this.#parts;
    return {
      live: (transport) => this.#tell("live", transport),
      interrupted: () => this.#tell("connecting"),
      proven: () => {
        this.#failures = 0;
        this.#climbs = 0;
      },
      sync: (data, resume) => listener.sync(data, resume),
      event: (name, data) => listener.event(name, data),
      frame: (frame) => listener.frame(frame)
    };
  }
  #tell(state, transport = null, error = null) {
    const failures = state === "connecting" ? Math.max(this.#failures, 1) : 0;
    const last = this.#connection;
    if (last.state === state && last.transport === transport && last.failures === failures && last.error?.message === error?.message) return;
    this.#connection = { state, transport, failures, error };
    this.#parts.listener.connection(this.#connection);
  }
  async #sleep(milliseconds, signal) {
    if (milliseconds <= 0) return;
    const scope = new Scope(signal);
    const wake = () => scope.end();
    this.#sleepers.add(wake);
    await pause(this.#clock, milliseconds, scope.signal);
    this.#sleepers.delete(wake);
    scope.end();
  }
};
function doubled(wait, times) {
  return Math.min(wait.first * 2 ** Math.min(Math.max(times, 0), 20), wait.last);
}
function waitAfterFailure(thrown, clock, failures) {
  const asked = thrown instanceof JobcastError ? thrown.retryAfter ?? 0 : 0;
  return Math.max(asked, jittered(clock, doubled(BACKOFF, failures)));
}
function isHopeless(thrown, failures) {
  return isFatal(thrown) || thrown instanceof JobcastError && thrown.status === 404 && failures >= NOT_FOUND_TRIES;
}

// src/frames.ts
var LONGEST_FRAME = 16 * 1024 * 1024;
var LINE_FEED = 10;
var CARRIAGE_RETURN = 13;
var FrameDecoder = class {
  // Strips a byte order mark, and puts U+FFFD for what is no UTF-8, also where a character is cut in two.
  #text = new TextDecoder("utf-8");
  /** The pieces of a line whose end has not come. Joined once, so that a long line in small pieces takes no square of its length. */
  #rest = [];
  #skipsLineFeed = false;
  #id = "";
  #event = "";
  #data = [];
  #length = 0;
  /** The frames that these bytes complete. Throws a `RangeError` when a frame is too long. */
  push(bytes) {
    const frames = [];
    const text = this.#text.decode(bytes, { stream: true });
    let start2 = 0;
    for (let at = 0; at < text.length; at += 1) {
      const character = text.charCodeAt(at);
      const skips = character === LINE_FEED && this.#skipsLineFeed;
      this.#skipsLineFeed = character === CARRIAGE_RETURN;
      if (skips) start2 = at + 1;
      else if (character === LINE_FEED || character === CARRIAGE_RETURN) {
        this.#line(this.#wholeLine(text.slice(start2, at)), frames);
        start2 = at + 1;
      }
    }
    this.#keep(text.slice(start2));
    return frames;
  }
  #wholeLine(end) {
    if (this.#rest.length === 0) return end;
    const line = [...this.#rest, end].join("");
    this.#length -= line.length - end.length;
    this.#rest = [];
    return line;
  }
  #keep(piece) {
    if (piece === "") return;
    this.#rest.push(piece);
    this.#grow(piece.length);
  }
  #line(line, frames) {
    if (line === "") return this.#dispatch(frames);
    const colon = line.indexOf(":");
    if (colon === 0) {
      frames.push({ kind: "comment", text: line.slice(1) });
      return;
    }
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    this.#field(name, value, frames);
  }
  #field(name, value, frames) {
    if (name === "data") {
      this.#data.push(value);
      this.#grow(value.length + 1);
    } else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) frames.push({ kind: "retry", milliseconds: Number(value) });
  }
  #dispatch(frames) {
    if (this.#data.length > 0) {
      frames.push({ kind: "event", id: this.#id, event: this.#event || "message", data: this.#data.join("\n") });
    }
    this.#event = "";
    this.#data = [];
    this.#length = 0;
  }
  #grow(characters) {
    this.#length += characters;
    if (this.#length > LONGEST_FRAME) throw new RangeError(`A frame of the stream has more than ${LONGEST_FRAME} characters.`);
  }
};

// src/stream.ts
var HEAD_TIMEOUT = 15e3;
var NAMES = ["sync", "queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"];
var fetchReader = {
  seesComments: true,
  async read(http, path, cursor, scope, handlers) {
    const headers = { Accept: "text/event-stream" };
    const response = await http.open({ path, query: { last_event_id: cursor }, headers, timeout: HEAD_TIMEOUT }, scope);
    if (response.status === 204) return "over";
    const reader = bodyOf(response, path).getReader();
    const decoder = new FrameDecoder();
    const stop = () => void reader.cancel().catch(() => void 0);
    scope.signal.addEventListener("abort", stop, { once: true });
    try {
      for (; ; ) {
        const piece = await reader.read().catch(() => null);
        if (piece === null || piece.done || scope.signal.aborted) return "cut";
        handlers.alive();
        for (const frame of framesIn(decoder, piece.value, path)) {
          if (scope.signal.aborted) return "cut";
          handlers.frame(frame);
        }
      }
    } finally {
      scope.signal.removeEventListener("abort", stop);
      stop();
    }
  }
};
function eventSourceReader(Source) {
  return {
    seesComments: false,
    async read(http, path, cursor, scope, handlers) {
      const source = new Source(await http.addressWithToken(path, { last_event_id: cursor }));
      try {
        return await untilItEnds(source, path, scope.signal, handlers);
      } finally {
        source.close();
      }
    }
  };
}
function untilItEnds(source, path, signal, handlers) {
  return new Promise((resolve, reject) => {
    let isOpen = false;
    if (signal.aborted) return resolve("cut");
    signal.addEventListener("abort", () => resolve("cut"), { once: true });
    source.addEventListener("open", () => {
      isOpen = true;
      handlers.alive();
    });
    source.addEventListener("error", () => {
      if (isOpen) resolve("cut");
      else reject(new JobcastError(`The stream ${path} was refused or cannot be reached.`, { code: "stream_refused" }));
    });
    for (const name of NAMES) {
      source.addEventListener(name, (message) => {
        if (signal.aborted) return;
        handlers.alive();
        handlers.frame({ kind: "event", id: message.lastEventId, event: name, data: String(message.data) });
      });
    }
  });
}
function bodyOf(response, path) {
  const type = response.headers.get("Content-Type") ?? "nothing";
  if (response.status !== 200 || !/^text\/event-stream\s*(;|$)/i.test(type) || response.body === null) {
    throw new JobcastError(`The answer to ${path} is no event stream (status ${response.status}, ${type}): something in between may have answered.`, {
      status: response.status,
      code: "not_a_stream"
    });
  }
  return response.body;
}
function framesIn(decoder, bytes, path) {
  try {
    return decoder.push(bytes);
  } catch (cause) {
    throw new JobcastError(`The stream ${path} cannot be read: ${cause.message}`, { code: "bad_frame", cause });
  }
}

// src/subject.ts
var BEYOND_HOLD = 1e4;
var NEWEST = 50;
function isTerminal(status) {
  return status === "completed" || status === "failed" || status === "cancelled";
}
function jobPath(jobId) {
  return `/api/jobs/${encodeURIComponent(jobId)}`;
}
function jobSubject(jobId) {
  const path = jobPath(jobId);
  return {
    key: `job/${jobId}`,
    path: `${path}/events`,
    canHold: true,
    async poll(http, { etag, hold, signal }) {
      const headers = etag === null ? {} : { "If-None-Match": etag };
      const held = etag === null ? 0 : hold;
      const query = held > 0 ? { wait: held } : {};
      const answer = await http.json({ path: `${path}/status`, query, headers, signal, timeout: held * 1e3 + BEYOND_HOLD });
      if (answer.body === null) return null;
      const job = answer.body["job"];
      return { snapshot: job, lastSeq: job.last_seq, isOver: isTerminal(job.status), etag: answer.headers.get("ETag") };
    }
  };
}
function brandSubject(brandId) {
  return {
    key: `brand/${brandId}`,
    path: `/api/brands/${encodeURIComponent(brandId)}/events`,
    canHold: false,
    async poll(http, { signal }) {
      const answer = await http.json({ path: "/api/jobs", query: { brand_id: brandId, limit: NEWEST }, signal });
      return { snapshot: answer.body?.["jobs"] ?? [], lastSeq: null, isOver: false, etag: null };
    }
  };
}

// src/tabs.ts
var SLOTS = 4;
var LONGEST_TIMER = 2 ** 31 - 1;
function browserPlatform() {
  const locks = globalThis.navigator?.locks;
  if (typeof document === "undefined" || locks === void 0 || typeof BroadcastChannel === "undefined") return null;
  return { locks, openChannel: (name) => new BroadcastChannel(name) };
}
function sharingTabs(platform, base, clock) {
  return {
    join: (key, handlers) => takeSeat(platform, `jobcast ${base} ${key}`, handlers),
    slot: (patience, signal) => firstFree(platform, `jobcast ${base} slot`, clock, patience, signal)
  };
}
function lonelyTabs(clock, slots) {
  const waiting = /* @__PURE__ */ new Set();
  let free = slots;
  const release = () => {
    free += 1;
    const [next] = waiting;
    next?.();
  };
  return {
    join: () => null,
    async slot(patience, signal) {
      const deadline = clock.now() + patience;
      while (free === 0) {
        const left = deadline - clock.now();
        if (left <= 0 || signal.aborted) return null;
        await waitForTurn(waiting, clock, left, signal);
      }
      free -= 1;
      return once(release);
    }
  };
}
function takeSeat(platform, name, handlers) {
  const channel = platform.openChannel(name);
  const leaving = new AbortController();
  let isLeader = false;
  channel.addEventListener("message", (event) => {
    if (!leaving.signal.aborted && isTabMessage(event.data)) handlers.hears(event.data);
  });
  holdLock(platform, name, leaving.signal, () => {
    isLeader = true;
    handlers.leads();
  });
  return {
    get isLeader() {
      return isLeader;
    },
    say: (message) => {
      if (!leaving.signal.aborted) channel.postMessage(message);
    },
    leave: () => {
      leaving.abort();
      isLeader = false;
      channel.close();
    }
  };
}
function holdLock(platform, name, signal, granted) {
  const hold = () => {
    if (signal.aborted) return void 0;
    granted();
    if (signal.aborted) return void 0;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  };
  Promise.resolve(platform.locks.request(name, { signal }, hold)).catch(() => void 0);
}
async function firstFree(platform, name, clock, patience, signal) {
  const tries = Array.from({ length: SLOTS }, () => new AbortController());
  let taken = null;
  const endAll = () => tries.forEach((one) => one.abort());
  const isGranted = new Promise((resolve) => {
    tries.forEach((one, number) => {
      holdLock(platform, `${name} ${number}`, one.signal, () => {
        taken ??= one;
        tries.filter((other) => other !== taken).forEach((other) => other.abort());
        resolve(true);
      });
    });
  });
  const patient = new Scope(signal);
  const isOut = pause(clock, Math.min(patience, LONGEST_TIMER), patient.signal).then(() => false);
  const has = await Promise.race([isGranted, isOut]);
  patient.end();
  if (has && !signal.aborted) return once(endAll);
  endAll();
  return null;
}
async function waitForTurn(waiting, clock, milliseconds, signal) {
  const turn = new Scope(signal);
  const wake = () => turn.end();
  waiting.add(wake);
  await pause(clock, Math.min(milliseconds, LONGEST_TIMER), turn.signal);
  waiting.delete(wake);
  turn.end();
}
function once(work) {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
function isTabMessage(value) {
  if (value === null || typeof value !== "object") return false;
  const message = value;
  if (message["kind"] === "who" || message["kind"] === "lost" || message["kind"] === "reset") return true;
  if (!Number.isSafeInteger(message["at"])) return false;
  if (message["kind"] === "place") return true;
  const isText = (name) => typeof message[name] === "string";
  return message["kind"] === "frame" && Number.isSafeInteger(message["prev"]) && isText("id") && isText("event") && isText("data");
}

// src/token.ts
var Token = class {
  #source;
  #value = null;
  #isKnown = false;
  #asking = null;
  constructor(source) {
    this.#source = source ?? null;
  }
  /** The token in force, null if calls are made without. */
  async current() {
    return this.#isKnown ? this.#value : this.#ask(null);
  }
  /** Another token than the one that was refused, or null if there is none to be had. */
  async other(refused, refusal) {
    if (this.#asking === null && this.#isKnown && this.#value !== refused) return this.#value;
    if (typeof this.#source !== "function") return null;
    const value = await this.#ask(refusal);
    return value === refused ? null : value;
  }
  #ask(refusal) {
    this.#asking ??= this.#askOnce(refusal).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }
  async #askOnce(refusal) {
    let value;
    try {
      value = typeof this.#source === "function" ? await this.#source(refusal) : this.#source;
    } catch (thrown) {
      throw new JobcastError(`The page has no token now: ${asError(thrown).message}`, { code: "no_token", cause: thrown });
    }
    this.#isKnown = true;
    this.#value = value?.trim() || null;
    return this.#value;
  }
};

// src/job-state.ts
var TEXT_LIMIT = 4e5;
var EVENT_LIMIT = 200;
var JobState = class {
  /** The job by the newest that is known; replaced, never changed. Null before the first event. */
  job = null;
  /** The number of the last event that was told. */
  lastSeq = 0;
  /** The number of the last event whose effect is in `job`. */
  knownSeq = 0;
  text = null;
  /** The latest events but deltas; replaced, never changed. */
  events = [];
  /** Why the last attempt failed, and when the next may begin; null while none is waited for. */
  waiting = null;
  #step = 0;
  /** Whether the job has ended, by the newest that is known. */
  get isOver() {
    return this.job !== null && isTerminal(this.job.status);
  }
  apply(event) {
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
  #forget() {
    this.lastSeq = 0;
    this.knownSeq = 0;
    this.text = null;
    this.events = [];
    this.waiting = null;
    this.#step = 0;
  }
  #takeJob(job) {
    if (job.last_seq < this.knownSeq) return;
    this.knownSeq = job.last_seq;
    this.job = job;
  }
  #takeEvent(event) {
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
  #takeText(event) {
    const step = event.step || this.#step;
    const isNewAttempt = event.type === "started" && this.text !== null && event.attempt > this.text.attempt;
    if (event.type === "delta") this.#write(step, event.attempt, event.text);
    else if ((event.type === "retrying" || event.type === "queued" || isNewAttempt) && this.text !== null && this.text.step >= step) {
      this.text = { ...this.text, isVoid: true };
    }
    this.#step = step;
  }
  #write(step, attempt, piece) {
    const text = this.text;
    const goesOn = text !== null && !text.isVoid && text.step === step && text.attempt === attempt;
    let content = goesOn ? text.content + piece : piece;
    if (content.length > TEXT_LIMIT) content = content.slice(-TEXT_LIMIT / 2);
    this.text = { step, attempt, content, isVoid: false };
  }
};
function advanced(job, event) {
  const { status, progress, current_step, step, total_steps } = event;
  const next = { ...job, status, progress, current_step, step, total_steps, last_seq: event.seq };
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

// src/watch.ts
var LOGGED = /* @__PURE__ */ new Set(["queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"]);
var JobListener = class {
  #callbacks;
  #job = null;
  #knownSeq = 0;
  constructor(callbacks) {
    this.#callbacks = callbacks;
  }
  /** The job by the newest that is known. */
  get job() {
    return this.#job;
  }
  get isOver() {
    return this.#job !== null && isTerminal(this.#job.status);
  }
  sync(data, resume) {
    const job = data["job"];
    if (resume !== "exact") this.#knownSeq = 0;
    this.#take(job);
    call(this.#callbacks.onEvent, { type: "sync", job, resume, last_seq: Number(data["last_seq"]) });
  }
  event(name, data) {
    if (!LOGGED.has(name)) return false;
    const replayed = Number(data["seq"]) <= this.#knownSeq;
    const event = { ...data, type: name, replayed };
    if (!replayed && this.#job !== null) this.#take(advanced(this.#job, event));
    call(this.#callbacks.onEvent, event);
    return isTerminal(name) && event.seq >= this.#knownSeq;
  }
  snapshot(job) {
    this.#take(job);
    call(this.#callbacks.onEvent, { type: "snapshot", job });
  }
  connection(connection) {
    call(this.#callbacks.onConnection, connection);
  }
  frame(frame) {
    call(this.#callbacks.onFrame, frame);
  }
  #take(job) {
    if (job.last_seq < this.#knownSeq) return;
    this.#knownSeq = job.last_seq;
    this.#job = job;
  }
};
var BrandListener = class {
  #callbacks;
  isOver = false;
  constructor(callbacks) {
    this.#callbacks = callbacks;
  }
  sync(data, resume) {
    const jobs = Array.isArray(data["jobs"]) ? data["jobs"] : [];
    call(this.#callbacks.onEvent, { type: "sync", jobs, resume, last_seq: Number(data["last_seq"]) });
  }
  event(name, data) {
    if (LOGGED.has(name)) call(this.#callbacks.onEvent, { ...data, type: name, replayed: false });
    return false;
  }
  snapshot(jobs) {
    call(this.#callbacks.onEvent, { type: "snapshot", jobs });
  }
  connection(connection) {
    call(this.#callbacks.onConnection, connection);
  }
  frame(frame) {
    call(this.#callbacks.onFrame, frame);
  }
};
function call(callback, value) {
  try {
    callback?.(value);
  } catch (thrown) {
    if (typeof globalThis.reportError === "function") globalThis.reportError(thrown);
    else console.error(thrown);
  }
}

// src/client.ts
var START_TRIES = 4;
var START_TIMEOUT = 3e4;
function createClient(options = {}) {
  const clock = options.clock ?? systemClock;
  const base = String(options.baseUrl ?? "").replace(/\/+$/, "");
  const fetcher = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const http = new Http(base, new Token(options.token), fetcher, clock);
  const tabs = options.tabs ?? tabsFor(options, base, clock);
  const reader = readerFor(options);
  const watches = new Watches();
  const body = async (call2, { signal } = {}) => (await http.json({ ...call2, signal })).body;
  const job = async (call2, callOptions) => (await body(call2, callOptions)).job;
  async function run(subject, listener, via, after, signal) {
    const ladder = new Ladder({ subject, http: via, tabs, reader, listener, after });
    const leave = watches.enter(ladder);
    try {
      await ladder.follow(signal);
    } finally {
      leave();
    }
  }
  async function watch(jobId, watchOptions) {
    const listener = new JobListener(watchOptions);
    const via = http.withToken(tokenFor(watchOptions.eventsUrl, options.token));
    await run(jobSubject(jobId), listener, watchOptions.eventsUrl === void 0 ? http : via, watchOptions.after ?? 0, signalOf(watchOptions));
    if (listener.job === null) throw new JobcastError(`The job ${jobId} is over, and the server told nothing of it.`, { code: "unknown" });
    return listener.job;
  }
  async function watchBrand(brandId, watchOptions) {
    await run(brandSubject(brandId), new BrandListener(watchOptions), http, watchOptions.after ?? "tail", signalOf(watchOptions));
    throw new JobcastError(`The stream of the brand ${brandId} ended for good.`, { code: "unknown" });
  }
  return {
    baseUrl: base,
    start: (request, startOptions = {}) => start(http, request, startOptions),
    status: (jobId, callOptions) => job({ path: `${jobPath(jobId)}/status` }, callOptions),
    result: (jobId, callOptions) => body({ path: `${jobPath(jobId)}/result` }, callOptions),
    cancel: (jobId, callOptions) => job({ method: "POST", path: `${jobPath(jobId)}/cancel` }, callOptions),
    retry: (jobId, callOptions) => job({ method: "POST", path: `${jobPath(jobId)}/retry` }, callOptions),
    list: (filter = {}, callOptions) => body({ path: "/api/jobs", query: { ...filter } }, callOptions),
    jobTypes: (callOptions) => body({ path: "/api/job-types" }, callOptions),
    watch: (jobId, watchOptions = {}) => ignorable(watch(jobId, watchOptions)),
    watchBrand: (brandId, watchOptions = {}) => ignorable(watchBrand(brandId, watchOptions))
  };
}
async function start(http, request, options) {
  const signal = signalOf(options);
  const headers = { "Idempotency-Key": options.idempotencyKey ?? randomKey(http.clock) };
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await http.json({ method: "POST", path: "/api/jobs/start", headers, body: request, timeout: START_TIMEOUT, signal });
      return answer.body;
    } catch (thrown) {
      if (tries === START_TRIES || !(thrown instanceof JobcastError) || !mayHaveBeenLost(thrown)) throw thrown;
      await pause(http.clock, Math.max(thrown.retryAfter ?? 0, jittered(http.clock, 1e3 * 2 ** (tries - 1))), signal);
    }
  }
}
function mayHaveBeenLost(error) {
  if (error.code === "no_token") return false;
  return error.status === 0 || error.status === 502 || error.status === 504 || error.code === "draining" || error.code === "database_unavailable";
}
function tabsFor(options, base, clock) {
  const platform = browserPlatform();
  if (platform !== null && options.shareTabs !== false) return sharingTabs(platform, base, clock);
  return lonelyTabs(clock, typeof document === "undefined" ? Infinity : SLOTS);
}
function readerFor({ stream = "auto", EventSource: Source = globalThis.EventSource }) {
  const canStream = typeof Response === "function" && "body" in Response.prototype;
  if (stream === "fetch" || stream === "auto" && canStream) return fetchReader;
  return stream === "none" || Source === void 0 ? null : eventSourceReader(Source);
}
function tokenFor(eventsUrl, source) {
  const query = eventsUrl?.split("?")[1] ?? "";
  const own = new URLSearchParams(query).get("access_token");
  let isFirst = own !== null;
  return new Token((refused) => {
    if (isFirst) {
      isFirst = false;
      return own;
    }
    return typeof source === "function" ? source(refused) : source;
  });
}
function signalOf({ signal }) {
  return signal ?? new AbortController().signal;
}
function ignorable(promise) {
  promise.catch(() => void 0);
  return promise;
}
function randomKey(clock) {
  const bytes = globalThis.crypto?.getRandomValues(new Uint8Array(16)) ?? Uint8Array.from({ length: 16 }, () => Math.floor(clock.random() * 256));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
var Watches = class {
  #ladders = /* @__PURE__ */ new Set();
  #hurry = () => {
    for (const ladder of this.#ladders) ladder.hurry();
  };
  #look = () => {
    if (document.visibilityState === "visible") this.#hurry();
  };
  enter(ladder) {
    if (this.#ladders.size === 0) this.#listen();
    this.#ladders.add(ladder);
    return () => {
      this.#ladders.delete(ladder);
      if (this.#ladders.size === 0) this.#rest();
    };
  }
  #listen() {
    globalThis.addEventListener?.("online", this.#hurry);
    globalThis.document?.addEventListener("visibilitychange", this.#look);
  }
  #rest() {
    globalThis.removeEventListener?.("online", this.#hurry);
    globalThis.document?.removeEventListener("visibilitychange", this.#look);
  }
};
export {
  EVENT_LIMIT,
  FrameDecoder,
  JobState,
  JobcastError,
  TEXT_LIMIT,
  advanced,
  createClient,
  isTerminal
};
