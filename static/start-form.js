// The form that starts a job: its fields come from the job type's `input`, the server's refusals go to the field they name.
import { brandId, newUuid } from "/static/brand.js";
import { mountCopy } from "/static/copying.js";
import { startCommand } from "/static/curl.js";
import { byId, el, setShown, setText, whileBusy } from "/static/dom.js";
import { roughly } from "/static/format.js";
import { fieldHint, fieldName, typeName, typeNeeds, typeSummary } from "/static/job-words.js";
import { withClient } from "/static/server.js";

/** A host without a scheme, as people type it; `https://` is put before it. */
const BARE_HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}(:\d+)?([/?#]|$)/i;

/** Texts that may be this long get a box of several lines. */
const LONG_TEXT = 500;

const FIELD_CLASSES = { boolean: "field check", date: "field half" };

let types = [];
/** What the person wrote, by field: a change of the type keeps it where the other type has the field too. */
const written = new Map();
let lastStart = { body: "", key: "" };

/** Mounts the form; `onTypes` hears the answer of job-types, `onStarted` the id of a new job. */
export function mountStartForm({ onTypes, onStarted }) {
  byId("job-type").addEventListener("change", showType);
  byId("input-fields").addEventListener("input", (event) => written.set(event.target.name, valueOf(event.target)));
  byId("types-again").addEventListener("click", () => loadTypes(onTypes));
  mountCopy(byId("start-copy"), () => startCommand(requestFor(chosenType())));
  byId("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(byId("start-submit"), "Starting…", () => submit(onStarted));
  });
  return loadTypes(onTypes);
}

async function loadTypes(onTypes) {
  try {
    const answer = await withClient((client) => client.jobTypes());
    types = Array.isArray(answer.job_types) ? answer.job_types : [];
    onTypes(answer);
    setShown(byId("types-error"), false);
    setShown(byId("start-form"), true);
    showTypes();
  } catch (error) {
    setText(byId("types-error-text"), error.message);
    setShown(byId("types-error"), true);
    setShown(byId("start-form"), false);
  }
}

function showTypes() {
  const options = types.map((type) => el("option", { value: type.job_type, disabled: !type.available, text: typeName(type.job_type) }));
  byId("job-type").replaceChildren(...options);
  const first = types.find((type) => type.available);
  byId("job-type").value = first?.job_type ?? "";
  byId("start-submit").disabled = first === undefined;
  byId("start-copy").disabled = first === undefined;
  const missing = types.filter((type) => !type.available);
  byId("unavailable-list").replaceChildren(...missing.map(unavailable));
  setShown(byId("unavailable"), missing.length > 0);
  showType();
}

function unavailable(type) {
  const names = [type.missing].flat().filter(Boolean).join(", ");
  return el("li", {}, el("span", { text: typeName(type.job_type) }),
    names === "" ? null : el("span", { class: "hint" }, "needs ", el("code", { text: names }), " to be set on the server"));
}

function showType() {
  clearErrors();
  const type = chosenType();
  const seconds = Number(type?.estimated_duration);
  const took = seconds > 0 ? `Usually takes ${roughly(seconds)}.` : "";
  setText(byId("job-type-hint"), [typeSummary(type?.job_type), took].filter(Boolean).join(" "));
  setText(byId("job-type-needs"), typeNeeds(type?.job_type));
  byId("input-fields").replaceChildren(...inputsOf(type).map(field));
  for (const control of byId("input-fields").querySelectorAll("input, textarea")) {
    if (written.has(control.name)) setValue(control, written.get(control.name));
  }
}

function chosenType() {
  return types.find((type) => type.job_type === byId("job-type").value);
}

function inputsOf(type) {
  return Array.isArray(type?.input) ? type.input : [];
}

function field(input) {
  const id = `input-${input.name}`;
  const isOptional = !input.required && (input.default ?? null) === null;
  const head = el("label", { for: id }, fieldName(input.name), isOptional ? el("span", { class: "optional", text: " optional" }) : null);
  return el("div", { class: FIELD_CLASSES[input.kind] ?? "field" }, head, controlFor(input, id),
    el("p", { class: "hint", id: `${id}-hint`, text: hintFor(input) }),
    el("p", { class: "field-error", id: `${id}-error`, hidden: true }));
}

function controlFor(input, id) {
  const common = { id, name: input.name, required: input.required === true, "aria-describedby": `${id}-hint ${id}-error` };
  const value = input.default ?? null;
  switch (input.kind) {
    case "boolean":
      return el("input", { ...common, required: false, type: "checkbox", checked: value === true });
    case "integer":
      return el("input", { ...common, type: "number", inputmode: "numeric", step: 1, min: input.minimum, max: input.maximum, value });
    case "date":
      return el("input", { ...common, type: "date", value });
    case "url":
      return el("input", { ...common, type: "url", inputmode: "url", autocomplete: "url", autocapitalize: "off", spellcheck: "false", placeholder: "https://example.com", value });
    default:
      return Number(input.maximum_length) >= LONG_TEXT
        ? el("textarea", { ...common, rows: 5, text: value ?? "" })
        : el("input", { ...common, type: "text", autocomplete: "off", value });
  }
}

function hintFor(input) {
  return [fieldHint(input.name), boundsOf(input)].filter(Boolean).join(" ");
}

function boundsOf({ minimum, maximum, maximum_length: longest }) {
  if (Number.isFinite(minimum) && Number.isFinite(maximum)) return `${minimum} to ${maximum}.`;
  if (Number.isFinite(minimum)) return `At least ${minimum}.`;
  if (Number.isFinite(maximum)) return `At most ${maximum}.`;
  return longest >= LONG_TEXT ? `At most ${longest.toLocaleString()} characters.` : "";
}

/** Chooses a type and writes a value into one of its fields, for the person to look at and send. */
export function fillIn(jobType, name, value) {
  byId("job-type").value = jobType;
  showType();
  const control = byId(`input-${name}`);
  if (control === null) return;
  setValue(control, value);
  written.set(name, value);
  control.focus();
}

function valueOf(control) {
  return control.type === "checkbox" ? control.checked : control.value;
}

function setValue(control, value) {
  if (control.type === "checkbox") control.checked = value === true;
  else control.value = String(value);
}

async function submit(onStarted) {
  const type = chosenType();
  if (!type) return;
  clearErrors();
  const request = requestFor(type);
  try {
    const answer = await withClient((client) => client.start(request, { idempotencyKey: keyFor(request) }));
    lastStart = { body: "", key: "" };
    onStarted(answer.job_id);
  } catch (error) {
    showError(error);
  }
}

function requestFor(type) {
  return { brand_id: brandId(), job_type: type.job_type, input_data: readInput(type) };
}

// The same key for the same body until it was accepted: pressing twice after a lost answer starts one job.
function keyFor(request) {
  const body = JSON.stringify(request);
  if (lastStart.body !== body) lastStart = { body, key: newUuid() };
  return lastStart.key;
}

function readInput(type) {
  const data = {};
  for (const input of inputsOf(type)) {
    const value = readControl(input, byId(`input-${input.name}`));
    if (value !== null) data[input.name] = value;
  }
  return data;
}

// Nothing is judged here: what cannot be sent as the right type is sent as it stands, and the server says what is wrong.
function readControl(input, control) {
  if (input.kind === "boolean") return control.checked;
  let text = control.value.trim();
  if (text === "") return null;
  if (input.kind === "integer") return Number.isInteger(Number(text)) ? Number(text) : text;
  if (input.kind === "url" && BARE_HOST.test(text)) {
    text = `https://${text}`;
    control.value = text;
  }
  return text;
}

function showError(error) {
  const name = String(error.field ?? "").replace(/^input_data\./, "");
  const id = name === "job_type" ? "job-type" : `input-${name}`;
  const control = name === "" ? null : byId(id);
  const place = control === null ? byId("start-error") : byId(`${id}-error`);
  const prefix = control === null && name !== "" ? `${fieldName(name)}: ` : "";
  setText(place, prefix + error.message);
  setShown(place, true);
  control?.setAttribute("aria-invalid", "true");
  control?.focus();
}

function clearErrors() {
  for (const place of byId("start-form").querySelectorAll(".field-error, #start-error")) {
    setText(place, "");
    setShown(place, false);
  }
  for (const control of byId("start-form").querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}
