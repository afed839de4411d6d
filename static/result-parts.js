// The pieces that results are laid out with. Each gives null where there is nothing to show, so that thin data leaves no empty box.
import { el, outsideLink } from "/static/dom.js";
import { count } from "/static/format.js";
import { asList, asObject, asText, isBlank, valueView } from "/static/value-view.js";

const HEX = /^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i;
const SWATCHES = 24;

/** The parts that are there. */
export function present(...parts) {
  return parts.flat().filter((part) => part !== null && part !== undefined);
}

/** The head of a result: its name, a line below it, an address, and how sure the analysis is. */
export function heading({ name, tagline = "", address = "", notes = [], confidence: sure = null }) {
  const noted = notes.filter(Boolean);
  return el("header", { class: "result-heading" },
    el("h3", { class: "result-name", text: name }),
    isBlank(tagline) ? null : el("p", { class: "result-tagline", text: asText(tagline) }),
    isBlank(address) ? null : el("p", { class: "result-address" }, outsideLink(asText(address))),
    noted.length === 0 ? null : el("p", { class: "hint", text: noted.join(" · ") }),
    confidence(sure));
}

/** Confidence as a meter; 0 to 1 and percent are both understood. */
export function confidence(value) {
  const number = typeof value === "string" ? Number.parseFloat(value) : value;
  if (!Number.isFinite(number) || number < 0) return null;
  const percent = Math.min(100, Math.round(number <= 1 ? number * 100 : number));
  return el("p", { class: "confidence" }, el("span", { text: "Confidence" }),
    el("meter", { min: 0, max: 100, value: percent, "aria-label": "Confidence of the analysis" }),
    el("span", { class: "figure", text: `${percent} %` }));
}

/** A chapter of a long result, of several sections. */
export function chapter(title, ...parts) {
  const content = present(...parts);
  return content.length === 0 ? null : el("section", { class: "chapter" }, el("h3", { class: "chapter-title", text: title }), content);
}

/** A titled piece; null without content. */
export function section(title, ...parts) {
  const content = present(...parts);
  return content.length === 0 ? null : el("section", { class: "result-section" }, el("h4", { class: "small-title", text: title }), content);
}

/** Sections side by side where there is room. */
export function beside(...sections) {
  const filled = present(...sections);
  return filled.length === 0 ? null : el("div", { class: "columns" }, filled);
}

/** Any value under a title. */
export function text(title, value) {
  return section(title, valueView(value));
}

/** The one thing to remember, set off from the rest. */
export function offer(title, value) {
  const node = text(title, value);
  node?.classList.add("offer");
  return node;
}

/** Short words as chips. */
export function chips(title, value) {
  return section(title, chipList(value));
}

/** The chips without a title. */
export function chipList(value) {
  const items = asList(value);
  return items.length === 0 ? null : el("ul", { class: "chips" }, items.map((item) => el("li", { text: asText(item) })));
}

/** Sentences in their order. */
export function numbered(title, value) {
  const items = asList(value);
  return items.length === 0 ? null : section(title, el("ol", { class: "messages" }, items.map((item) => el("li", { text: asText(item) }))));
}

/** Sentences of equal rank. */
export function bullets(title, value) {
  return section(title, bulletList(value));
}

/** The sentences without a title. */
export function bulletList(value) {
  const items = asList(value);
  return items.length === 0 ? null : el("ul", { class: "bullets" }, items.map((item) => el("li", { text: asText(item) })));
}

/** Names with short values; blank ones are left out. */
export function pairs(entries) {
  const filled = entries.filter(([, value]) => !isBlank(value));
  return filled.length === 0 ? null : el("dl", { class: "pairs" }, filled.map(([name, value]) => {
    return el("div", {}, el("dt", { text: name }), el("dd", { text: asText(value) }));
  }));
}

/** Cards in a grid, each of some parts. */
export function cards(contents) {
  const filled = contents.filter((parts) => parts.length > 0);
  return filled.length === 0 ? null : el("ul", { class: "cards" }, filled.map((parts) => el("li", { class: "result-card" }, parts)));
}

/** A titled piece of a card. */
export function cardPart(title, ...parts) {
  const content = present(...parts);
  return content.length === 0 ? null : el("div", { class: "card-part" }, el("h5", { class: "small-title", text: title }), content);
}

/** A colour in one spelling, or null if it is none; takes `#abc` and `{hex}`. */
export function hexOf(item) {
  const hex = typeof item === "string" ? item : asObject(item).hex;
  return typeof hex === "string" && HEX.test(hex.trim()) ? hex.trim().toUpperCase() : null;
}

/** Colours as swatches: `{hex, notes}` each. */
export function swatches(colours) {
  const items = colours.filter(({ hex }) => hex !== null).slice(0, SWATCHES);
  return items.length === 0 ? null : el("ul", { class: "swatches" }, items.map(({ hex, notes }) => {
    const colour = el("span", { class: "swatch-colour", "aria-hidden": "true" });
    colour.style.setProperty("background-color", hex);
    return el("li", { class: "swatch" }, colour, el("code", { text: hex }), notes.filter(Boolean).map((note) => el("span", { class: "hint", text: note })));
  }));
}

/**
 * A table that scrolls inside itself. `columns` are `{title, cell(row), className}`; the first `shown` rows are there at once,
 * the rest after a press of the button.
 */
export function table({ name, noun, columns, rows, shown = 25, className = "" }) {
  if (rows.length === 0) return null;
  const line = (row) => el("tr", {}, columns.map(({ cell, className: kind }) => el("td", { class: kind ?? null }, cell(row))));
  const body = el("tbody", {}, rows.slice(0, shown).map(line));
  const head = el("thead", {}, el("tr", {}, columns.map(({ title, className: kind }) => el("th", { scope: "col", class: kind ?? null, text: title }))));
  const scroll = el("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": name },
    el("table", { class: `result-table ${className}`.trim() }, head, body));
  const more = rows.length > shown ? el("button", { type: "button", class: "button small table-more", text: `Show all ${count(rows.length, noun)}` }) : null;
  more?.addEventListener("click", () => {
    body.append(...rows.slice(shown).map(line));
    scroll.focus({ preventScroll: true });
    more.remove();
  });
  return el("div", { class: "table-frame" }, scroll, more);
}

/** A word that is true or not, as a badge that does not rely on colour alone. */
export function badge(word, holds) {
  return el("li", { class: "badge", "data-holds": String(holds) }, el("span", { class: "visually-hidden", text: holds ? "Yes: " : "No: " }), word);
}

/** What was used of paid upstreams, by which model, and whether data was left out. */
export function usageLine(result, ...before) {
  const usage = asObject(result.usage);
  const words = present(...before, modelOf(result), tokens(usage), money(usage.cost_usd), credits(usage)).filter((part) => part !== "");
  if (words.length === 0) return null;
  const isCut = result.trimmed === true || result.analysis_trimmed === true;
  return el("p", { class: "hint usage-line", text: words.join(" · ") + (isCut ? ". The model was not shown everything: some of it was too long." : "") });
}

function modelOf(result) {
  return [result.model, result.analysis_model].find((model) => typeof model === "string") ?? "";
}

function tokens(usage) {
  const { input_tokens: input, output_tokens: output, cache_read_input_tokens: cached, cache_creation_input_tokens: kept } = usage;
  if (!Number.isFinite(input) || !Number.isFinite(output)) return "";
  const all = input + (Number(cached) || 0) + (Number(kept) || 0);
  const calls = Number(usage.calls) > 1 ? ` in ${usage.calls} calls` : "";
  return `${all.toLocaleString()} tokens in${Number(cached) > 0 ? ` (${cached.toLocaleString()} from the cache)` : ""}, ${output.toLocaleString()} out${calls}`;
}

/** A cost in US dollars as `≈ $0.012`; by list prices, so never exact. */
export function money(dollars) {
  if (!Number.isFinite(dollars) || dollars < 0) return "";
  if (dollars > 0 && dollars < 0.001) return "< $0.001";
  return `≈ $${dollars.toFixed(dollars < 1 ? 3 : 2)}`;
}

function credits({ foreplay_credits: taken, foreplay_credits_remaining: left }) {
  if (!Number.isFinite(taken)) return "";
  return `${count(taken, "Foreplay credit")}${Number.isFinite(left) ? ` (${left.toLocaleString()} left)` : ""}`;
}

/** A day as `4 Dec 2026` in the reader's way of writing, or null if it is none. Days have no time zone. */
export function day(value) {
  const match = /^(\d{4})-(\d{2})-(\d{2})/.exec(typeof value === "string" ? value : "");
  if (match === null) return null;
  const at = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return { at, words: new Date(at).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }) };
}

/** Where a link leads, without scheme and `www.`, shortened. */
export function shortAddress(address) {
  const bare = String(address).replace(/^https?:\/\/(www\.)?/i, "").replace(/\/$/, "");
  return bare.length > 60 ? `${bare.slice(0, 59)}…` : bare;
}
