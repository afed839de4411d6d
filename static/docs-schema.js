// Shows schemas: what a value may be in a few words, and the members of an object as a list. Names lead to their schemas.
import { el } from "/static/dom.js";
import { inline, prose } from "/static/docs-prose.js";

/** How deep schemas without a name are laid out. */
const DEPTH = 4;

/** The name of a schema that is referred to. */
export function nameOf(reference) {
  return String(reference).split("/").at(-1);
}

/** The address of a schema on this page. */
export function anchorOf(name) {
  return `schema-${name}`;
}

/** What a value may be, as nodes in a line. */
export function typeOf(schema) {
  if (schema === undefined || schema === true) return ["any"];
  if (schema.$ref) return [el("a", { href: `#${anchorOf(nameOf(schema.$ref))}`, text: nameOf(schema.$ref) })];
  for (const [keyword, between] of [["oneOf", " or "], ["anyOf", " or "], ["allOf", " with "]]) {
    const parts = schema[keyword];
    if (parts?.every((part) => part.properties)) return [`one of ${parts.length} objects`];
    if (parts) return joined(parts.map(typeOf), between);
  }
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  if (schema.type === "array") return ["array of ", ...typeOf(schema.items)];
  const types = [schema.type ?? "any"].flat().join(" or ");
  return [schema.format ? `${types} (${schema.format})` : types];
}

function joined(lists, between) {
  return lists.flatMap((list, index) => (index === 0 ? list : [between, ...list]));
}

/** The bounds of a value, in words; empty if there are none. */
export function boundsOf(schema) {
  const words = [];
  const { minimum, maximum, minLength, maxLength, maxItems, pattern } = schema ?? {};
  if (minimum !== undefined && maximum !== undefined) words.push(`${minimum} to ${maximum}`);
  else if (minimum !== undefined) words.push(`at least ${minimum}`);
  else if (maximum !== undefined) words.push(`at most ${maximum}`);
  if (minLength !== undefined) words.push(`at least ${minLength} characters`);
  if (maxLength !== undefined) words.push(`at most ${maxLength} characters`);
  if (maxItems !== undefined) words.push(`at most ${maxItems} items`);
  if (pattern !== undefined) words.push(`like /${pattern}/`);
  if (schema?.default !== undefined) words.push(`${JSON.stringify(schema.default)} by default`);
  return words.join(", ");
}

/** One named value: a member, a parameter or a header. */
export function namedValue(name, schema, { needed = false, description = schema?.description, note = "" } = {}) {
  const bounds = boundsOf(schema);
  const inner = schema && !schema.$ref ? insideOf(schema, 1) : null;
  return el("div", {},
    el("dt", {},
      el("span", { class: "name", text: name }),
      el("span", { class: "type" }, typeOf(schema), bounds && `, ${bounds}`),
      needed ? el("span", { class: "needed", text: "required" }) : null),
    el("dd", {}, inline([description, note].filter(Boolean).join(" ")), inner));
}

/** The members of a schema, or its variants; null if there are none to show. */
export function insideOf(schema, depth = 0) {
  if (depth > DEPTH || !schema) return null;
  if (schema.properties) return membersOf(schema);
  // A variant with a name is shown where its name leads, and a narrower code is told in the answer's words.
  const variants = (schema.oneOf ?? schema.anyOf ?? []).filter((variant) => variant.properties);
  if (variants.length === 0) return schema.type === "array" ? insideOf(schema.items, depth + 1) : null;
  return el("div", {}, variants.map((variant) => el("div", { class: "schema" }, prose(variant.description), insideOf(variant, depth + 1))));
}

function membersOf(schema) {
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties).map(([name, member]) => {
    const content = member.contentSchema;
    if (!content) return namedValue(name, member, { needed: required.has(name) });
    return el("div", {},
      el("dt", {}, el("span", { class: "name", text: name }), el("span", { class: "type" }, `${member.contentMediaType}: `, typeOf(content)), el("span", { class: "needed", text: "required" })));
  });
  return el("dl", { class: "members" }, members);
}
