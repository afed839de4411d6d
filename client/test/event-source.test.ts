// Where fetch cannot stream: an EventSource, whose silence and refusals say nothing.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SILENCE } from "../src/patience.js";
import { TestEventSource } from "./support/event-source.js";
import { ScriptedServer, aJob, frame, json, refusal, silence, state, syncFrame } from "./support/server.js";
import { settle, until } from "./support/until.js";
import { Watching } from "./support/watching.js";

let server: ScriptedServer;
let watching: Watching;
const sources = TestEventSource.opened;

beforeEach(async () => {
  sources.length = 0;
  server = await ScriptedServer.start();
});

afterEach(async () => {
  watching.ending.abort();
  await server.stop();
});

const watch = (more = {}, options = {}) => new Watching(server, { stream: "eventsource", EventSource: TestEventSource as unknown as typeof EventSource, ...more }, options);
const source = async (number: number) => {
  await until(`stream ${number}`, () => sources.length >= number);
  return sources[number - 1] as TestEventSource;
};

describe("an EventSource", () => {
  it("is told the token in the address, and closed with the job", async () => {
    watching = watch({ token: "secret" }, { after: 2 });
    const first = await source(1);
    expect(first.url).toBe(`${server.url}/api/jobs/11111111-1111-4111-8111-111111111111/events?last_event_id=2&access_token=secret`);
    first.receives(syncFrame(2, aJob({ last_seq: 2 })) + frame(3, "progress", { detail: {} }) + frame(4, "completed"));
    await watching.done;
    expect(watching.seqs).toEqual([3, 4]);
    expect(first.isClosed).toBe(true);
    expect(server.asked).toEqual([]);
  });

  it("that is cut is replaced by another one with the cursor, and the browser's own coming back is not waited for", async () => {
    watching = watch();
    const first = await source(1);
    first.receives(syncFrame(0, aJob(), "start") + frame(1, "started"));
    first.fails();
    await until("the loss", () => watching.last?.state === "connecting" && watching.last.failures > 0);
    expect(first.isClosed).toBe(true);
    first.receives(frame(2, "completed"));
    await watching.clock.pass(4000);
    const second = await source(2);
    expect(new URL(second.url).searchParams.get("last_event_id")).toBe("1");
    second.receives(syncFrame(1, aJob({ last_seq: 1 })) + frame(2, "completed"));
    await watching.done;
    expect(watching.seqs).toEqual([1, 2]);
  });

  it("that is silent stays while nothing has happened, and is left when something has", async () => {
    server.on("status", state(aJob({ last_seq: 1 })), state(aJob({ last_seq: 5 })), state(aJob({ last_seq: 5 })), silence);
    watching = watch();
    (await source(1)).receives(syncFrame(0, aJob({ last_seq: 1 }), "start") + frame(1, "started"));
    watching.clock.advance(SILENCE);
    await until("the question", () => server.of("status").length === 1);
    await settle();
    expect(watching.last?.state).toBe("live");
    watching.clock.advance(SILENCE);
    await until("polling", () => watching.last?.state === "polling");
    expect(sources[0]?.isClosed).toBe(true);
    expect(watching.types).toEqual(["sync", "started", "snapshot"]);
  });

  it("that is refused does not say why: the state does", async () => {
    server.on("status", refusal(404, "not_found"));
    watching = watch();
    (await source(1)).fails();
    await expect(watching.done).rejects.toMatchObject({ status: 404 });
  });

  it("that is refused for its token is opened with another one", async () => {
    server.on("status", (answer, asked) => (asked.headers.authorization === "Bearer new" ? state(aJob()) : refusal(401, "unauthorized"))(answer, asked));
    const tokens = ["old", "new"];
    watching = watch({ token: () => tokens.shift() ?? null });
    (await source(1)).fails();
    await watching.clock.pass(4000);
    expect(new URL((await source(2)).url).searchParams.get("access_token")).toBe("new");
  });

  it("that is refused with 204 was at the end", async () => {
    server.on("status", json(200, { success: true, job: aJob({ status: "failed", last_seq: 6, error_message: "no" }) }));
    watching = watch({}, { after: 6 });
    (await source(1)).fails();
    expect(await watching.done).toMatchObject({ status: "failed", error_message: "no" });
  });
});
