// The way up and down: each test is a server that misbehaves in one way, and what the watch makes of it.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JobcastError } from "../src/index.js";
import { BACKOFF, CLIMB, FIRST_FRAME, HOLD, SILENCE, TAIL } from "../src/patience.js";
import { JOB_ID, ScriptedServer, aJob, cut, endedStream, frame, noContent, page, refusal, silence, state, stream, syncFrame } from "./support/server.js";
import { settle, until } from "./support/until.js";
import { Watching } from "./support/watching.js";

let server: ScriptedServer;
let watching: Watching;

beforeEach(async () => {
  server = await ScriptedServer.start();
});

afterEach(async () => {
  watching?.ending.abort();
  await server.stop();
});

/** Frames from the first to the last seq, as progress. */
const progress = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => frame(first + index, "progress", { detail: {} })).join("");
const running = (last_seq: number) => aJob({ last_seq });
const completed = (last_seq: number) => aJob({ last_seq, status: "completed", progress: 100 });
/** Waits until so many requests of a route have come. */
const asked = (route: string, count: number) => until(() => `request ${count} of ${route}; there were ${server.of(route).length}`, () => server.of(route).length >= count);
const cursors = () => server.of("events").map((asked) => asked.query.get("last_event_id"));

describe("a stream that goes well", () => {
  it("is told in order and once, and ends with the job", async () => {
    server.on("events", endedStream(syncFrame(0, running(2), "start"), progress(1, 2), frame(3, "delta", { text: "a" }), frame(4, "completed", { result_id: "r" })));
    watching = new Watching(server);
    const job = await watching.done;
    expect(watching.types).toEqual(["sync", "progress", "progress", "delta", "completed"]);
    expect(watching.seqs).toEqual([1, 2, 3, 4]);
    expect(watching.events.map((event) => "replayed" in event && event.replayed)).toEqual([false, true, true, false, false]);
    expect(job).toMatchObject({ status: "completed", result_id: "r", last_seq: 4, completed_at: "2026-01-01T00:00:01.000Z" });
    expect(watching.states).toEqual(["connecting", "live stream", "closed"]);
    expect(server.asked.length).toBe(1);
    expect(watching.clock.pending).toBe(0);
  });

  it("passes the token in a header, never in the address", async () => {
    server.on("events", endedStream(syncFrame(0, running(0), "start"), frame(1, "cancelled")));
    watching = new Watching(server, { token: "secret" });
    expect((await watching.done).status).toBe("cancelled");
    expect(server.asked[0]?.headers.authorization).toBe("Bearer secret");
    expect(server.asked[0]?.query.toString()).toBe("");
  });

  it("takes an end that a retry followed for history", async () => {
    const pieces = [frame(1, "failed", { error_message: "no", code: "x" }), frame(2, "queued"), frame(3, "started", { attempt: 2 })];
    server.on("events", stream(syncFrame(0, running(3), "start"), ...pieces));
    watching = new Watching(server);
    await until("the replay", () => watching.seqs.length === 3);
    await settle();
    expect(watching.isEnded).toBe(false);
    expect(watching.events[1]).toMatchObject({ type: "failed", replayed: true });
  });

  it("does not repeat what a careless server repeats", async () => {
    server.on("events", endedStream(syncFrame(0, running(0), "start"), progress(1, 3), progress(2, 3), frame(1, "failed", { error_message: "", code: "" }), frame(4, "completed", {})));
    watching = new Watching(server);
    await watching.done;
    expect(watching.seqs).toEqual([1, 2, 3, 4]);
  });

  it("goes on when a callback throws, and reports what was thrown", async () => {
    const reported: unknown[] = [];
    globalThis.reportError = (error) => reported.push(error);
    server.on("events", endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    watching = new Watching(server, {}, { onEvent: (event) => { throw new Error(`the page's own ${event.type}`); } });
    expect((await watching.done).status).toBe("completed");
    expect(reported.map(String)).toEqual(["Error: the page's own sync", "Error: the page's own completed"]);
    delete (globalThis as { reportError?: unknown }).reportError;
  });
});

describe("a stream that is cut", () => {
  it("is opened anew after a varied wait, with the cursor in the query", async () => {
    server.on("events", endedStream(syncFrame(0, running(2), "start"), progress(1, 2)), endedStream(syncFrame(2, running(2)), progress(3, 3)), endedStream(syncFrame(3, running(3)), frame(4, "completed")));
    watching = new Watching(server);
    // As the server asked.
    expect(await watching.clock.pass(4000)).toBe(3000);
    await watching.clock.pass(4000);
    expect((await watching.done).status).toBe("completed");
    expect(cursors()).toEqual([null, "2", "3"]);
    expect(watching.seqs).toEqual([1, 2, 3, 4]);
    expect(watching.states).toEqual(["connecting", "live stream", "connecting", "live stream", "connecting", "live stream", "closed"]);
  });

  it("inside a frame, at every byte of it, loses and doubles nothing", async () => {
    const half = new TextEncoder().encode(frame(2, "delta", { text: "grüße" }));
    const rest = [frame(2, "delta", { text: "grüße" }), frame(3, "completed")];
    for (let at = 0; at <= half.length; at += 1) {
      server.now("events", endedStream(syncFrame(0, running(1), "start"), progress(1, 1), half.slice(0, at)), endedStream(syncFrame(at === half.length ? 2 : 1, running(1)), ...rest));
      watching = new Watching(server);
      await watching.clock.pass(4000);
      await watching.done;
      expect(watching.seqs, `cut at byte ${at}`).toEqual([1, 2, 3]);
      expect(watching.events.filter((event) => event.type === "delta").map((event) => event.text)).toEqual(["grüße"]);
    }
  });

  it("never counts as the end of the job", async () => {
    server.on("events", endedStream(syncFrame(0, running(2), "start"), progress(1, 2)));
    watching = new Watching(server);
    await watching.clock.pass(4000);
    await watching.clock.pass(4000);
    await settle();
    expect(watching.isEnded).toBe(false);
  });

  it("after it has proven itself, by something new or by a keep-alive after ten seconds, begins to count anew", async () => {
    let open: ((text: string | null) => void) | undefined;
    const held: Parameters<typeof server.on>[1] = (answer, asked) => {
      stream(syncFrame(watching.seqs.length, running(watching.seqs.length)))(answer, asked);
      open = (text) => (text === null ? answer.end() : answer.write(text));
    };
    server.on("events", page(502), page(502), held, page(502), held, endedStream(syncFrame(1, running(1)), frame(2, "completed")));
    watching = new Watching(server);
    const isLive = () => until("the stream", () => watching.last?.state === "live");
    await watching.clock.pass(4000);
    await watching.clock.pass(4000);
    await isLive();
    open?.(frame(1, "started"));
    await until("the event", () => watching.seqs.length === 1);
    open?.(null);
    expect(await watching.clock.pass(4000)).toBe(3000);
    await watching.clock.pass(4000);
    await isLive();
    watching.clock.advance(10_000);
    open?.(":\n\n");
    await until("the keep-alive", () => watching.frames.some((each) => each.kind === "comment"));
    open?.(null);
    await watching.clock.pass(4000);
    await watching.done;
    expect(server.of("status")).toEqual([]);
  });

  it("by a server that drains, is opened elsewhere after the wait of its last frame", async () => {
    server.on("events", endedStream(syncFrame(0, running(1), "start"), progress(1, 1), "retry: 700\n\n"), endedStream(syncFrame(1, running(1)), frame(2, "completed")));
    watching = new Watching(server);
    expect(await watching.clock.pass(4000)).toBe(700);
    await watching.done;
    expect(watching.seqs).toEqual([1, 2]);
  });

  it("whose cursor the server no longer knows, begins anew and says so", async () => {
    server.on("events", endedStream(syncFrame(0, running(9), "start"), progress(1, 9)), endedStream(syncFrame(0, running(2), "reset"), progress(1, 2), frame(3, "completed")));
    watching = new Watching(server);
    await watching.clock.pass(4000);
    const job = await watching.done;
    expect(watching.seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3]);
    expect(watching.events.filter((event) => event.type === "sync").map((event) => event.resume)).toEqual(["start", "reset"]);
    expect(job.last_seq).toBe(3);
  });

  it("is opened at once when the network is back", async () => {
    const target = new EventTarget();
    const [add, remove] = [globalThis.addEventListener, globalThis.removeEventListener];
    Object.assign(globalThis, { addEventListener: target.addEventListener.bind(target), removeEventListener: target.removeEventListener.bind(target) });
    try {
      server.on("events", cut, endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
      watching = new Watching(server);
      await until("the wait", () => watching.last?.failures === 1);
      expect(watching.last?.error).toMatchObject({ code: "unreachable" });
      target.dispatchEvent(new Event("online"));
      await watching.done;
    } finally {
      Object.assign(globalThis, { addEventListener: add, removeEventListener: remove });
    }
  });
});

describe("refusals", () => {
  it("of 502 are tried again, then the job is asked for, then the stream is there again", async () => {
    server.on("events", page(502), page(502), page(502), endedStream(syncFrame(0, running(3), "start"), progress(1, 3), frame(4, "completed")));
    server.on("status", state(running(3)), silence);
    watching = new Watching(server);
    const first = await watching.clock.pass(BACKOFF.first);
    expect(first).toBe(BACKOFF.first * 0.75);
    const second = await watching.clock.pass(2 * BACKOFF.first);
    expect(second).toBe(2 * first);
    await until("polling", () => watching.last?.state === "polling");
    await watching.clock.pass(CLIMB.first, 20_000);
    await watching.done;
    expect(watching.types).toEqual(["snapshot", "sync", "progress", "progress", "progress", "completed"]);
    expect(watching.events.filter((event) => "replayed" in event && event.replayed).length).toBe(3);
    expect(watching.states.slice(0, 2)).toEqual(["connecting", "polling poll"]);
    expect(watching.states.slice(-2)).toEqual(["live stream", "closed"]);
  });

  it("of 502 to everything: the stream is tried as soon as the server answers again", async () => {
    server.on("events", page(502), page(502), page(502), endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    server.on("status", page(502), state(running(0)));
    watching = new Watching(server);
    await watching.clock.pass(4000);
    await watching.clock.pass(4000);
    await asked("status", 1);
    await until("the failure", () => watching.last?.failures === 3 && watching.clock.waits.some((wait) => wait < 5000));
    expect(watching.last).toMatchObject({ state: "connecting", error: { code: "not_json" } });
    await watching.clock.pass(5000);
    // No wait of half a minute is passed.
    await watching.done;
    expect(server.of("events").length).toBe(4);
  });

  it("of 404 end it", async () => {
    server.on("events", refusal(404, "not_found"));
    watching = new Watching(server);
    await expect(watching.done).rejects.toMatchObject({ status: 404, code: "not_found" });
    expect(watching.last).toMatchObject({ state: "closed", error: { status: 404 } });
    expect(watching.clock.pending).toBe(0);
  });

  it("of 404 by a proxy do not end it at once", async () => {
    server.on("events", page(404), page(404), endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    watching = new Watching(server);
    await watching.clock.pass(4000);
    await watching.clock.pass(4000);
    expect((await watching.done).status).toBe("completed");
  });

  it("of 403 end it", async () => {
    server.on("events", refusal(403, "forbidden"));
    watching = new Watching(server, { token: "read-nothing" });
    await expect(watching.done).rejects.toMatchObject({ status: 403, code: "forbidden" });
  });

  it.each([401, 403])("of %i by a proxy end it as well", async (status) => {
    server.on("events", page(status));
    watching = new Watching(server);
    await expect(watching.done).rejects.toMatchObject({ status, code: "not_json" });
  });

  it("of 401 end it when the token is all there is", async () => {
    server.on("events", refusal(401, "unauthorized"));
    watching = new Watching(server, { token: "old" });
    await expect(watching.done).rejects.toMatchObject({ status: 401 });
    expect(server.asked.length).toBe(1);
  });

  it("of 401 ask for another token, once, and end it when that is refused too", async () => {
    server.on("events", refusal(401, "unauthorized"));
    const asked: (JobcastError | null)[] = [];
    watching = new Watching(server, { token: async (refused) => { asked.push(refused); return `token ${asked.length}`; } });
    await expect(watching.done).rejects.toMatchObject({ status: 401 });
    expect(asked.map((refused) => refused?.message ?? null)).toEqual([null, "refused: unauthorized"]);
    expect(server.asked.map((each) => each.headers.authorization)).toEqual(["Bearer token 1", "Bearer token 2"]);
  });

  it("of a token that expires in mid-stream are met with another one and the cursor", async () => {
    server.on("events", endedStream(syncFrame(0, running(2), "start"), progress(1, 2), "retry: 900\n\n"), refusal(401, "unauthorized"), endedStream(syncFrame(2, running(2)), frame(3, "completed")));
    let count = 0;
    watching = new Watching(server, { token: () => `token ${++count}` });
    await watching.clock.pass(900);
    await watching.done;
    expect(server.asked.map((each) => each.headers.authorization)).toEqual(["Bearer token 1", "Bearer token 1", "Bearer token 2"]);
    expect(cursors()).toEqual([null, "2", "2"]);
    expect(watching.seqs).toEqual([1, 2, 3]);
  });

  it("of a token function that fails are passing troubles", async () => {
    let count = 0;
    server.on("events", endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    watching = new Watching(server, { token: () => { if (++count === 1) throw new TypeError("offline"); return "token"; } });
    await until("the failure", () => watching.last?.failures === 1);
    expect(watching.last?.error).toMatchObject({ code: "no_token" });
    await watching.clock.pass(4000);
    expect((await watching.done).status).toBe("completed");
  });

  it("of a token for this job alone are met with the client's own", async () => {
    server.on("events", refusal(401, "unauthorized"), endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    watching = new Watching(server, { token: "own" }, { eventsUrl: `/api/jobs/${JOB_ID}/events?access_token=for-an-hour` });
    await watching.done;
    expect(server.asked.map((each) => each.headers.authorization)).toEqual(["Bearer for-an-hour", "Bearer own"]);
  });

  it.each([[429, "too_many_streams"], [503, "draining"]])("of %i are obeyed for as long as they ask", async (status, code) => {
    server.on("events", refusal(status, code, { "Retry-After": "7" }), endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    watching = new Watching(server);
    expect(await watching.clock.pass(10_000)).toBe(7000);
    expect((await watching.done).status).toBe("completed");
  });

  it("of another kind of content are a proxy's", async () => {
    server.on("events", page(200), endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    watching = new Watching(server);
    await until("the failure", () => watching.last?.failures === 1);
    expect(watching.last?.error).toMatchObject({ code: "not_a_stream" });
    await watching.clock.pass(4000);
    await watching.done;
  });

  it("of 204 are judged by the status", async () => {
    server.on("events", noContent);
    server.on("status", page(502), state(completed(7)));
    watching = new Watching(server, {}, { after: 7 });
    await watching.clock.pass(4000);
    expect(await watching.done).toMatchObject({ status: "completed", last_seq: 7 });
    expect(watching.types).toEqual(["snapshot"]);
  });

  it("of 204 whose job was retried meanwhile do not end it", async () => {
    server.on("events", noContent, endedStream(syncFrame(7, running(8)), frame(8, "queued"), frame(9, "completed")));
    server.on("status", state(running(8)));
    watching = new Watching(server, {}, { after: 7 });
    expect((await watching.done).last_seq).toBe(9);
    expect(watching.seqs).toEqual([8, 9]);
  });
});

describe("a mute stream", () => {
  it("that never shows its head is left for questions that are held", async () => {
    server.on("events", silence, endedStream(syncFrame(0, running(2), "start"), progress(1, 2), frame(3, "completed")));
    server.on("status", state(running(2)), silence);
    watching = new Watching(server);
    await asked("events", 1);
    await watching.clock.pass(FIRST_FRAME, FIRST_FRAME);
    await until("a held question", () => server.of("status").length >= 1 && watching.last?.state === "polling");
    await watching.clock.pass(5000);
    await until("a held question", () => server.of("status").length === 2);
    expect(server.of("status")[1]?.query.get("wait")).toBe(String(HOLD));
    expect(server.of("status")[1]?.headers["if-none-match"]).toBe('W/"2"');
    expect(watching.last).toMatchObject({ state: "polling", transport: "long-poll" });
    await watching.clock.pass(CLIMB.first, 16_000);
    await watching.done;
    expect(watching.seqs).toEqual([1, 2, 3]);
  });

  it("that shows its head alone is noticed", async () => {
    server.on("events", stream());
    server.on("status", state(running(2)), silence);
    watching = new Watching(server);
    await until("the head", () => server.of("events").length === 1);
    await settle();
    watching.clock.advance(2 * FIRST_FRAME);
    await until("polling", () => watching.last?.state === "polling");
  });

  it("is noticed after forty seconds without a keep-alive, not before", async () => {
    let open: ((text: string) => void) | undefined;
    server.on("events", (answer, asked) => { stream(syncFrame(0, running(1), "start"), progress(1, 1))(answer, asked); open = (text) => answer.write(text); }, silence);
    server.on("status", state(running(5)), silence);
    watching = new Watching(server);
    await until("the event", () => watching.seqs.length === 1);
    for (let count = 0; count < 3; count += 1) {
      watching.clock.advance(SILENCE - 1000);
      open?.(":\n\n");
      await until("the keep-alive", () => watching.frames.filter((each) => each.kind === "comment").length === count + 1);
    }
    expect(watching.last?.state).toBe("live");
    watching.clock.advance(SILENCE);
    await until("polling", () => watching.last?.state === "polling");
    expect(watching.types).toEqual(["sync", "progress", "snapshot"]);
    expect(watching.connections.some((each) => (each.error as JobcastError | null)?.code === "mute")).toBe(true);
  });

  it("is tried again ever more seldom, and the questions go on meanwhile", async () => {
    server.on("events", page(502));
    server.on("status", state(running(2)));
    watching = new Watching(server);
    await watching.clock.pass(4000);
    await watching.clock.pass(4000);
    const waits: number[] = [];
    for (let climb = 0; climb < 5; climb += 1) {
      // Between two questions and between two tries of the stream.
      await until("two waits", () => watching.clock.waits.length === 2 && watching.clock.waits.every((wait) => wait % 5000 !== 0 || wait > 40_000));
      const wait = await watching.clock.pass(CLIMB.last, 20_000);
      waits.push(wait / (CLIMB.first * 0.75));
      await asked("events", 4 + climb);
    }
    expect(waits).toEqual([1, 2, 4, 8, 10]);
  });

  it("of a job that ends meanwhile: the last events come over a stream that ends by itself", async () => {
    server.on("events", silence, endedStream(syncFrame(0, completed(3), "start"), progress(1, 2), frame(3, "completed")));
    server.on("status", state(running(1)), state(completed(3)));
    watching = new Watching(server);
    await asked("events", 1);
    await watching.clock.pass(FIRST_FRAME, FIRST_FRAME);
    await watching.clock.pass(5000);
    expect((await watching.done).status).toBe("completed");
    expect(watching.types).toEqual(["snapshot", "snapshot", "sync", "progress", "progress", "completed"]);
  });

  it("of a job that ends meanwhile, and a proxy that lets nothing through: the state is enough", async () => {
    server.on("events", silence);
    server.on("status", state(running(1)), state(completed(3)));
    watching = new Watching(server);
    await asked("events", 1);
    await watching.clock.pass(FIRST_FRAME, FIRST_FRAME);
    await watching.clock.pass(5000);
    await asked("events", 2);
    await watching.clock.pass(TAIL, TAIL);
    expect((await watching.done).status).toBe("completed");
    expect(watching.types).toEqual(["snapshot", "snapshot"]);
    await until("everything to be put away", () => watching.clock.pending === 0);
  });
});

describe("questions", () => {
  it("that cannot be held are asked plainly, every few seconds", async () => {
    server.on("events", page(502));
    server.on("status", state(running(1)), page(504), state(running(2)), state(running(3)), state(completed(4)));
    watching = new Watching(server, { stream: "none" });
    await until("the first state", () => watching.types.length === 1);
    await watching.clock.pass(5000);
    await until("the held question to fail", () => server.of("status").length === 2);
    const waits = [await watching.clock.pass(5000), await watching.clock.pass(5000), await watching.clock.pass(5000)];
    await watching.done;
    expect(waits.slice(1).every((wait) => wait >= 2000 && wait <= 3000)).toBe(true);
    expect(server.of("status").map((asked) => asked.query.get("wait"))).toEqual([null, String(HOLD), null, null, null]);
    expect(watching.states).toEqual(["connecting", "polling poll", "polling long-poll", "polling poll", "closed"]);
  });

  it("that a slow server does not answer in time are asked again", async () => {
    server.on("status", silence, state(completed(4)));
    watching = new Watching(server, { stream: "none" });
    await asked("status", 1);
    await watching.clock.pass(10_000, 10_000);
    await until("the failure", () => watching.last?.error !== null);
    expect(watching.last).toMatchObject({ state: "connecting", error: { code: "timeout" } });
    await watching.clock.pass(5000);
    await watching.done;
  });

  it("whose answer is a page are not believed", async () => {
    server.on("status", page(200), state(completed(4)));
    watching = new Watching(server, { stream: "none" });
    await until("the failure", () => watching.last?.error !== null);
    expect(watching.last?.error).toMatchObject({ code: "not_json" });
    await watching.clock.pass(5000);
    await watching.done;
  });

  it("that are refused for good end it", async () => {
    server.on("events", page(502));
    server.on("status", refusal(403, "forbidden"));
    watching = new Watching(server);
    await watching.clock.pass(4000);
    await watching.clock.pass(4000);
    await expect(watching.done).rejects.toMatchObject({ status: 403 });
    await until("everything to be put away", () => watching.clock.pending === 0);
  });

  it("that are answered 404 by a proxy are believed in the end", async () => {
    server.on("status", page(404));
    watching = new Watching(server, { stream: "none" });
    for (let count = 1; count < 5; count += 1) {
      await asked("status", count);
      await until("the answer", () => watching.clock.waits.length === 1 && watching.clock.waits[0] !== 10_000);
      await watching.clock.pass(30_000);
    }
    await expect(watching.done).rejects.toMatchObject({ status: 404, code: "not_json" });
    expect(server.of("status").length).toBe(5);
  });
});

describe("a signal", () => {
  it("ends a stream, and closes its connection", async () => {
    server.on("events", stream(syncFrame(0, running(0), "start")));
    watching = new Watching(server);
    await until("the stream", () => watching.last?.state === "live");
    watching.ending.abort(new Error("seen enough"));
    await expect(watching.done).rejects.toThrow("seen enough");
    await until("the connection to be closed", () => server.open.size === 0);
    expect(watching.clock.pending).toBe(0);
    expect(watching.last).toEqual({ state: "closed", transport: null, failures: 0, error: null });
  });

  it("ends a wait, and a question that is held", async () => {
    server.on("events", silence);
    server.on("status", state(running(1)), silence);
    watching = new Watching(server);
    await asked("events", 1);
    await watching.clock.pass(FIRST_FRAME, FIRST_FRAME);
    await watching.clock.pass(5000);
    await until("the held question", () => server.of("status").length === 2);
    watching.ending.abort();
    await expect(watching.done).rejects.toMatchObject({ name: "AbortError" });
    await until("the connections to be closed", () => server.open.size === 0);
    await until("everything to be put away", () => watching.clock.pending === 0);
  });

  it("that is aborted already lets nothing begin", async () => {
    watching = new Watching(server, {}, { signal: AbortSignal.abort() });
    await expect(watching.done).rejects.toMatchObject({ name: "AbortError" });
    await settle();
    expect(server.asked.length).toBe(0);
  });
});
