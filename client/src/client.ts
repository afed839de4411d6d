// The client of one jobcast server: its calls, and what can be watched.
// Must not keep anything of a job: a watch that begins later asks the server anew.
import { type Clock, jittered, pause, systemClock } from "./clock.js";
import { JobcastError } from "./errors.js";
import { type Call, Http } from "./http.js";
import { Ladder, type Listener } from "./ladder.js";
import { type StreamReader, eventSourceReader, fetchReader } from "./stream.js";
import { type Subject, brandSubject, jobPath, jobSubject } from "./subject.js";
import { SLOTS, type Tabs, browserPlatform, lonelyTabs, sharingTabs } from "./tabs.js";
import { Token, type TokenSource } from "./token.js";
import type { BrandEvent, Job, JobEvent, JobFilter, JobPage, JobResult, JobTypes, StartRequest, Started } from "./types.js";
import { BrandListener, JobListener, type WatchCallbacks } from "./watch.js";

export interface ClientOptions {
  /** Where the server is (`https://jobs.example.com`); the page's own origin if left out. */
  baseUrl?: string | URL;
  /** A token, or a function that is called for one: before the first call, and again when the server refuses it. */
  token?: TokenSource | null;
  /** Whether tabs of the same origin share their streams, where the browser can (true). */
  shareTabs?: boolean;
  /** How streams are read: with fetch where it can stream, else with EventSource, else not at all ("auto"). */
  stream?: "auto" | "fetch" | "eventsource" | "none";
  /** In place of the platform's own, for tests and for platforms that have none. */
  fetch?: typeof fetch;
  EventSource?: typeof EventSource;
  clock?: Clock;
  tabs?: Tabs;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
}

export interface StartOptions extends CallOptions {
  /** Names this start: sent again under the same key it starts nothing new. A random one if left out. */
  idempotencyKey?: string;
}

export interface WatchOptions extends WatchCallbacks<JobEvent>, CallOptions {
  /** Begin after this event; 0, the default, tells the whole history. "tail" tells what happens from now on. */
  after?: number | "tail";
  /** The `events_url` of a start: its token for this job alone is used in place of the client's, as long as it is good. */
  eventsUrl?: string | undefined;
}

export interface WatchBrandOptions extends WatchCallbacks<BrandEvent>, CallOptions {
  /** Begin after this event of the brand; "tail" is the default. */
  after?: number | "tail";
}

/** The client of one server. Its functions may be taken from it and passed on. */
export interface Client {
  readonly baseUrl: string;
  /** Starts a job. A start whose answer is lost is sent again under the same key, so that it starts one job. */
  start(request: StartRequest, options?: StartOptions): Promise<Started>;
  status(jobId: string, options?: CallOptions): Promise<Job>;
  /** The result of a completed job; a `JobcastError` with `code` "no_result" and `jobStatus` while there is none. */
  result(jobId: string, options?: CallOptions): Promise<JobResult>;
  cancel(jobId: string, options?: CallOptions): Promise<Job>;
  retry(jobId: string, options?: CallOptions): Promise<Job>;
  list(filter?: JobFilter, options?: CallOptions): Promise<JobPage>;
  jobTypes(options?: CallOptions): Promise<JobTypes>;
  /**
   * Follows a job to its end, through every loss of the connection, and gives the job in its final state. Rejects when the job
   * does not exist (404), the token is not good for it (401, after another was asked for, and 403), or `signal` is aborted.
   * Ignoring the promise is safe.
   */
  watch(jobId: string, options?: WatchOptions): Promise<Job>;
  /** Follows all jobs of a brand until `signal` is aborted, or as above. */
  watchBrand(brandId: string, options?: WatchBrandOptions): Promise<never>;
}

/** How often a start is sent whose answer was lost, and the bound on each answer in milliseconds. */
const START_TRIES = 4;
const START_TIMEOUT = 30_000;

/** Makes the client of a server. It opens nothing by itself. */
export function createClient(options: ClientOptions = {}): Client {
  const clock = options.clock ?? systemClock;
  const base = String(options.baseUrl ?? "").replace(/\/+$/, "");
  const fetcher: typeof fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const http = new Http(base, new Token(options.token), fetcher, clock);
  const tabs = options.tabs ?? tabsFor(options, base, clock);
  const reader = readerFor(options);
  const watches = new Watches();

  const body = async <T>(call: Call, { signal }: CallOptions = {}): Promise<T> => (await http.json({ ...call, signal })).body as T;
  const job = async (call: Call, callOptions?: CallOptions): Promise<Job> => (await body<{ job: Job }>(call, callOptions)).job;

  async function run<Snapshot>(subject: Subject<Snapshot>, listener: Listener<Snapshot>, via: Http, after: number | "tail", signal: AbortSignal): Promise<void> {
    const ladder = new Ladder({ subject, http: via, tabs, reader, listener, after });
    const leave = watches.enter(ladder);
    try {
      await ladder.follow(signal);
    } finally {
      leave();
    }
  }

  async function watch(jobId: string, watchOptions: WatchOptions): Promise<Job> {
    const listener = new JobListener(watchOptions);
    const via = http.withToken(tokenFor(watchOptions.eventsUrl, options.token));
    await run(jobSubject(jobId), listener, watchOptions.eventsUrl === undefined ? http : via, watchOptions.after ?? 0, signalOf(watchOptions));
    if (listener.job === null) throw new JobcastError(`The job ${jobId} is over, and the server told nothing of it.`, { code: "unknown" });
    return listener.job;
  }

  async function watchBrand(brandId: string, watchOptions: WatchBrandOptions): Promise<never> {
    await run(brandSubject(brandId), new BrandListener(watchOptions), http, watchOptions.after ?? "tail", signalOf(watchOptions));
    throw new JobcastError(`The stream of the brand ${brandId} ended for good.`, { code: "unknown" });
  }

  return {
    baseUrl: base,
    start: (request, startOptions = {}) => start(http, request, startOptions),
    status: (jobId, callOptions) => job({ path: `${jobPath(jobId)}/status` }, callOptions),
    result: (jobId, callOptions) => body({ path: `${jobPath(jobId)}/result` }, callOptions),
    cancel: (jobId, callOptions) => job({ method: "POST", path: `${jobPath(jobId)}/cancel` }, callOptions),
    retry: (jobId, callOptions) => job({ method: "POST", path: `${jobPath(jobId)}/retry` }, callOptions),
    list: (filter = {}, callOptions) => body({ path: "/api/jobs", query: { ...filter } }, callOptions),
    jobTypes: (callOptions) => body({ path: "/api/job-types" }, callOptions),
    watch: (jobId, watchOptions = {}) => ignorable(watch(jobId, watchOptions)),
    watchBrand: (brandId, watchOptions = {}) => ignorable(watchBrand(brandId, watchOptions)),
  };
}

async function start(http: Http, request: StartRequest, options: StartOptions): Promise<Started> {
  const signal = signalOf(options);
  const headers = { "Idempotency-Key": options.idempotencyKey ?? randomKey(http.clock) };
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await http.json({ method: "POST", path: "/api/jobs/start", headers, body: request, timeout: START_TIMEOUT, signal });
      return answer.body as unknown as Started;
    } catch (thrown) {
      if (tries === START_TRIES || !(thrown instanceof JobcastError) || !mayHaveBeenLost(thrown)) throw thrown;
      await pause(http.clock, Math.max(thrown.retryAfter ?? 0, jittered(http.clock, 1000 * 2 ** (tries - 1))), signal);
    }
  }
}

/** The server may have taken the start, or will in a moment. What it refused for a reason (429, 422 …) is the caller's to know. */
function mayHaveBeenLost(error: JobcastError): boolean {
  if (error.code === "no_token") return false;
  return error.status === 0 || error.status === 502 || error.status === 504 || error.code === "draining" || error.code === "database_unavailable";
}

function tabsFor(options: ClientOptions, base: string, clock: Clock): Tabs {
  const platform = browserPlatform();
  if (platform !== null && options.shareTabs !== false) return sharingTabs(platform, base, clock);
  return lonelyTabs(clock, typeof document === "undefined" ? Infinity : SLOTS);
}

function readerFor({ stream = "auto", EventSource: Source = globalThis.EventSource }: ClientOptions): StreamReader | null {
  const canStream = typeof Response === "function" && "body" in Response.prototype;
  if (stream === "fetch" || (stream === "auto" && canStream)) return fetchReader;
  return stream === "none" || Source === undefined ? null : eventSourceReader(Source);
}

/** The token of an `events_url` first; when it is refused, the client's own. */
function tokenFor(eventsUrl: string | undefined, source: TokenSource | null | undefined): Token {
  const query = eventsUrl?.split("?")[1] ?? "";
  const own = new URLSearchParams(query).get("access_token");
  let isFirst = own !== null;
  return new Token((refused) => {
    if (isFirst) {
      isFirst = false;
      return own;
    }
    return typeof source === "function" ? source(refused) : source;
  });
}

function signalOf({ signal }: CallOptions): AbortSignal {
  return signal ?? new AbortController().signal;
}

/** A promise that may be left unobserved. */
function ignorable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** A name that no other start has. Where there is no good source of chance (Node.js 18) any will do: it keeps nothing secret. */
function randomKey(clock: Clock): string {
  const bytes = globalThis.crypto?.getRandomValues(new Uint8Array(16)) ?? Uint8Array.from({ length: 16 }, () => Math.floor(clock.random() * 256));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** All that is watched, so that it hurries when the network is back or the page is looked at again. */
class Watches {
  readonly #ladders = new Set<{ hurry(): void }>();
  readonly #hurry = () => {
    for (const ladder of this.#ladders) ladder.hurry();
  };
  readonly #look = () => {
    if (document.visibilityState === "visible") this.#hurry();
  };

  enter(ladder: { hurry(): void }): () => void {
    if (this.#ladders.size === 0) this.#listen();
    this.#ladders.add(ladder);
    return () => {
      this.#ladders.delete(ladder);
      if (this.#ladders.size === 0) this.#rest();
    };
  }

  #listen(): void {
    globalThis.addEventListener?.("online", this.#hurry);
    globalThis.document?.addEventListener("visibilitychange", this.#look);
  }

  #rest(): void {
    globalThis.removeEventListener?.("online", this.#hurry);
    globalThis.document?.removeEventListener("visibilitychange", this.#look);
  }
}
