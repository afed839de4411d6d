// The page of the API's documentation: fetches the OpenAPI document of this server and lays it out.
import { answerView, operationCard, shown } from "/static/docs-operation.js";
import { block } from "/static/docs-block.js";
import { prose } from "/static/docs-prose.js";
import { anchorOf, boundsOf, insideOf, typeOf } from "/static/docs-schema.js";
import { byId, el, setShown, setText } from "/static/dom.js";

async function main() {
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`the server answered with status ${response.status}`);
    show(await response.json());
  } catch (error) {
    setText(byId("doc-problem"), `The document cannot be shown: ${error.message}. Load the page again to try again.`);
    setShown(byId("doc-problem"), true);
  }
}

function show(api) {
  setText(byId("about-version"), `Version ${api.info.version}, OpenAPI ${api.openapi}`);
  byId("about-text").append(...prose(api.info.description));
  for (const tag of api.tags ?? []) part(tag.name, tag.description, operationsOf(api, tag.name));
  part("everywhere", "What is answered where no operation is.", commonAnswers(api));
  part("schemas", "What is sent and taken, by name.", schemas(api));
  setShown(byId("doc"), true);
  reveal();
  window.addEventListener("hashchange", reveal);
}

/** A part of the page with its entries, each a pair of link and card. */
function part(name, description, entries) {
  if (entries.length === 0) return;
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  byId("doc-nav").append(el("h2", { text: title }), el("ul", {}, entries.map(([link]) => el("li", {}, link))));
  byId("doc-main").append(el("div", {}, el("h2", { class: "doc-part", text: title }), el("p", { class: "hint", text: description })), ...entries.map(([, card]) => card));
}

function operationsOf(api, tag) {
  const resolve = resolver(api);
  const kinds = [[api.paths, false], [api.webhooks ?? {}, true]];
  const all = kinds.flatMap(([paths, isCalledByServer]) => Object.entries(paths).flatMap(([path, item]) => {
    return Object.entries(item).map(([method, operation]) => ({ method, path, operation, resolve, isCalledByServer }));
  }));
  return all.filter(({ operation }) => operation.tags?.includes(tag)).map((entry) => {
    return [el("a", { href: `#${entry.operation.operationId}`, text: entry.operation.summary }), operationCard(entry)];
  });
}

function commonAnswers(api) {
  return Object.entries(api.components?.responses ?? {}).map(([name, answer]) => {
    const status = name === "WrongMethod" ? "405" : "404";
    const card = el("section", { class: "card", id: `answer-${name}` }, el("h3", { class: "card-title", text: name }), answerView(status, answer, resolver(api)));
    return [el("a", { href: `#answer-${name}`, text: name }), card];
  });
}

function schemas(api) {
  return Object.entries(api.components?.schemas ?? {}).map(([name, schema]) => {
    const bounds = boundsOf(schema);
    const card = el("section", { class: "card schema", id: anchorOf(name) },
      el("h3", { text: name }),
      el("div", { class: "doc-prose" }, prose(schema.description)),
      el("p", { class: "type" }, typeOf(schema), bounds && `, ${bounds}`),
      insideOf(schema),
      schema.examples ? block("Example", shown(schema.examples[0])) : null);
    return [el("a", { href: `#${anchorOf(name)}`, text: name }), card];
  });
}

/** Follows a reference within the document; what is none stays as it is. */
function resolver(api) {
  return (value) => {
    if (!value?.$ref) return value;
    return value.$ref.slice(2).split("/").reduce((inner, key) => inner?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], api) ?? {};
  };
}

/** Goes to what the address names, which was not there when the page was loaded. */
function reveal() {
  const target = location.hash.length > 1 ? byId(decodeURIComponent(location.hash.slice(1))) : null;
  target?.scrollIntoView();
}

main();
