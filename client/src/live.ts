// The stream of one subject: an own one, or that of the tab that leads; each event once and in order.
// Must not wait between tries, nor ask for the state by other means: the ladder does.
import { type Clock, Scope, pause } from "./clock.js";
import { JobcastError } from "./errors.js";
import type { Frame } from "./frames.js";
import type { Http } from "./http.js";
import * as patience from "./patience.js";
import type { StreamReader } from "./stream.js";
import type { Subject } from "./subject.js";
import type { Seat, TabMessage, Tabs } from "./tabs.js";
import type { RawFrame, Resume, Transport } from "./types.js";

/** How a try of the stream ended. */
export type Outcome =
  | { kind: "over" }
  /** The server says that there is nothing after the cursor, and that nothing will follow. */
  | { kind: "exhausted" }
  /** The leading tab's stream is where this one is. */
  | { kind: "handover" }
  /** A stream of its own is wanted at once: the leading tab has nothing more for this one, or another cursor is asked for. */
  | { kind: "alone" }
  /** All connections that may be held open are in use. */
  | { kind: "full" }
  /** Nothing comes through. */
  | { kind: "mute"; error: JobcastError }
  /** It was refused, cut or ended; `wait` is how long the server asks to wait, in milliseconds. */
  | { kind: "lost"; error: Error | null; wait: number | null };

/** Who hears what comes. */
export interface LiveHandlers {
  /** The stream is there, and how; also again after the leading tab had lost it. */
  live(transport: Transport): void;
  /** The leading tab has lost the stream, and may find it again. */
  interrupted(): void;
  /** It has brought something that no buffer in between would have let through late. */
  proven(): void;
  sync(data: Record<string, unknown>, resume: Resume): void;
  /** Answers whether the subject is over with it. */
  event(name: string, data: Record<string, unknown>): boolean;
  frame(frame: RawFrame): void;
}

export interface LiveParts<Snapshot> {
  subject: Subject<Snapshot>;
  http: Http;
  tabs: Tabs;
  reader: StreamReader;
  handlers: LiveHandlers;
  /** Begin after this event, with the first (0), or with what happens from now on. */
  after: number | "tail";
}

/** How long the head and then the first frame may take together. */
const OPENING = 2 * patience.FIRST_FRAME;

export class Live<Snapshot> {
  readonly #parts: LiveParts<Snapshot>;
  readonly #clock: Clock;
  readonly #seat: Seat | null;
  #cursor: number | null;
  /** The latest event when the connection began. */
  #knownAtOpening = 0;
  #skipsReplay = false;
  /** Where the leading tab's stream is; null while that is not known. */
  #leaderAt: number | null = null;
  /** What the stream in use does with the leading tab's messages. */
  #onMessage: ((message: TabMessage | "leads") => void) | null = null;

  constructor(parts: LiveParts<Snapshot>) {
    this.#parts = parts;
    this.#clock = parts.http.clock;
    this.#cursor = parts.after === "tail" ? null : parts.after;
    this.#seat = parts.tabs.join(parts.subject.key, { leads: () => this.#onMessage?.("leads"), hears: (message) => this.#hear(message) });
    this.#seat?.say({ kind: "who" });
  }

  /** The number of the last event that was told; null before the first frame of a watch that skips history. */
  get cursor(): number | null {
    return this.#cursor;
  }

  /** Gives the place among the tabs up. */
  close(): void {
    this.#seat?.leave();
  }

  /** Reads as long as it goes; `opened` is called when it goes. Throws what makes going on senseless. */
  async run(slotPatience: number, signal: AbortSignal, opened: () => void): Promise<Outcome> {
    for (;;) {
      const outcome = this.#isAtLeadersPlace() ? await this.#readLeaders(signal, opened) : await this.#readOwnInSlot(slotPatience, signal, opened);
      if (signal.aborted || (outcome.kind !== "handover" && outcome.kind !== "alone")) return outcome;
    }
  }

  // ---- An own stream ----

  async #readOwnInSlot(slotPatience: number, signal: AbortSignal, opened: () => void): Promise<Outcome> {
    const release = await this.#parts.tabs.slot(slotPatience, signal);
    if (release === null) return { kind: "full" };
    try {
      return await this.#readOwn(signal, opened);
    } finally {
      release();
      if (this.#seat?.isLeader === true) this.#seat.say({ kind: "lost" });
    }
  }

  async #readOwn(signal: AbortSignal, opened: () => void): Promise<Outcome> {
    const own = new Reading(this.#clock, signal);
    const { http, subject, reader } = this.#parts;
    this.#onMessage = () => this.#handOver(own);
    own.watch(OPENING, () => own.end(mute(subject.path, OPENING)));
    try {
      const end = await reader.read(http, subject.path, this.#cursorText, own.scope, {
        alive: () => this.#noteLife(own),
        frame: (frame) => this.#takeOwn(frame, own, opened),
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

  #noteLife(own: Reading): void {
    if (own.openedAt === null) return own.watch(patience.FIRST_FRAME, () => own.end(mute(this.#parts.subject.path, patience.FIRST_FRAME)));
    if (this.#clock.now() - own.openedAt >= patience.PROVEN) this.#parts.handlers.proven();
    own.watch(patience.SILENCE, () => void this.#judgeSilence(own));
  }

  #takeOwn(frame: Frame, own: Reading, opened: () => void): void {
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
  #openAtTail(own: Reading): void {
    this.#skipsReplay = false;
    this.#cursor = null;
    own.end({ kind: "alone" });
  }

  /** Where comments cannot be seen, a stream may be silent because nothing happens. */
  async #judgeSilence(own: Reading): Promise<void> {
    if (!this.#parts.reader.seesComments && (await this.#hasNothingNew(own.scope.signal))) {
      if (own.outcome === null) own.watch(patience.SILENCE, () => void this.#judgeSilence(own));
      return;
    }
    own.end(mute(this.#parts.subject.path, patience.SILENCE));
  }

  async #hasNothingNew(signal: AbortSignal): Promise<boolean> {
    try {
      const polled = await this.#parts.subject.poll(this.#parts.http, { etag: null, hold: 0, signal });
      return polled?.lastSeq !== null && polled?.lastSeq !== undefined && polled.lastSeq <= (this.#cursor ?? 0);
    } catch {
      return false;
    }
  }

  /** An EventSource does not say why it was refused, so the state is asked for: that answer does. */
  async #judge(thrown: unknown, signal: AbortSignal): Promise<Outcome> {
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
    // Not even the head came: what holds it back would hold back the next one too.
    if (thrown.code === "timeout") return { kind: "mute", error: thrown };
    return { kind: "lost", error: thrown, wait: thrown.retryAfter };
  }

  // ---- The leading tab's ----

  #readLeaders(signal: AbortSignal, opened: () => void): Promise<Outcome> {
    const shared = new Reading(this.#clock, signal);
    const isLive = () => {
      this.#parts.handlers.live("shared");
      shared.watch(patience.SILENCE, () => {
        // Frozen, perhaps: its place is no longer known.
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
        shared.watch(patience.LEADER_LOST, () => shared.end({ kind: "alone" }));
      } else if (message.kind === "reset") shared.end({ kind: "alone" });
    };
    return shared.ended.then((outcome) => {
      this.#onMessage = null;
      shared.close();
      return outcome;
    });
  }

  #takeShared(message: TabMessage & { kind: "frame" }, shared: Reading): void {
    if (message.at <= (this.#cursor ?? 0)) return;
    if (message.prev !== this.#cursor) return shared.end({ kind: "alone" });
    if (this.#take({ kind: "event", id: message.id, event: message.event, data: message.data }, "shared")) shared.end({ kind: "over" });
  }

  // ---- Among the tabs ----

  #hear(message: TabMessage): void {
    if (this.#seat?.isLeader === true) {
      if (message.kind === "who" && this.#onMessage !== null) this.#sayPlace();
      return;
    }
    if (message.kind === "frame" || message.kind === "place") this.#leaderAt = message.at;
    else if (message.kind !== "who") this.#leaderAt = null;
    this.#onMessage?.(message);
  }

  #isAtLeadersPlace(): boolean {
    return this.#seat !== null && !this.#seat.isLeader && this.#leaderAt !== null && this.#leaderAt === this.#cursor;
  }

  #handOver(own: Reading): void {
    if (own.openedAt !== null && this.#isAtLeadersPlace()) own.end({ kind: "handover" });
  }

  #sayPlace(): void {
    if (this.#seat?.isLeader === true && this.#cursor !== null) this.#seat.say({ kind: "place", at: this.#cursor });
  }

  // ---- Each frame ----

  get #cursorText(): string | null {
    if (this.#cursor === null) return "tail";
    return this.#cursor === 0 ? null : String(this.#cursor);
  }

  /** Takes a frame; answers whether the subject is over with it. */
  #take(frame: Frame, transport: Transport): boolean {
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

  #synchronise(at: number, data: Record<string, unknown>): void {
    const resume = data["resume"] === "start" || data["resume"] === "reset" ? data["resume"] : "exact";
    this.#cursor = at;
    this.#knownAtOpening = Number(data["last_seq"]) || 0;
    this.#skipsReplay = resume === "reset" && this.#parts.after === "tail";
    if (resume === "reset" && this.#seat?.isLeader === true) this.#seat.say({ kind: "reset" });
    else this.#sayPlace();
    this.#parts.handlers.sync(data, resume);
  }
}

/** One stream while it lasts: its end, and what notices its silence. */
class Reading {
  readonly scope: Scope;
  /** Fulfilled with how it ended. */
  readonly ended: Promise<Outcome>;
  outcome: Outcome | null = null;
  /** When the first frame came; null before. */
  openedAt: number | null = null;
  /** How long the server asks to wait before the next connection. */
  retry: number | null = null;
  readonly #clock: Clock;
  readonly #parent: AbortSignal;
  readonly #abandon = () => this.end({ kind: "alone" });
  #watchdog: Scope | null = null;
  #settle: (outcome: Outcome) => void = () => undefined;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.scope = new Scope(signal);
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#parent = signal;
    if (signal.aborted) this.#abandon();
    else signal.addEventListener("abort", this.#abandon, { once: true });
  }

  end(outcome: Outcome): void {
    if (this.outcome !== null) return;
    this.outcome = outcome;
    this.#settle(outcome);
    this.close();
  }

  /** Calls back unless it is called again within so many milliseconds. */
  watch(milliseconds: number, silent: () => void): void {
    this.#watchdog?.end();
    if (this.outcome !== null) return;
    const watchdog = new Scope(this.scope.signal);
    this.#watchdog = watchdog;
    void pause(this.#clock, milliseconds, watchdog.signal).then(() => {
      if (!watchdog.signal.aborted) silent();
    });
  }

  close(): void {
    this.#parent.removeEventListener("abort", this.#abandon);
    this.#watchdog?.end();
    this.scope.end();
  }
}

/** Whether going on makes no sense: the server knows what is asked for, and refuses it. */
export function isFatal(thrown: unknown): boolean {
  if (!(thrown instanceof JobcastError)) return true;
  if (thrown.status === 401 || thrown.status === 403) return true;
  return thrown.status >= 400 && thrown.status < 500 && !thrown.isTemporary;
}

function mute(path: string, milliseconds: number): Outcome {
  return { kind: "mute", error: new JobcastError(`The stream ${path} has brought nothing for ${milliseconds / 1000} s: something in between holds it back.`, { code: "mute" }) };
}

function rawFrame(frame: Frame, at: number, transport: Transport): RawFrame {
  switch (frame.kind) {
    case "event":
      return { at, transport, kind: "event", id: frame.id, event: frame.event, data: frame.data };
    case "comment":
      return { at, transport, kind: "comment", id: "", event: "", data: frame.text };
    case "retry":
      return { at, transport, kind: "retry", id: "", event: "", data: String(frame.milliseconds) };
  }
}

/** The number of an event, or null if the text is none. */
function sequence(text: string): number | null {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : null;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
