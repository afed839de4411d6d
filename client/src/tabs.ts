// What the tabs of a browser share: one stream of each subject, and the few connections that HTTP/1.1 allows.
// Must not know what is streamed, nor rely on a message: who missed one finds out by the numbers and asks the server.
import { type Clock, Scope, pause } from "./clock.js";

/** What a leader tells the others. `prev` is the cursor before the frame: who has another one has missed something. */
export type TabMessage =
  | { kind: "frame"; prev: number; at: number; id: string; event: string; data: string }
  | { kind: "place"; at: number }
  /** The leader has no stream at the moment. */
  | { kind: "lost" }
  /** The server did not know the leader's cursor. */
  | { kind: "reset" }
  /** Somebody asks where the leader is. */
  | { kind: "who" };

/** The parts of the browser that are used, so that tests can bring their own. */
export interface TabsPlatform {
  locks: Pick<LockManager, "request">;
  openChannel(name: string): Pick<BroadcastChannel, "postMessage" | "close" | "addEventListener">;
}

/** A seat among those who watch the same subject: the one who holds the lock leads. */
export interface Seat {
  readonly isLeader: boolean;
  say(message: TabMessage): void;
  leave(): void;
}

export interface SeatHandlers {
  leads(): void;
  hears(message: TabMessage): void;
}

export interface Tabs {
  /** Takes a seat among all tabs that watch `key`; null where tabs share nothing. */
  join(key: string, handlers: SeatHandlers): Seat | null;
  /** Waits for one of the connections that may be held open at once; null if none is free within so many milliseconds. */
  slot(patience: number, signal: AbortSignal): Promise<(() => void) | null>;
}

/** HTTP/1.1 allows six connections to a host over all tabs; two are left for what is asked and answered at once. */
export const SLOTS = 4;
/** Longer timers overflow, and end at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The platform's own parts, or null where there are none: outside of a page, in an insecure context, in an old browser. */
export function browserPlatform(): TabsPlatform | null {
  const locks = globalThis.navigator?.locks;
  if (typeof document === "undefined" || locks === undefined || typeof BroadcastChannel === "undefined") return null;
  return { locks, openChannel: (name) => new BroadcastChannel(name) };
}

/** Shares with all tabs of the same origin that use the server at `base`. */
export function sharingTabs(platform: TabsPlatform, base: string, clock: Clock): Tabs {
  return {
    join: (key, handlers) => takeSeat(platform, `jobcast ${base} ${key}`, handlers),
    slot: (patience, signal) => firstFree(platform, `jobcast ${base} slot`, clock, patience, signal),
  };
}

/** Shares nothing; connections are counted where there is a page, for this page alone. */
export function lonelyTabs(clock: Clock, slots: number): Tabs {
  const waiting = new Set<() => void>();
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
    },
  };
}

function takeSeat(platform: TabsPlatform, name: string, handlers: SeatHandlers): Seat {
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
    },
  };
}

/** Holds a lock from when it is granted until the signal is aborted; never rejects. */
function holdLock(platform: TabsPlatform, name: string, signal: AbortSignal, granted: () => void): void {
  const hold = () => {
    if (signal.aborted) return undefined;
    granted();
    if (signal.aborted) return undefined;
    return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  };
  // Rejects when the signal is aborted while it waits, or when the page is being left.
  Promise.resolve(platform.locks.request(name, { signal }, hold)).catch(() => undefined);
}

async function firstFree(platform: TabsPlatform, name: string, clock: Clock, patience: number, signal: AbortSignal): Promise<(() => void) | null> {
  const tries = Array.from({ length: SLOTS }, () => new AbortController());
  let taken: AbortController | null = null;
  const endAll = () => tries.forEach((one) => one.abort());
  const isGranted = new Promise<boolean>((resolve) => {
    tries.forEach((one, number) => {
      holdLock(platform, `${name} ${number}`, one.signal, () => {
        // The first that is granted is kept; the others are let go.
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

async function waitForTurn(waiting: Set<() => void>, clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  const turn = new Scope(signal);
  const wake = () => turn.end();
  waiting.add(wake);
  await pause(clock, Math.min(milliseconds, LONGEST_TIMER), turn.signal);
  waiting.delete(wake);
  turn.end();
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}

// Other versions of this page may be open.
function isTabMessage(value: unknown): value is TabMessage {
  if (value === null || typeof value !== "object") return false;
  const message = value as Record<string, unknown>;
  if (message["kind"] === "who" || message["kind"] === "lost" || message["kind"] === "reset") return true;
  if (!Number.isSafeInteger(message["at"])) return false;
  if (message["kind"] === "place") return true;
  const isText = (name: string) => typeof message[name] === "string";
  return message["kind"] === "frame" && Number.isSafeInteger(message["prev"]) && isText("id") && isText("event") && isText("data");
}
