// Lays out any JSON value for reading: text, lists, definition lists, nested to a bound.
import { el, outsideLink } from "/static/dom.js";
import { label } from "/static/format.js";

const DEPTH = 4;
const ITEMS = 100;
const CHARACTERS = 4_000;

/** Whether there is anything to read in a value. */
export function isBlank(value) {
  if (value === null || value === undefined) return true;
  if (typeof value === "string") return value.trim() === "";
  if (Array.isArray(value)) return value.every(isBlank);
  return typeof value === "object" && Object.values(value).every(isBlank);
}

/** A value as one line of text; objects give their most telling member. */
export function asText(value) {
  if (isBlank(value)) return "";
  if (typeof value === "string") return clip(value.trim());
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.filter((item) => !isBlank(item)).map(asText).join(", ");
  const telling = ["name", "title", "text", "value", "description", "family", "message"].find((key) => typeof value[key] === "string" && !isBlank(value[key]));
  return telling ? clip(value[telling]) : clip(JSON.stringify(value));
}

/** A value as an array of at most so many: a lone value is a list of one, a missing one an empty list. */
export function asList(value, most = ITEMS) {
  if (isBlank(value)) return [];
  return (Array.isArray(value) ? value : [value]).filter((item) => !isBlank(item)).slice(0, most);
}

/** A value as an object, or an empty one. */
export function asObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** A value as a node, or null if it is blank. */
export function valueView(value, depth = 0) {
  if (isBlank(value)) return null;
  if (typeof value === "string") return el("p", { class: "prose" }, /^https?:\/\/\S+$/.test(value) ? outsideLink(value) : clip(value));
  if (typeof value === "boolean") return el("p", { class: "prose", text: value ? "Yes" : "No" });
  if (typeof value !== "object") return el("p", { class: "prose", text: String(value) });
  if (depth >= DEPTH) return el("p", { class: "prose mono", text: clip(JSON.stringify(value)) });
  return Array.isArray(value) ? listView(value, depth) : objectView(value, depth);
}

function listView(values, depth) {
  const items = asList(values);
  return el("ul", { class: "plain-list" }, items.map((item) => {
    return el("li", {}, typeof item === "object" ? valueView(item, depth + 1) : asText(item));
  }));
}

function objectView(value, depth) {
  const entries = Object.entries(value).filter(([, member]) => !isBlank(member)).slice(0, ITEMS);
  return el("dl", { class: "pairs" }, entries.map(([name, member]) => {
    return el("div", {}, el("dt", { text: label(name) }), el("dd", {}, valueView(member, depth + 1)));
  }));
}

function clip(text) {
  return text.length > CHARACTERS ? `${text.slice(0, CHARACTERS)}… (${text.length} characters)` : text;
}
