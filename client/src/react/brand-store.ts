// The jobs of a brand as components list them: the newest, each as it stands now.
// Must not know React.
import type { Client } from "../client.js";
import { advanced } from "../job-state.js";
import type { BrandEvent, Connection, Job, LoggedEvent } from "../types.js";
import type { HookConnection } from "./job-store.js";
import { SharedStore } from "./shared-store.js";

/** What `useBrandJobs` shows. */
export interface BrandView {
  /** The newest jobs of the brand, newest first: fifty when the list begins, a hundred at most. */
  jobs: readonly Job[];
  /** Whether the jobs are not known yet. */
  isLoading: boolean;
  connection: HookConnection;
  /** Why the watch ended, or why the connection is away. */
  error: Error | null;
}

export const IDLE_BRAND: BrandView = { jobs: [], isLoading: false, connection: "idle", error: null };
export const UNKNOWN_BRAND: BrandView = { ...IDLE_BRAND, isLoading: true, connection: "connecting" };

/** Jobs that are kept, and jobs that are asked for at the same time. */
const MOST = 100;
const MOST_ASKED = 20;

export class BrandStore extends SharedStore<BrandView> {
  readonly #client: Client;
  readonly #brandId: string;
  #jobs = new Map<string, Job>();
  /** Events of jobs that are being asked for. */
  readonly #asked = new Map<string, LoggedEvent[]>();
  #isKnown = false;
  #connection: Connection | null = null;

  constructor(client: Client, brandId: string, ended: () => void) {
    super(UNKNOWN_BRAND, ended);
    this.#client = client;
    this.#brandId = brandId;
  }

  protected begin(signal: AbortSignal): void {
    const onConnection = (connection: Connection) => {
      this.#connection = connection;
      this.changed();
    };
    // Its promise is not waited for: the connection tells why it ended.
    void this.#client.watchBrand(this.#brandId, { signal, onConnection, onEvent: (event) => this.#take(event, signal) });
  }

  protected look(): BrandView {
    return {
      jobs: [...this.#jobs.values()],
      isLoading: !this.#isKnown && this.#connection?.state !== "closed",
      connection: this.#connection?.state ?? "connecting",
      error: this.#connection?.error ?? null,
    };
  }

  #take(event: BrandEvent, signal: AbortSignal): void {
    if (event.type === "sync" || event.type === "snapshot") {
      this.#isKnown = true;
      this.#takeJobs(event.jobs);
    } else {
      this.#takeEvent(event, signal);
    }
    this.changed();
  }

  #takeEvent(event: LoggedEvent, signal: AbortSignal): void {
    const job = this.#jobs.get(event.job_id);
    if (job !== undefined) {
      if (event.seq > job.last_seq) this.#jobs.set(job.id, advanced(job, event));
      return;
    }
    // An event does not say of what type and age its job is, so it is asked for; events that overtake the answer wait.
    if (event.type === "delta") return;
    const waiting = this.#asked.get(event.job_id);
    if (waiting !== undefined) waiting.push(event);
    else if (this.#asked.size < MOST_ASKED) void this.#ask(event.job_id, signal);
  }

  async #ask(jobId: string, signal: AbortSignal): Promise<void> {
    const waiting: LoggedEvent[] = [];
    this.#asked.set(jobId, waiting);
    try {
      let job = await this.#client.status(jobId, { signal });
      for (const event of waiting) if (event.seq > job.last_seq) job = advanced(job, event);
      this.#takeJobs([job]);
      this.changed();
    } catch {
      // The next event or `sync` brings it.
    } finally {
      this.#asked.delete(jobId);
    }
  }

  #takeJobs(jobs: readonly Job[]): void {
    for (const job of jobs) {
      const known = this.#jobs.get(job.id);
      if (known === undefined || job.last_seq >= known.last_seq) this.#jobs.set(job.id, job);
    }
    const newest = [...this.#jobs.values()].sort(newestFirst).slice(0, MOST);
    this.#jobs = new Map(newest.map((job) => [job.id, job]));
  }
}

function newestFirst(one: Job, other: Job): number {
  return Date.parse(other.created_at) - Date.parse(one.created_at) || (one.id < other.id ? 1 : -1);
}
