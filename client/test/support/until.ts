// Waiting for a condition, with a deadline.
const DEADLINE = 5_000;

/** Returns when the condition holds; fails after five seconds. */
export async function until(what: string | (() => string), condition: () => boolean): Promise<void> {
  const end = performance.now() + DEADLINE;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${DEADLINE / 1000} s for ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets everything that is on its way arrive: sockets on the loopback, and what follows. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, 2));
}
