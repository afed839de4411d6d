// A browser's locks and channels, with tabs that can be opened, frozen and killed.
import type { TabsPlatform } from "../../src/tabs.js";

interface Request {
  tab: Tab;
  granted: () => Promise<unknown> | undefined;
  settle: (value: unknown) => void;
}

interface Channel {
  tab: Tab;
  name: string;
  listeners: ((event: MessageEvent) => void)[];
  isClosed: boolean;
}

export class TestBrowser {
  readonly #held = new Map<string, Request>();
  readonly #queues = new Map<string, Request[]>();
  readonly #channels = new Set<Channel>();

  openTab(): Tab {
    return new Tab(this);
  }

  /** How many locks are held whose names contain this. */
  held(part: string): number {
    return [...this.#held.keys()].filter((name) => name.includes(part)).length;
  }

  get openChannels(): number {
    return this.#channels.size;
  }

  request(tab: Tab, name: string, signal: AbortSignal | undefined, callback: () => unknown): Promise<unknown> {
    return new Promise((settle, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const request: Request = { tab, settle, granted: async () => callback() };
      this.#queues.set(name, [...(this.#queues.get(name) ?? []), request]);
      signal?.addEventListener("abort", () => {
        if (this.#held.get(name) === request) return;
        this.#queues.set(name, (this.#queues.get(name) ?? []).filter((other) => other !== request));
        reject(signal.reason);
      });
      setImmediate(() => this.#grant(name));
    });
  }

  #grant(name: string): void {
    if (this.#held.has(name)) return;
    const [next, ...rest] = (this.#queues.get(name) ?? []).filter(({ tab }) => !tab.isDead);
    this.#queues.set(name, rest);
    if (next === undefined) return;
    this.#held.set(name, next);
    void Promise.resolve(next.granted()).then((value) => {
      if (this.#held.get(name) === next) this.#release(name);
      next.settle(value);
    });
  }

  #release(name: string): void {
    this.#held.delete(name);
    setImmediate(() => this.#grant(name));
  }

  openChannel(tab: Tab, name: string) {
    const channel: Channel = { tab, name, listeners: [], isClosed: false };
    this.#channels.add(channel);
    return {
      addEventListener: (_: string, listener: unknown) => channel.listeners.push(listener as (event: MessageEvent) => void),
      postMessage: (data: unknown) => {
        if (channel.isClosed || tab.isDead || tab.isFrozen) return;
        const copy = structuredClone(data);
        for (const other of this.#channels) if (other !== channel && other.name === name) setImmediate(() => deliver(other, copy));
      },
      close: () => {
        channel.isClosed = true;
        this.#channels.delete(channel);
      },
    };
  }

  /** Ends a tab without a word, as a crash does. */
  bury(tab: Tab): void {
    tab.isDead = true;
    for (const channel of this.#channels) if (channel.tab === tab) this.#channels.delete(channel);
    for (const [name, { tab: holder }] of this.#held) if (holder === tab) this.#release(name);
  }
}

export class Tab {
  isDead = false;
  isFrozen = false;
  readonly platform: TabsPlatform;
  readonly #browser: TestBrowser;

  constructor(browser: TestBrowser) {
    this.#browser = browser;
    const request = (name: string, options: LockOptions, callback: () => unknown) => browser.request(this, name, options.signal, callback);
    this.platform = { locks: { request: request as LockManager["request"] }, openChannel: (name) => browser.openChannel(this, name) as unknown as BroadcastChannel };
  }

  kill(): void {
    this.#browser.bury(this);
  }
}

function deliver(channel: Channel, data: unknown): void {
  if (channel.isClosed || channel.tab.isDead || channel.tab.isFrozen) return;
  for (const listener of channel.listeners) listener({ data } as MessageEvent);
}
