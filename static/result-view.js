// What a job came to: its result laid out by job type with the raw JSON below, or why there is none.
import { el } from "/static/dom.js";
import { brandView } from "/static/brand-view.js";
import { asObject, isBlank, valueView } from "/static/value-view.js";

/** The nodes of a completed job's result, as `GET …/result` answers it. */
export function resultView(jobType, answer) {
  const data = answer.result_data;
  const body = jobType === "brand_intelligence" && !isBlank(asObject(data)) ? brandView(asObject(data)) : [valueView(data)];
  return [
    el("h2", { class: "visually-hidden", text: "Result" }),
    ...body.filter((node) => node !== null),
    isBlank(data) ? el("p", { class: "hint", text: "The job completed without result data." }) : rawView(answer),
  ];
}

/** The nodes for a job that ended without a result. */
export function failureView(job, code) {
  const cancelled = job.status === "cancelled";
  return [
    el("h2", { class: "card-title", text: cancelled ? "The job was cancelled" : "The job failed" }),
    cancelled || isBlank(job.error_message) ? null : el("p", { class: "failure-text", text: job.error_message }),
    cancelled || isBlank(code) ? null : el("p", { class: "hint" }, "Code ", el("code", { text: code })),
    el("p", { class: "hint", text: "Retry puts it back in the queue. Steps that were finished are not repeated." }),
  ].filter((node) => node !== null);
}

/** The nodes shown while a result cannot be had. */
export function unreadableView(message, again) {
  return [
    el("h2", { class: "card-title", text: "The result could not be loaded" }),
    el("p", { class: "failure-text", text: message }),
    el("button", { type: "button", class: "button small", onclick: again, text: "Try again" }),
  ];
}

// Filled when it is first opened: a result can be megabytes.
function rawView(answer) {
  const text = el("pre", { class: "raw-json", tabindex: "0", role: "region", "aria-label": "Raw JSON" });
  const details = el("details", { class: "raw" }, el("summary", { text: "Raw JSON" }), text);
  details.addEventListener("toggle", () => { text.textContent = JSON.stringify(answer, null, 2); }, { once: true });
  return details;
}
