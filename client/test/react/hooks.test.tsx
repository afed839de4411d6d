// The hooks in a page, against the scripted server. Runs with React 18 and with React 19.
import { StrictMode, type ReactNode, version } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Client, createClient, type Job } from "../../src/index.js";
import { type BackgroundJobHandle, type BrandView, JobcastProvider, useBackgroundJob, useBrandJobs } from "../../src/react/index.js";
import { BRAND_ID, JOB_ID, ScriptedServer, aJob, endedStream, frame, json, noContent, page, refusal, state, stream, syncFrame } from "../support/server.js";
import { settle, until } from "../support/until.js";

let server: ScriptedServer;
let client: Client;
let root: Root | null;
let container: HTMLElement;
let complaints: ReturnType<typeof vi.spyOn>;
/** What each render of each named component saw. */
let seen: Map<string, BackgroundJobHandle[]>;

beforeEach(async () => {
  server = await ScriptedServer.start();
  client = createClient({ baseUrl: server.url });
  container = document.createElement("div");
  document.body.append(container);
  root = null;
  seen = new Map();
  complaints = vi.spyOn(console, "error");
});

afterEach(async () => {
  root?.unmount();
  container.remove();
  expect(complaints.mock.calls).toEqual([]);
  complaints.mockRestore();
  await server.stop();
});

function show(node: ReactNode): void {
  root ??= createRoot(container);
  root.render(<JobcastProvider client={client}>{node}</JobcastProvider>);
}

function Shown({ id, name = "one" }: { id: string | null | undefined; name?: string }) {
  const handle = useBackgroundJob(id);
  seen.set(name, [...(seen.get(name) ?? []), handle]);
  return <p>{`${handle.connection} ${handle.job?.status ?? "nothing"} ${handle.job?.progress ?? ""}`}</p>;
}

const last = (name = "one") => seen.get(name)?.at(-1) as BackgroundJobHandle;
const shows = (what: string, condition: (handle: BackgroundJobHandle) => boolean, name = "one") =>
  until(() => `${what}; there is ${JSON.stringify(seen.get(name)?.at(-1))}`, () => seen.get(name) !== undefined && condition(last(name)));
const running = (last_seq: number) => aJob({ last_seq });
const result = json(200, { success: true, status: "completed", result_id: "r", result_data: { id: "row" }, completed_at: null });

describe(`useBackgroundJob with React ${version}`, () => {
  it("is idle without an id, and asks nothing", async () => {
    show(<><Shown id={null} /><Shown id={undefined} name="two" /></>);
    await shows("a render", () => true);
    await settle();
    for (const name of ["one", "two"]) expect(last(name)).toMatchObject({ job: null, isPolling: false, connection: "idle", events: [], text: "", error: null });
    expect(server.asked).toEqual([]);
    expect(await last().cancel()).toBe(false);
  });

  it("follows a job to its result, which is fetched once and shown with the end", async () => {
    server.on("events", endedStream(syncFrame(0, running(0), "start"), frame(1, "started"), frame(2, "delta", { text: "words" }), frame(3, "completed", { result_id: "r" })));
    server.on("result", result);
    show(<StrictMode><Shown id={JOB_ID} /></StrictMode>);
    await shows("the end", ({ job }) => job?.status === "completed");
    expect(last()).toMatchObject({ isPolling: false, text: "words", job: { result_data: { id: "row" }, progress: 30 }, error: null });
    expect(last().events.map((event) => event.type)).toEqual(["started", "completed"]);
    await shows("that it is closed", ({ connection }) => connection === "closed");
    await settle();
    expect(server.of("events").length).toBe(1);
    expect(server.of("result").length).toBe(1);
    expect(seen.get("one")?.filter(({ job }) => job?.status === "completed").every(({ job }) => job?.result_data !== undefined)).toBe(true);
    expect(seen.get("one")?.filter(({ isPolling, job }) => isPolling === (job?.status === "completed"))).toEqual([]);
  });

  it("shows that a job is over, with its result, while its history is still being told", async () => {
    server.on("events", stream(syncFrame(0, aJob({ status: "completed", progress: 100, last_seq: 9 }), "start"), frame(1, "queued"), frame(2, "started")));
    server.on("result", result);
    show(<Shown id={JOB_ID} />);
    await shows("the end", ({ job }) => job?.status === "completed");
    expect(last()).toMatchObject({ isPolling: false, connection: "live", job: { result_data: { id: "row" } } });
    await settle();
    expect(server.of("result").length).toBe(1);
  });

  it("shows the end without a result that cannot be had, and why", async () => {
    server.on("events", endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    server.on("result", refusal(403, "forbidden"));
    show(<Shown id={JOB_ID} />);
    await shows("the end", ({ job }) => job?.status === "completed");
    expect(last().job?.result_data).toBeUndefined();
    expect(last()).toMatchObject({ isPolling: false, error: { status: 403 } });
  });

  it("asks again for a result whose answer was lost", async () => {
    server.on("events", endedStream(syncFrame(0, running(0), "start"), frame(1, "completed")));
    server.on("result", page(502), result);
    show(<Shown id={JOB_ID} />);
    await shows("the end", ({ job }) => job?.status === "completed");
    expect(last().job?.result_data).toEqual({ id: "row" });
    expect(server.of("result").length).toBe(2);
  });

  it("survives StrictMode and a move to another place with one connection, and closes it when nobody is left", async () => {
    server.on("events", stream(syncFrame(0, running(1), "start"), frame(1, "started")));
    show(<StrictMode><Shown id={JOB_ID} /></StrictMode>);
    await shows("live", ({ connection }) => connection === "live");
    show(<StrictMode><div><Shown id={JOB_ID} name="two" /></div></StrictMode>);
    await shows("live", ({ connection, job }) => connection === "live" && job?.last_seq === 1, "two");
    show(null);
    await settle();
    show(<StrictMode><Shown id={JOB_ID} name="three" /></StrictMode>);
    await shows("live", ({ connection, job }) => connection === "live" && job?.last_seq === 1, "three");
    show(null);
    await until("the stream to be closed", () => server.open.size === 0);
    expect(server.of("events").length).toBe(1);
  });

  it("shares one connection and one state among components, also with one that comes later", async () => {
    server.on("events", stream(syncFrame(0, running(2), "start"), frame(1, "started"), frame(2, "delta", { text: "early" })));
    show(<><Shown id={JOB_ID} /><Shown id={JOB_ID} name="two" /></>);
    await shows("the text", ({ text }) => text === "early");
    show(<><Shown id={JOB_ID} /><Shown id={JOB_ID} name="two" /><Shown id={JOB_ID} name="three" /></>);
    await shows("the text at once", ({ text }) => text === "early", "three");
    expect(seen.get("three")?.[0]?.text).toBe("early");
    expect(last("three").events).toBe(last("one").events);
    expect(server.of("events").length).toBe(1);
  });

  it("changes to another job, and shows nothing of the one before", async () => {
    const other = "33333333-3333-4333-8333-333333333333";
    server.on("events", stream(syncFrame(0, running(1), "start"), frame(1, "started")), stream(syncFrame(0, aJob({ id: other, progress: 77 }), "start")));
    show(<Shown id={JOB_ID} />);
    await shows("live", ({ job }) => job?.id === JOB_ID);
    show(<Shown id={other} />);
    await shows("the other", ({ job }) => job?.id === other);
    const between = seen.get("one")?.slice(seen.get("one")?.findIndex(({ job }) => job?.id === JOB_ID)) ?? [];
    expect(between.find(({ job }) => job === null)).toMatchObject({ isPolling: true, connection: "connecting", events: [] });
    show(<Shown id={null} />);
    await shows("idle", ({ connection, job }) => connection === "idle" && job === null);
    await until("the streams to be closed", () => server.open.size === 0);
  });

  it("renders at most once a frame, however much comes", async () => {
    let send: ((text: string) => void) | undefined;
    server.on("events", (answer, asked) => { stream(syncFrame(0, running(0), "start"))(answer, asked); send = (text) => answer.write(text); });
    show(<Shown id={JOB_ID} />);
    await shows("live", ({ connection }) => connection === "live");
    const before = seen.get("one")?.length ?? 0;
    let frames = 0;
    const count = () => { frames += 1; requestAnimationFrame(count); };
    requestAnimationFrame(count);
    for (let seq = 1; seq <= 500; seq += 1) send?.(frame(seq, "delta", { text: "x" }));
    await shows("all the text", ({ text }) => text.length === 500);
    const renders = (seen.get("one")?.length ?? 0) - before;
    expect(renders).toBeLessThanOrEqual(frames + 1);
    expect(renders).toBeLessThan(250);
  });

  it("voids the text of an attempt that failed", async () => {
    let send: ((text: string) => void) | undefined;
    server.on("events", (answer, asked) => { stream(syncFrame(0, running(0), "start"), frame(1, "delta", { text: "lost" }))(answer, asked); send = (text) => answer.write(text); });
    show(<Shown id={JOB_ID} />);
    await shows("the text", ({ text }) => text === "lost");
    send?.(frame(2, "retrying", { error: "overloaded", next_attempt_at: "2026-01-01T00:00:09Z" }));
    await shows("no text", ({ text }) => text === "");
    send?.(frame(3, "started", { attempt: 2 }) + frame(4, "delta", { text: "new", attempt: 2 }));
    await shows("new text", ({ text }) => text === "new");
  });

  it("cancels, and says so when that fails", async () => {
    let send: ((text: string) => void) | undefined;
    server.on("events", (answer, asked) => { stream(syncFrame(0, running(1), "start"), frame(1, "started"))(answer, asked); send = (text) => answer.write(text); });
    server.on("cancel", refusal(503, "database_unavailable"), json(200, { success: true, job: aJob({ status: "cancelled", last_seq: 2 }) }));
    show(<Shown id={JOB_ID} />);
    await shows("live", ({ connection }) => connection === "live");
    expect(await last().cancel()).toBe(false);
    await shows("the error", ({ error }) => (error as { code?: string } | null)?.code === "database_unavailable");
    expect(await last().cancel()).toBe(true);
    await shows("the end", ({ job, error }) => job?.status === "cancelled" && error === null);
    send?.(frame(2, "cancelled"));
    await shows("the last event", ({ events, isPolling }) => events.at(-1)?.type === "cancelled" && !isPolling);
  });

  it("retries a failed job and watches it again from where it was", async () => {
    const failed = frame(2, "failed", { error_message: "no luck", code: "upstream" });
    server.on("events", endedStream(syncFrame(0, running(1), "start"), frame(1, "started"), failed), endedStream(syncFrame(2, aJob({ status: "pending", last_seq: 3 })), frame(3, "queued"), frame(4, "completed")));
    server.on("retry", json(202, { success: true, job: aJob({ status: "pending", last_seq: 3 }) }));
    server.on("result", result);
    show(<Shown id={JOB_ID} />);
    await shows("the failure", ({ job, connection }) => job?.status === "failed" && connection === "closed");
    expect(last()).toMatchObject({ isPolling: false, job: { error_message: "no luck" } });
    expect(await last().retry()).toBe(true);
    await shows("the end", ({ job }) => job?.status === "completed");
    expect(server.of("events").map((asked) => asked.query.get("last_event_id"))).toEqual([null, "2"]);
    expect(last().events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it("watches again a job that somebody else has retried", async () => {
    const failed = frame(1, "failed", { error_message: "no luck", code: "upstream" });
    server.on("events", endedStream(syncFrame(0, running(0), "start"), failed), stream(syncFrame(1, aJob({ last_seq: 3 })), frame(2, "queued"), frame(3, "started", { attempt: 2 })));
    server.on("retry", json(409, { success: false, error: "the job is processing", code: "wrong_state", status: "processing" }));
    show(<Shown id={JOB_ID} />);
    await shows("the failure", ({ job, connection }) => job?.status === "failed" && connection === "closed");
    expect(await last().retry()).toBe(true);
    await shows("that it runs", ({ job, error, connection }) => job?.status === "processing" && error === null && connection === "live");
  });

  it("tells that the job does not exist, and stops", async () => {
    server.on("events", refusal(404, "not_found"));
    show(<Shown id={JOB_ID} />);
    await shows("the error", ({ error }) => (error as { status?: number } | null)?.status === 404);
    expect(last()).toMatchObject({ job: null, isPolling: false, connection: "closed" });
    await settle();
    expect(server.asked.length).toBe(1);
  });

  it("attaches anew after a reload, with all of the history", async () => {
    server.on("events", stream(syncFrame(0, running(2), "start"), frame(1, "started"), frame(2, "delta", { text: "so far" })));
    show(<Shown id={JOB_ID} />);
    await shows("the text", ({ text }) => text === "so far");
    client = createClient({ baseUrl: server.url });
    root?.unmount();
    root = null;
    show(<Shown id={JOB_ID} name="reloaded" />);
    await shows("the text", ({ text }) => text === "so far", "reloaded");
    expect(server.of("events").map((asked) => asked.query.get("last_event_id"))).toEqual([null, null]);
  });

  it("of a job that was over long ago asks no more than it must", async () => {
    server.on("events", noContent);
    server.on("status", state(aJob({ status: "completed", progress: 100 })));
    server.on("result", result);
    show(<Shown id={JOB_ID} />);
    await shows("the end", ({ job, connection }) => job?.result_data !== undefined && connection === "closed");
    expect(server.asked.length).toBe(3);
  });

  it("is rendered on a server as idle, asks nothing there, and is hydrated without complaint", async () => {
    const node = <JobcastProvider client={client}><Shown id={JOB_ID} /></JobcastProvider>;
    const html = renderToString(node);
    expect(html).toContain("idle nothing");
    await settle();
    expect(server.asked).toEqual([]);
    server.on("events", stream(syncFrame(0, running(0), "start")));
    container.innerHTML = html;
    root = hydrateRoot(container, node);
    await shows("live", ({ connection }) => connection === "live");
  });
});

describe(`useBrandJobs with React ${version}`, () => {
  let brand: BrandView | undefined;
  beforeEach(() => {
    brand = undefined;
  });
  function List({ id }: { id: string | null }) {
    brand = useBrandJobs(id);
    return <ul>{brand.jobs.map((job) => <li key={job.id}>{job.status}</li>)}</ul>;
  }
  const sync = (jobs: Job[], last_seq: number) => `id: ${last_seq}\nevent: sync\ndata: ${JSON.stringify({ brand_id: BRAND_ID, jobs, resume: "exact", last_seq })}\n\n`;
  const lists = (what: string, condition: (view: BrandView) => boolean) => until(() => `${what}; there is ${JSON.stringify(brand)}`, () => brand !== undefined && condition(brand));

  it("is idle without an id", async () => {
    show(<List id={null} />);
    await lists("a render", ({ connection }) => connection === "idle");
    expect(server.asked).toEqual([]);
  });

  it("lists the brand's jobs, newest first, and moves them over one connection", async () => {
    const [older, newer] = [aJob({ last_seq: 3 }), aJob({ id: "newer", created_at: "2026-01-02T00:00:00.000Z", last_seq: 1 })];
    let send: ((text: string) => void) | undefined;
    server.on("events", (answer, asked) => { stream(sync([older, newer], 8))(answer, asked); send = (text) => answer.write(text); });
    show(<StrictMode><List id={BRAND_ID} /></StrictMode>);
    await lists("two jobs", ({ jobs }) => jobs.length === 2);
    expect(brand).toMatchObject({ isLoading: false, connection: "live", error: null });
    expect(brand?.jobs.map((job) => job.id)).toEqual(["newer", JOB_ID]);
    expect(server.of("events")[0]?.query.get("last_event_id")).toBe("tail");
    // Old news of one, then news of the other.
    send?.(frame(3, "progress", { progress: 99, detail: {} }, 9) + frame(2, "progress", { job_id: "newer", progress: 33, detail: {} }, 10));
    await lists("the news", ({ jobs }) => jobs[0]?.progress === 33);
    expect(brand?.jobs[1]?.progress).toBe(10);
    send?.(frame(4, "progress", { progress: 55, detail: {} }, 11));
    await lists("the move", ({ jobs }) => jobs[1]?.progress === 55);
    send?.(frame(5, "completed", { result_id: "r" }, 12));
    await lists("the end", ({ jobs }) => jobs[1]?.status === "completed");
    expect(server.asked.length).toBe(1);
  });

  it("asks once for a job that it does not know, and misses nothing that happens meanwhile", async () => {
    let send: ((text: string) => void) | undefined;
    server.on("events", (answer, asked) => { stream(sync([], 8))(answer, asked); send = (text) => answer.write(text); });
    let answerStatus: (() => void) | undefined;
    server.on("status", (answer, asked) => { answerStatus = () => json(200, { success: true, job: aJob({ last_seq: 1, progress: 1 }) })(answer, asked); });
    show(<List id={BRAND_ID} />);
    await lists("live", ({ connection }) => connection === "live");
    send?.(frame(1, "queued", {}, 9) + frame(2, "started", {}, 10) + frame(3, "progress", { progress: 42, detail: {} }, 11));
    await until("the question", () => server.of("status").length === 1);
    await settle();
    answerStatus?.();
    await lists("the job", ({ jobs }) => jobs[0]?.progress === 42);
    expect(server.of("status").length).toBe(1);
  });

  it("tells why there is no list", async () => {
    server.on("events", refusal(403, "forbidden"));
    show(<List id={BRAND_ID} />);
    await lists("the error", ({ error }) => (error as { status?: number } | null)?.status === 403);
    expect(brand).toMatchObject({ connection: "closed", isLoading: false });
  });
});
