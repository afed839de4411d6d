// A watch of the scripted server's job, and what it told.
import { type Client, type ClientOptions, type Connection, type Job, type JobEvent, type RawFrame, type WatchOptions, createClient } from "../../src/index.js";
import { TestClock } from "./clock.js";
import { JOB_ID, type ScriptedServer } from "./server.js";

export class Watching {
  readonly clock: TestClock;
  readonly client: Client;
  readonly events: JobEvent[] = [];
  readonly connections: Connection[] = [];
  readonly frames: RawFrame[] = [];
  readonly ending = new AbortController();
  readonly done: Promise<Job>;
  /** The job, or what the watch was rejected with; undefined while it goes on. */
  job: Job | undefined;
  error: (Error & { status?: number; code?: string }) | undefined;

  constructor(server: ScriptedServer, options: ClientOptions = {}, watch: WatchOptions = {}, clock = new TestClock()) {
    this.clock = clock;
    this.client = createClient({ baseUrl: server.url, clock, ...options });
    this.done = this.client.watch(JOB_ID, {
      signal: this.ending.signal,
      onEvent: (event) => this.events.push(event),
      onConnection: (connection) => this.connections.push(connection),
      onFrame: (frame) => this.frames.push(frame),
      ...watch,
    });
    this.done.then(
      (job) => (this.job = job),
      (error) => (this.error = error),
    );
  }

  /** The numbers of the events that were told. */
  get seqs(): number[] {
    return this.events.flatMap((event) => ("seq" in event ? [event.seq] : []));
  }

  get types(): string[] {
    return this.events.map((event) => event.type);
  }

  /** Every state with its transport, without repetitions. */
  get states(): string[] {
    const told = this.connections.map(({ state, transport }) => (transport === null ? state : `${state} ${transport}`));
    return told.filter((state, index) => state !== told[index - 1]);
  }

  get last(): Connection | undefined {
    return this.connections.at(-1);
  }

  get isEnded(): boolean {
    return this.job !== undefined || this.error !== undefined;
  }
}
