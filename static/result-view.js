// What a job came to: its result laid out by job type with the raw JSON below, or why there is none.
import { audiencesView } from "/static/audiences-view.js";
import { brandView } from "/static/brand-view.js";
import { campaignsView } from "/static/campaigns-view.js";
import { competitorView } from "/static/competitor-view.js";
import { discoveryView } from "/static/discovery-view.js";
import { el } from "/static/dom.js";
import { extractionView } from "/static/extraction-view.js";
import { fetchPersonaNames } from "/static/persona-names.js";
import { productsView } from "/static/products-view.js";
import { withClient } from "/static/server.js";
import { asList, asObject, isBlank, valueView } from "/static/value-view.js";

const VIEWS = {
  brand_intelligence: brandView,
  competitor_analysis: competitorView,
  target_audiences: audiencesView,
  products_services: productsView,
  campaigns: campaignsView,
  brand_extraction: extractionView,
  page_discovery: discoveryView,
};

/** Fetches the result of a completed job and lays it out. */
export async function loadResult(job) {
  const answer = await withClient((client) => client.result(job.id));
  return resultView(job.job_type, answer, await namesFor(answer.result_data, job.brand_id));
}

/** The nodes of a result, as `GET …/result` answers it. */
export function resultView(jobType, answer, personaNames = new Map()) {
  const data = answer.result_data;
  const view = Object.hasOwn(VIEWS, jobType) && !isBlank(asObject(data)) ? VIEWS[jobType] : null;
  const body = view === null ? [valueView(data)] : view(asObject(data), personaNames);
  return [
    el("h2", { class: "visually-hidden", text: "Result" }),
    ...body.filter((node) => node !== null),
    isBlank(data) ? el("p", { class: "hint", text: "The job completed without result data." }) : rawView(answer),
  ];
}

// Campaigns know their personas by id alone.
function namesFor(data, brandId) {
  const isNeeded = asList(asObject(data).campaigns).some((campaign) => asList(asObject(campaign).target_audience_ids).length > 0);
  return isNeeded ? fetchPersonaNames(brandId) : new Map();
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
