import { describe, expect, it } from "vitest";
import { EVENT_LIMIT, type JobEvent, JobState, type LoggedEvent, TEXT_LIMIT } from "../src/index.js";
import { JOB_ID, aJob } from "./support/server.js";

function event(seq: number, type: LoggedEvent["type"], more: Record<string, unknown> = {}): LoggedEvent {
  const fields = { job_id: JOB_ID, seq, at: `at ${seq}`, status: "processing", progress: 10, current_step: "", step: 2, total_steps: 3, attempt: 1, replayed: false };
  return { type, ...fields, ...more } as unknown as LoggedEvent;
}

function stateAfter(...events: JobEvent[]): JobState {
  const state = new JobState();
  state.apply({ type: "sync", job: aJob(), resume: "start", last_seq: 0 });
  for (const each of events) state.apply(each);
  return state;
}

const delta = (seq: number, text: string, more = {}) => event(seq, "delta", { text, ...more });

describe("the model's text", () => {
  it("is what the deltas of one attempt at one step say", () => {
    expect(stateAfter(delta(1, "one "), delta(2, "two")).text).toEqual({ step: 2, attempt: 1, content: "one two", isVoid: false });
    expect(stateAfter(delta(1, "one "), delta(2, "two", { step: 3 })).text?.content).toBe("two");
  });

  it("is not doubled by an event that is told twice", () => {
    const state = stateAfter(event(1, "started"), delta(2, "once"), delta(2, "once"), event(1, "started"));
    expect(state.text?.content).toBe("once");
    expect(state.events.length).toBe(1);
  });

  it.each([
    ["the attempt failed", event(2, "retrying", { error: "x", next_attempt_at: "y" })],
    ["a user put the job back", event(2, "queued")],
    ["another attempt began after a crash", event(2, "started", { attempt: 2 })],
  ])("is void once %s, and begins anew", (_, voiding) => {
    const state = stateAfter(delta(1, "lost"), voiding);
    expect(state.text).toMatchObject({ content: "lost", isVoid: true });
    state.apply(delta(3, "new", { attempt: 2 }));
    expect(state.text).toMatchObject({ content: "new", isVoid: false, attempt: 2 });
  });

  it("of a step that is stored stays", () => {
    expect(stateAfter(delta(1, "kept"), event(2, "retrying", { step: 3, error: "", next_attempt_at: "" })).text?.isVoid).toBe(false);
  });

  it("is bounded, and so are the events", () => {
    const state = stateAfter(delta(1, "a".repeat(TEXT_LIMIT)), delta(2, "b"));
    expect(state.text?.content.length).toBe(TEXT_LIMIT / 2);
    expect(state.text?.content.endsWith("ab")).toBe(true);
    for (let seq = 3; seq < 3 + 2 * EVENT_LIMIT; seq += 1) state.apply(event(seq, "progress", { detail: {} }));
    expect(state.events.length).toBe(EVENT_LIMIT);
    expect(state.events.at(-1)?.seq).toBe(2 * EVENT_LIMIT + 2);
  });
});

describe("the job", () => {
  it("is moved by what is new, and not by history", () => {
    const state = new JobState();
    state.apply({ type: "sync", job: aJob({ last_seq: 5, progress: 60 }), resume: "start", last_seq: 5 });
    state.apply(event(4, "progress", { progress: 40, detail: {} }));
    expect(state.job?.progress).toBe(60);
    state.apply(event(6, "progress", { progress: 70, detail: {} }));
    expect(state.job).toMatchObject({ progress: 70, last_seq: 6 });
    state.apply({ type: "snapshot", job: aJob({ last_seq: 5, progress: 60 }) });
    expect(state.job?.progress).toBe(70);
    state.apply(event(6, "progress", { progress: 1, detail: {} }));
    expect(state.job?.progress).toBe(70);
  });

  it("ends, is retried, and ends again", () => {
    const state = stateAfter(event(1, "started"), event(2, "failed", { status: "failed", error_message: "no" }));
    expect(state.isOver).toBe(true);
    expect(state.job).toMatchObject({ status: "failed", error_message: "no", completed_at: "at 2", started_at: "at 1" });
    state.apply(event(3, "queued", { status: "pending" }));
    expect(state.isOver).toBe(false);
    expect(state.job).toMatchObject({ error_message: null, completed_at: null, started_at: null });
    state.apply(event(4, "completed", { status: "completed", result_id: "r" }));
    expect(state.job).toMatchObject({ status: "completed", result_id: "r", completed_at: "at 4" });
  });

  it("is forgotten when the history begins anew", () => {
    const state = stateAfter(delta(9, "old"), event(10, "progress", { progress: 90, detail: {} }));
    state.apply({ type: "sync", job: aJob({ last_seq: 1, progress: 5 }), resume: "reset", last_seq: 1 });
    expect(state).toMatchObject({ lastSeq: 0, text: null, events: [], job: { progress: 5 } });
    state.apply(event(1, "started"));
    expect(state.events.length).toBe(1);
  });

  it("tells what it waits for between two attempts", () => {
    const state = stateAfter(event(1, "retrying", { status: "pending", error: "overloaded", next_attempt_at: "then" }));
    expect(state.waiting).toEqual({ error: "overloaded", until: "then" });
    expect(state.job?.retry_count).toBe(1);
    state.apply(event(2, "started", { attempt: 2 }));
    expect(state.waiting).toBeNull();
  });
});
