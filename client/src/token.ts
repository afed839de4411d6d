// The token that calls are made with, asked for when it is first needed and again when the server refuses it.
// Must not look into a token or store it: the server says what it opens.
import { JobcastError, asError } from "./errors.js";

/**
 * A token, or what gives one. A function is called before the first call, and again with the refusal when the server answers
 * 401; `null` means that there is none. What it throws counts as a passing trouble: it is asked again later.
 */
export type TokenSource = string | ((refused: JobcastError | null) => string | null | undefined | Promise<string | null | undefined>);

/** The token in force. Callers that need a new one at the same time wait for the same answer. */
export class Token {
  readonly #source: TokenSource | null;
  #value: string | null = null;
  #isKnown = false;
  #asking: Promise<string | null> | null = null;

  constructor(source: TokenSource | null | undefined) {
    this.#source = source ?? null;
  }

  /** The token in force, null if calls are made without. */
  async current(): Promise<string | null> {
    return this.#isKnown ? this.#value : this.#ask(null);
  }

  /** Another token than the one that was refused, or null if there is none to be had. */
  async other(refused: string | null, refusal: JobcastError): Promise<string | null> {
    if (this.#asking === null && this.#isKnown && this.#value !== refused) return this.#value;
    if (typeof this.#source !== "function") return null;
    const value = await this.#ask(refusal);
    return value === refused ? null : value;
  }

  #ask(refusal: JobcastError | null): Promise<string | null> {
    this.#asking ??= this.#askOnce(refusal).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #askOnce(refusal: JobcastError | null): Promise<string | null> {
    let value: string | null | undefined;
    try {
      value = typeof this.#source === "function" ? await this.#source(refusal) : this.#source;
    } catch (thrown) {
      throw new JobcastError(`The page has no token now: ${asError(thrown).message}`, { code: "no_token", cause: thrown });
    }
    this.#isKnown = true;
    this.#value = value?.trim() || null;
    return this.#value;
  }
}
