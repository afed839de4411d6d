// A store that components subscribe to: it works while somebody is subscribed, and a moment longer.
// Must not start anything while it is only looked at.
import { beforeNextFrame } from "./schedule.js";

/** How long a store outlives its last component, in milliseconds, so that one that is mounted anew finds it at work. */
const GRACE = 1_000;

/** What is shared by all components that show the same thing. `View` is replaced when something has changed, never changed. */
export abstract class SharedStore<View> {
  #view: View;
  readonly #subscribers = new Set<() => void>();
  #running: AbortController | null = null;
  #takeBack: (() => void) | null = null;
  #ending: ReturnType<typeof setTimeout> | undefined;
  readonly #ended: () => void;

  /** `ended` is called when the store is of no more use. */
  constructor(view: View, ended: () => void) {
    this.#view = view;
    this.#ended = ended;
  }

  get view(): View {
    return this.#view;
  }

  subscribe(subscriber: () => void): () => void {
    clearTimeout(this.#ending);
    this.#subscribers.add(subscriber);
    if (this.#running === null) {
      this.#running = new AbortController();
      this.begin(this.#running.signal);
    }
    return () => {
      this.#subscribers.delete(subscriber);
      if (this.#subscribers.size === 0) this.#ending = setTimeout(() => this.#end(), GRACE);
    };
  }

  /** Begins to work, until the signal is aborted. */
  protected abstract begin(signal: AbortSignal): void;

  /** What is shown now. */
  protected abstract look(): View;

  /** Has the components look again before the next frame. */
  protected changed(): void {
    if (this.#running?.signal.aborted !== false) return;
    this.#takeBack ??= beforeNextFrame(() => {
      this.#takeBack = null;
      this.#view = this.look();
      for (const subscriber of [...this.#subscribers]) subscriber();
    });
  }

  #end(): void {
    if (this.#subscribers.size > 0) return;
    this.#takeBack?.();
    this.#takeBack = null;
    this.#running?.abort(new DOMException("Nobody watches any more.", "AbortError"));
    this.#ended();
  }
}

/** The stores of each client by the id of what they show. */
export class Stores<Store, Owner extends object> {
  readonly #of = new WeakMap<Owner, Map<string, Store>>();

  /** The store, if there is one. */
  peek(owner: Owner, id: string): Store | undefined {
    return this.#of.get(owner)?.get(id);
  }

  /** The store, made if there is none; `make` is given what to call when it is of no more use. */
  get(owner: Owner, id: string, make: (ended: () => void) => Store): Store {
    const stores = this.#of.get(owner) ?? new Map<string, Store>();
    this.#of.set(owner, stores);
    const known = stores.get(id);
    if (known !== undefined) return known;
    const store = make(() => {
      if (stores.get(id) === store) stores.delete(id);
    });
    stores.set(id, store);
    return store;
  }
}
