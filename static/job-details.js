// The facts about a job, its input, and how the call to its webhook stands.
import { byId, el, setShown, setText } from "/static/dom.js";
import { count, moment } from "/static/format.js";
import { fieldName } from "/static/job-words.js";

const WEBHOOK_WORDS = { pending: "Not confirmed yet", delivered: "Delivered", failed: "Given up" };
const WEBHOOK_STATUS = { pending: "processing", delivered: "completed", failed: "failed" };

/** Shows a job; `lastSeq` is the last event that was read. */
export function showDetails(job, lastSeq) {
  showFacts(byId("fact-list"), [
    ["Job", job.id, true],
    ["Brand", job.brand_id, true],
    ["Created", moment(job.created_at)],
    ["Started", moment(job.started_at)],
    ["Ended", moment(job.completed_at)],
    ["Retries", `${Number(job.retry_count) || 0} of ${Number(job.max_retries) || 0}`],
    ["Last event", String(Math.max(lastSeq, Number(job.last_seq) || 0))],
    ...inputFacts(job),
  ]);
  showWebhook(job.webhook ?? null, job);
}

function inputFacts(job) {
  const given = Object.entries(job.input_data ?? {}).filter(([, value]) => value !== null && value !== "");
  return given.map(([name, value]) => [fieldName(name), typeof value === "boolean" ? (value ? "Yes" : "No") : String(value)]);
}

// It is called once the job is over, so until then there is nothing to say of it.
function showWebhook(webhook, job) {
  setShown(byId("webhook"), webhook !== null);
  if (webhook === null) return;
  const isCalled = job.completed_at !== null;
  setText(byId("webhook-status"), isCalled ? (WEBHOOK_WORDS[webhook.status] ?? String(webhook.status)) : "Called when the job is over");
  byId("webhook-status").dataset.status = isCalled ? (WEBHOOK_STATUS[webhook.status] ?? "") : "pending";
  showFacts(byId("webhook-facts"), [
    ["Address", String(webhook.url), true],
    ["Calls", count(Number(webhook.attempts) || 0, "call")],
    ["Confirmed", moment(webhook.delivered_at)],
    ["Next call", webhook.status === "pending" && isCalled ? moment(webhook.next_attempt_at) : "–"],
    ["Last error", webhook.last_error ?? "–"],
  ]);
}

// Written in place, so that what a person has marked stays marked.
function showFacts(list, facts) {
  const isSame = list.children.length === facts.length && facts.every(([name], index) => list.children[index].firstElementChild.textContent === name);
  if (!isSame) {
    list.replaceChildren(...facts.map(([name, , isMono]) => el("div", {}, el("dt", { text: name }), el("dd", { class: isMono ? "mono" : "" }))));
  }
  facts.forEach(([, value], index) => setText(list.children[index].lastElementChild, value ?? "–"));
}
