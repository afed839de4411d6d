// One call to the server: address, token, time limit, and the contract's errors.
// Must not try again, except once with another token after a 401.
import { type Clock, Scope, abortable } from "./clock.js";
import { JobcastError, asError } from "./errors.js";
import type { Token } from "./token.js";

/** A call. Paths begin with `/`. */
export interface Call {
  method?: "GET" | "POST";
  path: string;
  query?: Record<string, string | number | null | undefined>;
  headers?: Record<string, string>;
  body?: unknown;
  /** The bound on the answer's head and, for JSON, its body, in milliseconds. */
  timeout?: number;
  signal?: AbortSignal | undefined;
}

/** An answer that was read whole. `body` is null for 204 and 304. */
export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown> | null;
}

/** How long an answer may take, in milliseconds. */
const TIMEOUT = 15_000;
/** The longest wait that a `Retry-After` is obeyed for, in milliseconds. */
const LONGEST_RETRY_AFTER = 120_000;

export class Http {
  readonly base: string;
  readonly clock: Clock;
  readonly #fetch: typeof fetch;
  readonly #token: Token;

  /** `base` is the address that paths are put behind; empty for the page's own origin. */
  constructor(base: string, token: Token, fetcher: typeof fetch, clock: Clock) {
    this.base = base.replace(/\/+$/, "");
    this.clock = clock;
    this.#token = token;
    this.#fetch = fetcher;
  }

  /** The same server with another token. */
  withToken(token: Token): Http {
    return new Http(this.base, token, this.#fetch, this.clock);
  }

  address(path: string, query: Call["query"] = {}): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined) parameters.set(name, String(value));
    }
    const text = parameters.toString();
    return this.base + path + (text === "" ? "" : `?${text}`);
  }

  /** The address of a stream with the token in it, for an EventSource, which sends no headers. */
  async addressWithToken(path: string, query: Call["query"] = {}): Promise<string> {
    return this.address(path, { ...query, access_token: await this.#token.current() });
  }

  /** After a 401 that this class did not see: whether there is another token now. */
  async renew(refusal: JobcastError): Promise<boolean> {
    return (await this.#token.other(await this.#token.current(), refusal)) !== null;
  }

  /** Reads a JSON answer. Refusals, and whatever is not the contract's JSON, are thrown as `JobcastError`. */
  async json(call: Call): Promise<Answer> {
    const scope = new Scope(call.signal ?? null);
    try {
      return await this.#limited(call, scope, async () => {
        const response = await this.#authorised(call, scope.signal);
        const { status, headers } = response;
        return { status, headers, body: status === 204 || status === 304 ? null : await readJson(response, call) };
      });
    } finally {
      scope.end();
    }
  }

  /** Reads the head of an answer and leaves the body to the caller, whose scope ends it. A refusal is thrown. */
  async open(call: Call, scope: Scope): Promise<Response> {
    return this.#limited(call, scope, () => this.#authorised(call, scope.signal));
  }

  async #limited<T>(call: Call, scope: Scope, work: () => Promise<T>): Promise<T> {
    let isLate = false;
    const timer = this.clock.setTimeout(() => {
      isLate = true;
      scope.controller.abort();
    }, call.timeout ?? TIMEOUT);
    try {
      return await work();
    } catch (thrown) {
      if (isLate) throw late(call);
      throw scope.signal.aborted ? reasonOf(scope.signal) : thrown;
    } finally {
      this.clock.clearTimeout(timer);
    }
  }

  async #authorised(call: Call, signal: AbortSignal): Promise<Response> {
    const used = await abortable(this.#token.current(), signal);
    const response = await this.#send(call, used, signal);
    if (response.ok || response.status === 304) return response;
    const refusal = await readRefusal(response, call, this.clock);
    // A refused call did nothing, so it is made again if there is another token.
    if (refusal.status !== 401) throw refusal;
    const other = await abortable(this.#token.other(used, refusal), signal);
    if (other === null) throw refusal;
    const second = await this.#send(call, other, signal);
    if (second.ok || second.status === 304) return second;
    throw await readRefusal(second, call, this.clock);
  }

  async #send(call: Call, token: string | null, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json", ...call.headers };
    if (token !== null) headers["Authorization"] = `Bearer ${token}`;
    const options: RequestInit = { method: call.method ?? "GET", headers, signal, cache: "no-store" };
    if (call.body !== undefined) {
      headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(call.body);
    }
    try {
      return await this.#fetch(this.address(call.path, call.query), options);
    } catch (thrown) {
      throw signal.aborted ? reasonOf(signal) : unreachable(call, thrown);
    }
  }
}

/** `Retry-After` in milliseconds, at most two minutes; null if there is none. */
export function retryAfter(headers: Headers, clock: Clock): number | null {
  const value = headers.get("Retry-After");
  if (value === null) return null;
  const milliseconds = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - clock.now();
  return Number.isFinite(milliseconds) ? Math.min(Math.max(milliseconds, 0), LONGEST_RETRY_AFTER) : null;
}

/** What a signal was aborted with, as an error. */
export function reasonOf(signal: AbortSignal): Error {
  return asError(signal.reason ?? new DOMException("The watch was ended.", "AbortError"));
}

function late(call: Call): JobcastError {
  return new JobcastError(`The server did not answer ${nameOf(call)} within ${(call.timeout ?? TIMEOUT) / 1000} s.`, { code: "timeout" });
}

function unreachable(call: Call, cause: unknown): JobcastError {
  return new JobcastError(`The server cannot be reached for ${nameOf(call)}: ${asError(cause).message}`, { code: "unreachable", cause });
}

function nameOf(call: Call): string {
  return `${call.method ?? "GET"} ${call.path}`;
}

async function readJson(response: Response, call: Call): Promise<Record<string, unknown>> {
  const value = await parse(response);
  if (value !== null && value["success"] !== false) return value;
  throw new JobcastError(`The answer to ${nameOf(call)} is not the JSON of a jobcast server (status ${response.status}): something in between may have answered.`, {
    status: response.status,
    code: "not_json",
  });
}

async function readRefusal(response: Response, call: Call, clock: Clock): Promise<JobcastError> {
  const body = await parse(response);
  const text = (name: string) => (typeof body?.[name] === "string" ? (body[name] as string) : null);
  const isOurs = body?.["success"] === false;
  return new JobcastError(text("error") ?? `The server answered ${nameOf(call)} with status ${response.status}.`, {
    status: response.status,
    code: isOurs ? (text("code") ?? "unknown") : "not_json",
    field: text("field"),
    retryAfter: retryAfter(response.headers, clock),
    jobStatus: text("status"),
  });
}

/** The body as a JSON object; null if it is none, or broke off. */
async function parse(response: Response): Promise<Record<string, unknown> | null> {
  try {
    const value: unknown = await response.json();
    return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
