// Follows one subject to its end: over the stream, else by held, else by plain questions, always by the best of these that
// works, with one cursor throughout.
// Must not judge what events mean: its listener says when the subject is over.
import { type Clock, Scope, jittered, pause } from "./clock.js";
import { JobcastError, asError } from "./errors.js";
import { type Http, reasonOf } from "./http.js";
import { Live, type LiveHandlers, type Outcome, isFatal } from "./live.js";
import * as patience from "./patience.js";
import type { StreamReader } from "./stream.js";
import type { Polled, Subject } from "./subject.js";
import type { Tabs } from "./tabs.js";
import type { Connection, RawFrame, Resume, Transport } from "./types.js";

/** Who hears what the ladder brings. */
export interface Listener<Snapshot> {
  sync(data: Record<string, unknown>, resume: Resume): void;
  /** Takes an event that was not told before; answers whether the subject is over with it. */
  event(name: string, data: Record<string, unknown>): boolean;
  /** Takes a state that was asked for. */
  snapshot(snapshot: Snapshot): void;
  /** Whether the subject is over by the newest that is known of it. */
  readonly isOver: boolean;
  connection(connection: Connection): void;
  frame(frame: RawFrame): void;
}

export interface LadderParts<Snapshot> {
  subject: Subject<Snapshot>;
  http: Http;
  tabs: Tabs;
  /** Null where there is no way to read a stream. */
  reader: StreamReader | null;
  listener: Listener<Snapshot>;
  /** Begin after this event, with the first (0), or with what happens from now on. */
  after: number | "tail";
}

export class Ladder<Snapshot> {
  readonly #parts: LadderParts<Snapshot>;
  readonly #clock: Clock;
  readonly #live: Live<Snapshot> | null;
  /** Tries of the stream in a row that brought nothing, and tries in a row to climb back to it. */
  #failures = 0;
  #climbs = 0;
  #connection: Connection = { state: "connecting", transport: null, failures: 0, error: null };
  readonly #sleepers = new Set<() => void>();

  constructor(parts: LadderParts<Snapshot>) {
    this.#parts = parts;
    this.#clock = parts.http.clock;
    const { subject, http, tabs, reader, after } = parts;
    this.#live = reader === null ? null : new Live({ subject, http, tabs, reader, after, handlers: this.#handlers() });
  }

  /** The number of the last event that was told; null before the first frame of a watch that skips history. */
  get cursor(): number | null {
    return this.#live?.cursor ?? null;
  }

  /** Ends every wait before a next try: the network is back, or somebody looks again. */
  hurry(): void {
    for (const wake of [...this.#sleepers]) wake();
  }

  /** Follows until the subject is over. Rejects with what makes going on senseless, or with the signal's reason. */
  async follow(signal: AbortSignal): Promise<void> {
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

  async #goUpAndDown(signal: AbortSignal): Promise<void> {
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
      } else if (outcome.kind === "lost" && this.#failures < patience.TRIES) {
        this.#tell("connecting", null, outcome.error);
        await this.#sleep(this.#waitAfter(outcome.wait), signal);
        outcome = await this.#tryStream(this.#live, signal);
      } else {
        outcome = await this.#askAndClimb(this.#live, outcome, signal);
      }
    }
  }

  async #tryStream(live: Live<Snapshot>, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted) return { kind: "over" };
    return this.#count(await live.run(patience.SLOT, signal, () => undefined));
  }

  #count(outcome: Outcome): Outcome {
    if (outcome.kind === "lost" || outcome.kind === "mute") this.#failures += 1;
    return outcome;
  }

  #waitAfter(asked: number | null): number {
    const own = jittered(this.#clock, doubled(patience.BACKOFF, this.#failures - 1));
    if (asked === null) return own;
    // The server has varied the wait that it asks for; it is enough the first time.
    return Math.min(this.#failures > 1 ? Math.max(asked, own) : asked, patience.LONGEST_ASKED);
  }

  /** Asks for the state until it is over, or until the stream is there again; returns how that stream ended. */
  async #askAndClimb(live: Live<Snapshot>, reason: Outcome, signal: AbortSignal): Promise<Outcome> {
    const asking = new Scope(signal);
    const climbing = new Scope(signal);
    if (reason.kind !== "full") this.#tell("connecting", null, "error" in reason ? reason.error : null);
    const climbed = this.#climb(live, reason, () => asking.end(), climbing.signal);
    const asked = this.#ask(asking.signal, false);
    // The one that is not waited for may fail as well.
    climbed.catch(() => undefined);
    asked.catch(() => undefined);
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
  async #climb(live: Live<Snapshot>, reason: Outcome, opened: () => void, signal: AbortSignal): Promise<Outcome> {
    // For a free connection it waits in a queue, so that it need not try at times.
    let wait = reason.kind === "full" ? 0 : this.#waitToClimb(reason);
    for (;;) {
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

  #waitToClimb(outcome: Outcome): number {
    const asked = outcome.kind === "lost" ? (outcome.wait ?? 0) : 0;
    this.#climbs += 1;
    return Math.max(asked, jittered(this.#clock, doubled(patience.CLIMB, this.#climbs - 1)));
  }

  /** The events behind a final state: a stream that ends by itself gets through where one that stays open does not. */
  async #readTail(live: Live<Snapshot>, signal: AbortSignal): Promise<Outcome> {
    const scope = new Scope(signal);
    void pause(this.#clock, patience.TAIL, scope.signal).then(() => scope.end());
    try {
      await live.run(patience.SLOT, scope.signal, () => undefined);
    } finally {
      scope.end();
    }
    // Somebody may have retried the job meanwhile.
    return this.#parts.listener.isOver ? { kind: "over" } : { kind: "lost", error: null, wait: 0 };
  }

  // ---- Asking ----

  /** Asks for the state until it is a final one; `once` until it is there. Returns also when the signal is aborted. */
  async #ask(signal: AbortSignal, once: boolean): Promise<void> {
    const asker = { etag: null as string | null, failures: 0, holdsFrom: 0 };
    while (!signal.aborted) {
      const began = this.#clock.now();
      const release = asker.etag !== null && this.#parts.subject.canHold && began >= asker.holdsFrom ? await this.#parts.tabs.slot(patience.HOLD_SLOT, signal) : null;
      const hold = release === null ? 0 : patience.HOLD;
      if (asker.failures === 0 && asker.etag !== null) this.#tell("polling", hold > 0 ? "long-poll" : "poll");
      let wait: number;
      try {
        const polled = await this.#parts.subject.poll(this.#parts.http, { etag: asker.etag, hold, signal });
        if (signal.aborted) return;
        if (polled !== null) asker.etag = this.#takeState(polled);
        if (this.#parts.listener.isOver || once) return;
        this.#tell("polling", hold > 0 ? "long-poll" : "poll");
        // The server is back: the stream may be, too.
        if (asker.failures > 0) this.hurry();
        asker.failures = 0;
        wait = hold > 0 ? patience.LEAST_POLL - (this.#clock.now() - began) : jittered(this.#clock, 2 * patience.POLL - patience.LEAST_POLL);
      } catch (thrown) {
        if (signal.aborted) return;
        asker.failures += 1;
        if (isHopeless(thrown, asker.failures)) throw thrown;
        if (hold > 0) asker.holdsFrom = this.#clock.now() + patience.HOLD_AGAIN;
        else this.#tell("connecting", null, asError(thrown));
        wait = hold > 0 ? patience.LEAST_POLL : waitAfterFailure(thrown, this.#clock, asker.failures);
      } finally {
        release?.();
      }
      await this.#sleep(wait, signal);
    }
  }

  #takeState(polled: Polled<Snapshot>): string | null {
    this.#parts.listener.snapshot(polled.snapshot);
    return polled.etag;
  }

  // ---- Telling and waiting ----

  #handlers(): LiveHandlers {
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
      frame: (frame) => listener.frame(frame),
    };
  }

  #tell(state: Connection["state"], transport: Transport | null = null, error: Error | null = null): void {
    const failures = state === "connecting" ? Math.max(this.#failures, 1) : 0;
    const last = this.#connection;
    if (last.state === state && last.transport === transport && last.failures === failures && last.error?.message === error?.message) return;
    this.#connection = { state, transport, failures, error };
    this.#parts.listener.connection(this.#connection);
  }

  async #sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (milliseconds <= 0) return;
    const scope = new Scope(signal);
    const wake = () => scope.end();
    this.#sleepers.add(wake);
    await pause(this.#clock, milliseconds, scope.signal);
    this.#sleepers.delete(wake);
    scope.end();
  }
}

function doubled(wait: { first: number; last: number }, times: number): number {
  return Math.min(wait.first * 2 ** Math.min(Math.max(times, 0), 20), wait.last);
}

function waitAfterFailure(thrown: unknown, clock: Clock, failures: number): number {
  const asked = thrown instanceof JobcastError ? (thrown.retryAfter ?? 0) : 0;
  return Math.max(asked, jittered(clock, doubled(patience.BACKOFF, failures)));
}

/** A 404 that is not the server's own may be a proxy's whose server is being replaced; it is believed in the end. */
function isHopeless(thrown: unknown, failures: number): boolean {
  return isFatal(thrown) || (thrown instanceof JobcastError && thrown.status === 404 && failures >= patience.NOT_FOUND_TRIES);
}
