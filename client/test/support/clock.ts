// A clock that stands still until a test moves it. Sockets go on in real time.
import type { Clock } from "../../src/clock.js";
import { until } from "./until.js";

interface Timer {
  due: number;
  callback: () => void;
}

export class TestClock implements Clock {
  #now = Date.parse("2026-01-01T00:00:00Z");
  readonly #timers = new Map<number, Timer>();
  #next = 1;

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    const id = this.#next++;
    this.#timers.set(id, { due: this.#now + milliseconds, callback });
    return id;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  random(): number {
    return 0.5;
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** The waits under way, in milliseconds, shortest first. */
  get waits(): number[] {
    return [...this.#timers.values()].map((timer) => timer.due - this.#now).sort((one, other) => one - other);
  }

  /** Moves on by so much, and calls what is due in its order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.due <= end).sort(([, one], [, other]) => one.due - other.due)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].due);
      due[1].callback();
    }
    this.#now = end;
  }

  /** Waits until somebody waits for `least` to `most` milliseconds, then moves to the end of that wait; answers how long it was. */
  async pass(most: number, least = 1): Promise<number> {
    const wait = () => this.waits.find((each) => each >= least && each <= most);
    await until(() => `a wait of ${least} to ${most} ms; there are ${this.waits.join(", ")}`, () => wait() !== undefined);
    const milliseconds = wait() as number;
    this.advance(milliseconds);
    return milliseconds;
  }
}
