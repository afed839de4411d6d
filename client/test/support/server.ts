// A server that answers as it is told to: each request of a route is answered by the next line of that route's script.
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Job, LoggedEvent } from "../../src/types.js";

export const JOB_ID = "11111111-1111-4111-8111-111111111111";
export const BRAND_ID = "22222222-2222-4222-8222-222222222222";

/** One request that came. */
export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: string;
}

type Reply = (answer: ServerResponse, asked: Asked) => void;

export class ScriptedServer {
  readonly asked: Asked[] = [];
  readonly #scripts = new Map<string, Reply[]>();
  readonly #server: Server;
  readonly open = new Set<ServerResponse>();
  url = "";

  private constructor() {
    this.#server = createServer((request, answer) => void this.#answer(request, answer));
  }

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    server.url = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Adds lines to a route's script: `events`, `status`, `result`, `start`, `list` …; the last line is repeated for ever. */
  on(route: string, ...replies: Reply[]): this {
    this.#scripts.set(route, [...(this.#scripts.get(route) ?? []), ...replies]);
    return this;
  }

  /** Replaces what is left of a route's script. */
  now(route: string, ...replies: Reply[]): this {
    this.#scripts.set(route, replies);
    return this;
  }

  /** The requests of a route so far. */
  of(route: string): Asked[] {
    return this.asked.filter((asked) => routeOf(asked) === route);
  }

  async #answer(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://server");
    let body = "";
    for await (const piece of request) body += piece;
    const asked = { method: request.method ?? "", path: url.pathname, query: url.searchParams, headers: request.headers, body };
    this.asked.push(asked);
    this.open.add(answer);
    answer.on("close", () => this.open.delete(answer));
    const script = this.#scripts.get(routeOf(asked)) ?? [];
    const reply = script.length > 1 ? script.shift() : script[0];
    if (reply === undefined) json(500, { success: false, error: `no script for ${routeOf(asked)}`, code: "internal" })(answer, asked);
    else reply(answer, asked);
  }
}

function routeOf({ path }: Asked): string {
  return path === "/api/jobs" ? "list" : (path.split("/").at(-1) as string);
}

// ---- Replies ----

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return (answer) => {
    answer.writeHead(status, { "Content-Type": "application/json", ...headers });
    answer.end(JSON.stringify(body));
  };
}

export function refusal(status: number, code: string, headers: Record<string, string> = {}): Reply {
  return json(status, { success: false, error: `refused: ${code}`, code }, headers);
}

export function page(status: number): Reply {
  return (answer) => {
    answer.writeHead(status, { "Content-Type": "text/html" });
    answer.end("<h1>A proxy's page</h1>");
  };
}

export const cut: Reply = (answer) => answer.destroy();
export const silence: Reply = () => undefined;
export const noContent: Reply = (answer) => answer.writeHead(204).end();

/** The job's state, with its ETag; 304 if it is known already. */
export function state(job: Job): Reply {
  return (answer, asked) => {
    const etag = `W/"${job.last_seq}"`;
    if (asked.headers["if-none-match"] === etag) answer.writeHead(304, { ETag: etag }).end();
    else json(200, { success: true, job }, { ETag: etag })(answer, asked);
  };
}

/** A stream with these pieces, open until the test ends it. */
export function stream(...pieces: (string | Uint8Array)[]): Reply {
  return (answer) => {
    answer.writeHead(200, { "Content-Type": "text/event-stream" });
    for (const piece of pieces) answer.write(piece);
    if (pieces.length === 0) answer.flushHeaders();
  };
}

/** The same, ended after the last piece. */
export function endedStream(...pieces: (string | Uint8Array)[]): Reply {
  return (answer, asked) => {
    stream(...pieces)(answer, asked);
    answer.end();
  };
}

// ---- What the contract's frames are made of ----

export function aJob(changes: Partial<Job> = {}): Job {
  return {
    id: JOB_ID,
    brand_id: BRAND_ID,
    job_type: "competitor_analysis",
    input_data: { competitor_name: "Nike" },
    status: "processing",
    progress: 10,
    current_step: "Step 1/3: Searching for competitor ads",
    step: 1,
    total_steps: 3,
    retry_count: 0,
    max_retries: 3,
    last_seq: 0,
    created_at: "2026-01-01T00:00:00.000Z",
    started_at: null,
    completed_at: null,
    estimated_completion: null,
    result_id: null,
    error_message: null,
    webhook: null,
    ...changes,
  };
}

export function syncFrame(cursor: number, job: Job, resume = "exact"): string {
  return `retry: 3000\nid: ${cursor}\nevent: sync\ndata: ${JSON.stringify({ job, resume, last_seq: job.last_seq })}\n\n`;
}

const STATUS: Record<string, string> = { queued: "pending", retrying: "pending", completed: "completed", failed: "failed", cancelled: "cancelled" };

export function frame(seq: number, name: LoggedEvent["type"], more: Record<string, unknown> = {}, id = seq): string {
  const data = {
    job_id: JOB_ID,
    seq,
    at: "2026-01-01T00:00:01.000Z",
    status: STATUS[name] ?? "processing",
    progress: Math.min(seq * 10, 100),
    current_step: "Step 1/3: Searching for competitor ads",
    step: 1,
    total_steps: 3,
    attempt: 1,
    ...more,
  };
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
