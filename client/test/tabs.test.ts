// Several tabs on one job: one stream, whoever holds it, and nothing lost or doubled when that tab goes.
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClientOptions } from "../src/index.js";
import { LEADER_LOST, SILENCE } from "../src/patience.js";
import { SLOTS, sharingTabs } from "../src/tabs.js";
import { type Tab, TestBrowser } from "./support/browser.js";
import { TestClock } from "./support/clock.js";
import { type Asked, ScriptedServer, aJob, frame, refusal, state, stream, syncFrame } from "./support/server.js";
import { settle, until } from "./support/until.js";
import { Watching } from "./support/watching.js";

let server: ScriptedServer;
let browser: TestBrowser;
let clock: TestClock;
let opened: Watching[];
/** What has happened to the job, and who listens. */
let log: string[];
let viewers: Set<ServerResponse>;

beforeEach(async () => {
  server = await ScriptedServer.start();
  [browser, clock, opened, log, viewers] = [new TestBrowser(), new TestClock(), [], [], new Set()];
  server.on("events", replay);
  server.on("status", (answer, asked) => state(aJob({ last_seq: log.length }))(answer, asked));
});

afterEach(async () => {
  for (const watching of opened) watching.ending.abort();
  await server.stop();
});

// The server's stream as the contract has it: replay after the cursor, then live.
function replay(answer: ServerResponse, asked: Asked): void {
  const cursor = Number(asked.query.get("last_event_id") ?? 0);
  stream(syncFrame(cursor, aJob({ last_seq: log.length }), cursor === 0 ? "start" : "exact"), ...log.slice(cursor))(answer, asked);
  viewers.add(answer);
  answer.on("close", () => viewers.delete(answer));
}

/** Something happens to the job. */
function happens(name: "progress" | "completed" = "progress"): void {
  log.push(frame(log.length + 1, name, name === "progress" ? { detail: {} } : { result_id: "r" }));
  for (const viewer of viewers) {
    viewer.write(log.at(-1) as string);
    if (name === "completed") viewer.end();
  }
}

function open(tab: Tab, options: ClientOptions = {}): Watching {
  const watching = new Watching(server, { tabs: sharingTabs(tab.platform, "http://server", clock), ...options }, {}, clock);
  opened.push(watching);
  return watching;
}

const has = (watching: Watching, count: number) => until(() => `event ${count}; told were ${watching.seqs}`, () => watching.seqs.length >= count);
const isLive = (watching: Watching, transport: string) => until(() => `${transport}; it is ${JSON.stringify(watching.last)}`, () => watching.last?.state === "live" && watching.last.transport === transport);
const all = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** Two tabs on a job with two events, the first of them leading. */
async function twoTabs() {
  happens();
  happens();
  const tabs = [browser.openTab(), browser.openTab()] as const;
  const first = open(tabs[0]);
  await isLive(first, "stream");
  const second = open(tabs[1]);
  await isLive(second, "shared");
  await until("the second stream to be closed", () => viewers.size === 1);
  return { tabs, first, second };
}

describe("tabs on one job", () => {
  it("share the stream of the first, with all of its history for each", async () => {
    const { first, second } = await twoTabs();
    happens();
    happens("completed");
    for (const watching of [first, second]) {
      expect((await watching.done).status).toBe("completed");
      expect(watching.seqs).toEqual([1, 2, 3, 4]);
    }
    expect(server.of("events").length).toBe(2);
    expect(second.states).toEqual(["connecting", "live stream", "live shared", "closed"]);
    expect(second.frames.filter((each) => each.transport === "shared").map((each) => each.id)).toEqual(["3", "4"]);
    await until("locks and channels to be given back", () => browser.held("") === 0 && browser.openChannels === 0);
    expect(clock.pending).toBe(0);
  });

  it("eight of them never hold more connections than HTTP/1.1 leaves", async () => {
    // As the browser sees it: the server hears of the end of one stream after the beginning of the next.
    let [held, most] = [0, 0];
    const counted: typeof fetch = (input, init) => {
      if (String(input).includes("/events")) {
        most = Math.max(most, ++held);
        init?.signal?.addEventListener("abort", () => { held -= 1; }, { once: true });
      }
      return fetch(input, init);
    };
    happens();
    const watchings = all(8).map(() => open(browser.openTab(), { fetch: counted }));
    for (const watching of watchings) await has(watching, 1);
    await until("seven to share", () => watchings.filter((each) => each.last?.transport === "shared").length === 7);
    expect(most).toBeLessThanOrEqual(4);
    expect(held).toBe(1);
    await until("one stream", () => viewers.size === 1);
    for (let count = 0; count < 5; count += 1) happens();
    happens("completed");
    for (const watching of watchings) {
      await watching.done;
      expect(watching.seqs).toEqual(all(7));
    }
  });

  it("go on over another's stream when the leading tab dies, with the cursor", async () => {
    const { tabs, first, second } = await twoTabs();
    tabs[0].kill();
    first.ending.abort();
    happens();
    await has(second, 3);
    expect(second.last).toMatchObject({ state: "live", transport: "stream" });
    expect(server.of("events").at(-1)?.query.get("last_event_id")).toBe("2");
    happens("completed");
    await second.done;
    expect(second.seqs).toEqual([1, 2, 3, 4]);
  });

  it("find out by the numbers that a message was missed, and ask the server for what it was", async () => {
    const { tabs, second } = await twoTabs();
    tabs[1].isFrozen = true;
    happens();
    await has(opened[0] as Watching, 3);
    await settle();
    tabs[1].isFrozen = false;
    happens();
    await has(second, 4);
    expect(second.seqs).toEqual([1, 2, 3, 4]);
    await isLive(second, "shared");
  });

  it("find it out by the next keep-alive, if it was the last message for long", async () => {
    const { tabs, first, second } = await twoTabs();
    tabs[1].isFrozen = true;
    happens();
    await has(first, 3);
    await settle();
    tabs[1].isFrozen = false;
    for (const viewer of viewers) viewer.write(":\n\n");
    await has(second, 3);
    expect(second.seqs).toEqual([1, 2, 3]);
  });

  it("do not wait for a leading tab that is frozen longer than for a mute stream", async () => {
    const { tabs, second } = await twoTabs();
    tabs[0].isFrozen = true;
    happens();
    clock.advance(SILENCE);
    await has(second, 3);
    expect(second.last).toMatchObject({ state: "live", transport: "stream" });
  });

  it("wait a moment for a leading tab that has lost its stream, then open their own", async () => {
    const { first, second } = await twoTabs();
    server.now("events", refusal(503, "draining"));
    for (const viewer of viewers) viewer.end();
    await until("the second to notice", () => second.last?.state === "connecting");
    await until("the first to notice", () => first.last?.state === "connecting");
    await settle();
    expect(second.isEnded).toBe(false);
    const before = server.of("events").length;
    server.now("events", replay);
    // The leader's wait is shorter.
    await clock.pass(LEADER_LOST - 1);
    await isLive(first, "stream");
    await isLive(second, "shared");
    expect(server.of("events").length).toBe(before + 1);
    happens();
    await has(second, 3);
    expect(second.seqs).toEqual([1, 2, 3]);
  });

  it("each ask the server themselves before they take anything from another", async () => {
    await twoTabs();
    server.now("events", refusal(404, "not_found"));
    const stranger = open(browser.openTab());
    await expect(stranger.done).rejects.toMatchObject({ status: 404 });
    expect(stranger.events).toEqual([]);
  });

  it("are left to themselves when the leader begins anew", async () => {
    const { first, second } = await twoTabs();
    log = [frame(1, "progress", { detail: {} })];
    server.now("events", (answer, asked) => {
      stream(syncFrame(0, aJob({ last_seq: 1 }), "reset"), ...log)(answer, asked);
      viewers.add(answer);
    });
    for (const viewer of viewers) viewer.end();
    await until("the first to notice", () => first.last?.state === "connecting");
    await clock.pass(LEADER_LOST - 1);
    await has(first, 3);
    await has(second, 3);
    expect(first.seqs).toEqual([1, 2, 1]);
    expect(second.seqs).toEqual([1, 2, 1]);
    expect(second.events.filter((event) => event.type === "sync").at(-1)).toMatchObject({ resume: "reset" });
  });

  it("take nothing from what is no message of theirs", async () => {
    const { tabs, second } = await twoTabs();
    const channel = tabs[0].platform.openChannel(`jobcast http://server job/11111111-1111-4111-8111-111111111111`);
    for (const nonsense of [null, 7, "frame", {}, { kind: "frame" }, { kind: "frame", prev: 2, at: "3" }, { kind: "place", at: NaN }]) channel.postMessage(nonsense);
    await settle();
    happens();
    await has(second, 3);
    expect(second.seqs).toEqual([1, 2, 3]);
    channel.close();
  });
});

describe("connections that may be held", () => {
  it("are waited for without being idle: the job is asked for meanwhile", async () => {
    happens();
    const tab = browser.openTab();
    const held = await Promise.all(all(SLOTS).map(() => sharingTabs(tab.platform, "http://server", clock).slot(1000, new AbortController().signal)));
    expect(held.every((release) => release !== null)).toBe(true);
    const watching = open(browser.openTab());
    await settle();
    clock.advance(1000);
    await until("the state", () => watching.types.includes("snapshot"));
    expect(watching.last).toMatchObject({ state: "polling", transport: "poll" });
    expect(server.of("events").length).toBe(0);
    held[0]?.();
    await has(watching, 1);
    expect(watching.types).toEqual(["snapshot", "sync", "progress"]);
    held.forEach((release) => release?.());
  });
});
