// Shows one operation: what it is for, what it takes, what it answers, and how to try it.
import { block, choice } from "/static/docs-block.js";
import { curl, needsToken } from "/static/docs-curl.js";
import { inline, prose } from "/static/docs-prose.js";
import { insideOf, namedValue, typeOf } from "/static/docs-schema.js";
import { el } from "/static/dom.js";

/** The card of an operation. `resolve` follows a reference within the document. */
export function operationCard({ method, path, operation, resolve, isCalledByServer = false }) {
  const id = operation.operationId;
  return el("section", { class: "card operation", id, "aria-labelledby": `${id}-title` },
    el("h3", { class: "card-title", id: `${id}-title`, text: operation.summary }),
    el("p", { class: "route" }, el("span", { class: "method", "data-method": method, text: method.toUpperCase() }), el("code", { text: path })),
    el("div", { class: "doc-prose" }, prose(operation.description)),
    el("p", { class: "hint access" }, inline(accessOf(operation))),
    isCalledByServer ? null : tryIt(method, path, operation),
    parameters(operation, resolve),
    requestBody(operation, resolve),
    answers(operation, resolve));
}

function accessOf(operation) {
  const [way] = operation.security ?? [];
  if (!way) return "";
  const [scope] = Object.values(way).flat();
  const words = needsToken(operation) ? "Needs a token" : "Asks for no token on this server; where one is asked for, it needs a token";
  const inTheQuery = operation.security.some((other) => "access_token" in other) ? ", which may stand in the query as `access_token`" : "";
  return `${words}${scope ? ` with the scope \`${scope}\`` : ""}${inTheQuery}.`;
}

function tryIt(method, path, operation) {
  const examples = Object.entries(operation.requestBody?.content?.["application/json"]?.examples ?? {});
  const command = (body) => curl(location.origin, method, path, operation, body);
  if (examples.length === 0) return block("With curl", command());
  return choice("With curl", examples.map(([name, example]) => [name, command(example.value)]));
}

function parameters(operation, resolve) {
  const all = (operation.parameters ?? []).map(resolve);
  if (all.length === 0) return null;
  return el("div", {}, el("h4", { text: "Parameters" }), el("dl", { class: "members" }, all.map((parameter) => {
    const note = `In the ${parameter.in}.`;
    return namedValue(parameter.name, parameter.schema, { needed: parameter.required, description: parameter.description, note });
  })));
}

function requestBody(operation, resolve) {
  if (!operation.requestBody) return null;
  const { description, content } = resolve(operation.requestBody);
  return el("div", {}, el("h4", { text: "Body" }), el("div", { class: "doc-prose" }, prose(description)), contents(content));
}

function answers(operation, resolve) {
  const all = Object.entries(operation.responses).map(([status, answer]) => answerView(status, resolve(answer), resolve));
  return el("div", {}, el("h4", { text: "Answers" }), all);
}

/** One answer, closed until it is asked for. */
export function answerView(status, answer, resolve) {
  const [first] = String(answer.description ?? "").split("\n");
  const isList = first.startsWith("- ");
  const codes = answer.content?.["application/json"]?.schema?.allOf?.[1]?.properties?.code?.enum;
  const words = isList && codes ? codes.map((code) => `\`${code}\``).join(", ") : first;
  const headers = Object.entries(answer.headers ?? {}).map(([name, header]) => [name, resolve(header)]);
  return el("details", { class: "answer", "data-kind": status[0] },
    el("summary", {}, el("span", { class: "code", text: status }), el("span", { class: "words" }, inline(words))),
    el("div", { class: "inside" },
      isList ? el("div", { class: "doc-prose" }, prose(answer.description)) : null,
      headers.length > 0 ? el("dl", { class: "members" }, headers.map(([name, header]) => {
        return namedValue(name, header.schema, { description: header.description, note: header.required ? "" : "Not always there." });
      })) : null,
      contents(answer.content)));
}

/** The media types of a body, each with its schema and examples. */
function contents(content = {}) {
  return Object.entries(content).map(([mediaType, { schema, example, examples = {} }]) => {
    const texts = Object.entries(examples).map(([name, { value }]) => [name, shown(value)]);
    if (example !== undefined) texts.push(["Example", shown(example)]);
    return el("div", {},
      el("p", { class: "type" }, `${mediaType}: `, typeOf(schema)),
      insideOf(schema),
      texts.length > 0 ? choice("Example", texts) : null);
  });
}

/** A value of an example as text. */
export function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
