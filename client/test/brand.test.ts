// The stream of a brand: all its jobs, without an end.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BrandEvent, type Connection, createClient } from "../src/index.js";
import { TestClock } from "./support/clock.js";
import { BRAND_ID, ScriptedServer, aJob, endedStream, frame, json, page, refusal, stream } from "./support/server.js";
import { until } from "./support/until.js";

let server: ScriptedServer;
let clock: TestClock;
let ending: AbortController;
let events: BrandEvent[];
let connections: Connection[];

beforeEach(async () => {
  server = await ScriptedServer.start();
  [clock, ending, events, connections] = [new TestClock(), new AbortController(), [], []];
});

afterEach(async () => {
  ending.abort();
  await server.stop();
});

function watch(more = {}): Promise<never> {
  const client = createClient({ baseUrl: server.url, clock });
  return client.watchBrand(BRAND_ID, { signal: ending.signal, onEvent: (event) => events.push(event), onConnection: (connection) => connections.push(connection), ...more });
}

const sync = (cursor: number, last_seq = cursor, resume = "exact") => `id: ${cursor}\nevent: sync\ndata: ${JSON.stringify({ brand_id: BRAND_ID, jobs: [aJob({ last_seq: 1 })], resume, last_seq })}\n\n`;
const told = () => events.map((event) => ("seq" in event ? `${event.type} ${event.seq}` : event.type));
const cursors = () => server.of("events").map((asked) => asked.query.get("last_event_id"));

describe("the stream of a brand", () => {
  it("begins with what happens from now on, and goes on exactly after a loss, also after the end of a job", async () => {
    server.on("events", endedStream(sync(40), frame(2, "completed", {}, 41)), stream(sync(41), frame(3, "queued", {}, 42)));
    const watching = watch();
    await clock.pass(4000);
    await until("the event after the loss", () => events.length === 4);
    expect(told()).toEqual(["sync", "completed 2", "sync", "queued 3"]);
    expect(cursors()).toEqual(["tail", "41"]);
    expect(events[0]).toMatchObject({ jobs: [{ last_seq: 1 }], last_seq: 40 });
    ending.abort();
    await expect(watching).rejects.toMatchObject({ name: "AbortError" });
  });

  it("is not told the history again when the server no longer knows the cursor", async () => {
    server.on("events", endedStream(sync(40)), stream(sync(0, 9, "reset"), frame(1, "queued", {}, 1)), stream(sync(9), frame(2, "started", {}, 10)));
    watch();
    await clock.pass(4000);
    await until("the stream of what happens from now on", () => events.some((event) => event.type === "started"));
    expect(told()).toEqual(["sync", "sync", "sync", "started 2"]);
    expect(cursors()).toEqual(["tail", "40", "tail"]);
  });

  it("tells the history when it is asked to begin there", async () => {
    server.on("events", endedStream(sync(40, 41), frame(2, "started", {}, 41)), stream(sync(0, 9, "reset"), frame(1, "queued", {}, 1)));
    watch({ after: 40 });
    await clock.pass(4000);
    await until("the history", () => events.length === 4);
    expect(told()).toEqual(["sync", "started 2", "sync", "queued 1"]);
  });

  it("is replaced by asking for the newest jobs, every few seconds", async () => {
    server.on("events", page(502));
    server.on("list", json(200, { success: true, jobs: [aJob({ last_seq: 7 })], next_cursor: null }));
    watch();
    await clock.pass(4000);
    await clock.pass(4000);
    await until("the list", () => told().join() === "snapshot");
    expect(connections.at(-1)).toMatchObject({ state: "polling", transport: "poll" });
    expect(server.of("list")[0]?.query.toString()).toBe(`brand_id=${BRAND_ID}&limit=50`);
    const wait = await clock.pass(3000, 2000);
    expect(wait).toBeGreaterThanOrEqual(2000);
    await until("the list again", () => told().length === 2);
  });

  it("of another's brand is refused", async () => {
    server.on("events", refusal(404, "not_found"));
    await expect(watch()).rejects.toMatchObject({ status: 404 });
  });
});
