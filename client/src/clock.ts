// Time as the client sees it, so that tests can put it forward.
// Must not be read around: no other file calls `Date.now`, `setTimeout` or `Math.random`.

/** Time, timers and chance. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
  /** At least 0, below 1. */
  random(): number;
}

/** The machine's own. Looked up at each call, so that fake timers which are installed later are met. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, milliseconds) => globalThis.setTimeout(callback, milliseconds),
  clearTimeout: (timer) => globalThis.clearTimeout(timer as ReturnType<typeof setTimeout>),
  random: () => Math.random(),
};

/** Returns after so many milliseconds, or at once when the signal is aborted. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
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

/** Half of `milliseconds` to all of it, by chance, so that clients that failed together do not come back together. */
export function jittered(clock: Clock, milliseconds: number): number {
  return milliseconds / 2 + clock.random() * (milliseconds / 2);
}

/** A controller that is aborted with its parent. Call `end` when it is no longer needed. */
export class Scope {
  readonly controller = new AbortController();
  readonly #parent: AbortSignal | null;
  readonly #follow = () => this.controller.abort(this.#parent?.reason);

  constructor(parent: AbortSignal | null) {
    this.#parent = parent;
    if (parent?.aborted) this.#follow();
    else parent?.addEventListener("abort", this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Aborts what runs in it, and forgets the parent. */
  end(): void {
    this.#parent?.removeEventListener("abort", this.#follow);
    this.controller.abort();
  }
}

/** What a promise gives, unless the signal is aborted before: its reason is thrown then. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
