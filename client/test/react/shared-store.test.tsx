import { describe, expect, it } from "vitest";
import { SharedStore } from "../../src/react/shared-store.js";
import { until } from "../support/until.js";

class Counter extends SharedStore<number> {
  count = 0;
  looks = 0;
  signal: AbortSignal | undefined;

  constructor(ended = () => undefined as void) {
    super(0, ended);
  }

  add(): void {
    this.count += 1;
    this.changed();
  }

  protected begin(signal: AbortSignal): void {
    this.signal = signal;
  }

  protected look(): number {
    this.looks += 1;
    return this.count;
  }
}

describe("a store that components share", () => {
  it("tells them once a frame, and what is the case then", async () => {
    const store = new Counter();
    let told = 0;
    const leave = store.subscribe(() => { told += 1; });
    for (let count = 0; count < 10; count += 1) store.add();
    expect([store.view, told]).toEqual([0, 0]);
    await until("the frame", () => told > 0);
    expect([store.view, told, store.looks]).toEqual([10, 1, 1]);
    store.add();
    await until("the next frame", () => store.view === 11);
    expect([told, store.looks]).toEqual([2, 2]);
    leave();
  });

  it("works from the first subscriber to a moment after the last, and never again", async () => {
    let ended = 0;
    const store = new Counter(() => { ended += 1; });
    store.add();
    expect(store.signal).toBeUndefined();
    const [first, second] = [store.subscribe(() => undefined), store.subscribe(() => undefined)];
    first();
    second();
    const third = store.subscribe(() => undefined);
    third();
    expect(store.signal?.aborted).toBe(false);
    await until("its end", () => store.signal?.aborted === true);
    expect(ended).toBe(1);
    store.add();
    expect(store.looks).toBe(0);
  });
});
