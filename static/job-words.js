// The words for job types, for the fields of their input, and for what a job is about.
import { label } from "/static/format.js";

const LONGEST_SUBJECT = 90;

/** What comes out of each type, and what must be there before. A type that is not listed is named by its own name. */
const TYPES = {
  brand_intelligence: {
    name: "Brand intelligence",
    summary: "Reads a web site and says what the brand stands for: mission, values, tone, messages, market.",
  },
  competitor_analysis: {
    name: "Competitor analysis",
    summary: "Searches a competitor’s ads and says what they do, what works and what to learn from them.",
  },
  target_audiences: {
    name: "Target audiences",
    summary: "Three personas from what is known of the brand, best after brand intelligence, and from your description if you give one.",
  },
  products_services: {
    name: "Products and services",
    summary: "A list of what the brand offers, with categories, prices and features.",
    needs: "Run brand intelligence for this brand first.",
  },
  campaigns: {
    name: "Campaigns",
    summary: "Three to five campaigns with dates, budgets, channels and the personas they address.",
    needs: "Run brand intelligence for this brand first.",
  },
  brand_extraction: {
    name: "Brand extraction",
    summary: "Colours, fonts and logos of a web site, and a screenshot.",
  },
  page_discovery: {
    name: "Page discovery",
    summary: "The pages of a web site that speak about the brand, rated and sorted.",
  },
};

/** The job types that there are words for. */
export const JOB_TYPES = Object.keys(TYPES);

const FIELDS = {
  url: { name: "Site address" },
  competitor_name: { name: "Name of the competitor", hint: "As it appears in its ads." },
  facebook_page: { name: "Facebook page", hint: "Searched for in place of the name." },
  start_date: { name: "Ads from", hint: "By the day on which an ad began to run." },
  end_date: { name: "Ads until" },
  limit: { name: "Ads to read at most" },
  audience_description: { name: "Whom to reach", hint: "In your own words: age, place, occupation, needs." },
  include_screenshot: { name: "Take a screenshot" },
  include_scraping: { name: "Read the text of each page", hint: "Its words are counted then." },
  max_pages: { name: "Pages to read at most" },
};

/** `products_services` → `Products and services`. */
export function typeName(jobType) {
  return known(TYPES, jobType)?.name ?? label(jobType);
}

/** One sentence on what comes out of a type. */
export function typeSummary(jobType) {
  return known(TYPES, jobType)?.summary ?? "";
}

/** What must have been done before a job of this type. */
export function typeNeeds(jobType) {
  return known(TYPES, jobType)?.needs ?? "";
}

/** The label of a field of `input_data`. */
export function fieldName(name) {
  return known(FIELDS, name)?.name ?? label(name);
}

/** What to write into a field. */
export function fieldHint(name) {
  return known(FIELDS, name)?.hint ?? "";
}

/** What a job is about, from its input; for one that has no input, the brand. */
export function subject(job) {
  const input = job?.input_data ?? {};
  const named = [input.url, input.competitor_name, input.audience_description].find((text) => typeof text === "string" && text.trim() !== "");
  return named === undefined ? "This brand" : shortened(named.trim());
}

/** `subject` without what every site address has in common, for lists and titles; the type where there is no subject. */
export function shortSubject(job) {
  const named = subject(job).replace(/^https?:\/\/(www\.)?/i, "").replace(/\/$/, "");
  return named === "This brand" ? typeName(job?.job_type ?? "job") : named;
}

function shortened(text) {
  return text.length <= LONGEST_SUBJECT ? text : `${text.slice(0, LONGEST_SUBJECT).replace(/\s+\S*$/, "")}…`;
}

function known(words, name) {
  return Object.hasOwn(words, String(name)) ? words[name] : undefined;
}
