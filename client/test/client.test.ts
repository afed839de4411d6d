// The calls: what is sent, and what becomes of the answers.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ClientOptions, createClient } from "../src/index.js";
import { TestClock } from "./support/clock.js";
import { BRAND_ID, JOB_ID, ScriptedServer, aJob, cut, json, page, refusal, silence } from "./support/server.js";
import { settle, until } from "./support/until.js";

let server: ScriptedServer;
let clock: TestClock;

beforeEach(async () => {
  server = await ScriptedServer.start();
  clock = new TestClock();
});

afterEach(() => server.stop());

const client = (options: ClientOptions = {}) => createClient({ baseUrl: `${server.url}/`, clock, ...options });
const request = { brand_id: BRAND_ID, job_type: "competitor_analysis" as const, input_data: { competitor_name: "Nike" } };
const started = json(202, { success: true, job_id: JOB_ID, status: "pending", estimated_duration: 90, events_url: "", status_url: "" });

describe("start", () => {
  it("sends the request under a key, and gives the answer", async () => {
    server.on("start", started);
    expect(await client().start(request)).toMatchObject({ job_id: JOB_ID, estimated_duration: 90 });
    const asked = server.of("start")[0];
    expect(asked?.method).toBe("POST");
    expect(JSON.parse(asked?.body ?? "")).toEqual(request);
    expect(asked?.headers["idempotency-key"]).toMatch(/^[0-9a-f]{32}$/);
    expect(asked?.headers["content-type"]).toBe("application/json");
  });

  it("is sent again under the same key when the answer is lost", async () => {
    server.on("start", cut, page(502), refusal(503, "draining", { "Retry-After": "4" }), started);
    const starting = client().start(request, { idempotencyKey: "mine" });
    await clock.pass(1000);
    await clock.pass(2000);
    expect(await clock.pass(5000, 4000)).toBe(4000);
    expect((await starting).job_id).toBe(JOB_ID);
    expect(server.of("start").map((asked) => asked.headers["idempotency-key"])).toEqual(Array(4).fill("mine"));
  });

  it("is given up after four tries", async () => {
    server.on("start", cut);
    const starting = client().start(request);
    for (const wait of [1000, 2000, 4000]) await clock.pass(wait);
    await expect(starting).rejects.toMatchObject({ code: "unreachable", status: 0 });
    expect(server.of("start").length).toBe(4);
  });

  it.each([[422, "invalid_input"], [429, "queue_full"], [503, "missing_key"]])("that is refused with %i %s is not sent again", async (status, code) => {
    server.on("start", json(status, { success: false, error: "no", code, field: "input_data.url" }, { "Retry-After": "9" }));
    await expect(client().start(request)).rejects.toMatchObject({ message: "no", status, code, field: "input_data.url", retryAfter: 9000 });
    expect(server.of("start").length).toBe(1);
  });

  it("ends with its signal while it waits", async () => {
    server.on("start", cut);
    const ending = new AbortController();
    const starting = client().start(request, { signal: ending.signal });
    await until("the wait", () => clock.pending === 1);
    ending.abort();
    await expect(starting).rejects.toMatchObject({ name: "AbortError" });
    expect(clock.pending).toBe(0);
  });
});

describe("the other calls", () => {
  it("say what they are for", async () => {
    server.on("status", json(200, { success: true, job: aJob() }));
    server.on("cancel", json(200, { success: true, job: aJob({ status: "cancelled" }) }));
    server.on("retry", json(202, { success: true, job: aJob({ status: "pending" }) }));
    server.on("result", json(200, { success: true, status: "completed", result_id: "r", result_data: { a: 1 }, completed_at: null }));
    server.on("list", json(200, { success: true, jobs: [aJob()], next_cursor: "next" }));
    server.on("job-types", json(200, { success: true, simulated: true, job_types: [] }));
    const { status, cancel, retry, result, list, jobTypes } = client();
    expect((await status(JOB_ID)).id).toBe(JOB_ID);
    expect((await cancel(JOB_ID)).status).toBe("cancelled");
    expect((await retry(JOB_ID)).status).toBe("pending");
    expect((await result(JOB_ID)).result_data).toEqual({ a: 1 });
    expect((await list({ brand_id: BRAND_ID, status: "failed", limit: 3 })).next_cursor).toBe("next");
    expect((await jobTypes()).simulated).toBe(true);
    const base = `/api/jobs/${JOB_ID}`;
    expect(server.asked.map(({ method, path, query }) => `${method} ${path}?${query}`)).toEqual([
      `GET ${base}/status?`, `POST ${base}/cancel?`, `POST ${base}/retry?`, `GET ${base}/result?`,
      `GET /api/jobs?brand_id=${BRAND_ID}&status=failed&limit=3`, "GET /api/job-types?",
    ]);
  });

  it("cannot be led to another path by an id", async () => {
    server.on("status", refusal(404, "not_found"));
    await expect(client().status("../../metrics?x=")).rejects.toMatchObject({ status: 404 });
    expect(server.asked[0]?.path).toBe("/api/jobs/..%2F..%2Fmetrics%3Fx%3D/status");
  });

  it("tell that there is no result yet, and how the job stands", async () => {
    server.on("result", json(409, { success: false, error: "the job is processing", code: "no_result", status: "processing" }));
    await expect(client().result(JOB_ID)).rejects.toMatchObject({ status: 409, code: "no_result", jobStatus: "processing", isTemporary: false });
  });

  it("are given up after fifteen seconds", async () => {
    server.on("status", silence);
    const asking = client().status(JOB_ID);
    await until("the request", () => server.asked.length === 1);
    await clock.pass(15_000, 15_000);
    await expect(asking).rejects.toMatchObject({ code: "timeout", isTemporary: true });
  });

  it("end with their signal, with its reason", async () => {
    server.on("status", silence);
    const ending = new AbortController();
    const asking = client().status(JOB_ID, { signal: ending.signal });
    await until("the request", () => server.asked.length === 1);
    ending.abort(new Error("gone"));
    await expect(asking).rejects.toThrow("gone");
    expect(clock.pending).toBe(0);
  });

  it("end with their signal in the middle of an answer", async () => {
    server.on("status", (answer) => answer.writeHead(200, { "Content-Type": "application/json" }).write('{"success": true, "job": {'));
    const ending = new AbortController();
    const asking = client().status(JOB_ID, { signal: ending.signal });
    await until("the request", () => server.asked.length === 1);
    await settle();
    ending.abort(new Error("gone"));
    await expect(asking).rejects.toThrow("gone");
  });

  it("do not believe a page", async () => {
    server.on("status", page(200));
    await expect(client().status(JOB_ID)).rejects.toMatchObject({ code: "not_json", status: 200 });
  });
});

describe("the token", () => {
  const needs = (token: string) => (answer: Parameters<ReturnType<typeof json>>[0], asked: Parameters<ReturnType<typeof json>>[1]) =>
    (asked.headers.authorization === `Bearer ${token}` ? json(200, { success: true, job: aJob() }) : refusal(401, "unauthorized"))(answer, asked);

  it("is asked for once by all calls that need it at the same time, and again once when it is refused", async () => {
    server.on("status", needs("second"));
    const given = ["first", "second"];
    const refused: unknown[] = [];
    const { status } = client({ token: async (refusal) => { refused.push(refusal?.status ?? null); return given.shift() ?? null; } });
    await Promise.all([status(JOB_ID), status(JOB_ID), status(JOB_ID)]);
    await status(JOB_ID);
    expect(refused).toEqual([null, 401]);
  });

  it("that is refused twice is refused", async () => {
    server.on("status", refusal(401, "unauthorized"));
    await expect(client({ token: () => "same" }).status(JOB_ID)).rejects.toMatchObject({ status: 401 });
    expect(server.asked.length).toBe(1);
  });

  it("may be none", async () => {
    server.on("status", json(200, { success: true, job: aJob() }));
    await client({ token: () => null }).status(JOB_ID);
    expect(server.asked[0]?.headers.authorization).toBeUndefined();
  });
});
