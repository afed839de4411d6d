// The form that starts a job: its fields come from the job type's `input`, the server's refusals go to the field they name.
import { fetchJobTypes, startJob } from "/static/api.js";
import { brandId, newUuid } from "/static/brand.js";
import { byId, el, setShown, setText, whileBusy } from "/static/dom.js";
import { label, roughly } from "/static/format.js";

/** A host without a scheme, as people type it; `https://` is put before it. */
const BARE_HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}(:\d+)?([/?#]|$)/i;

let types = [];
let lastStart = { body: "", key: "" };

/** Mounts the form; `onTypes` hears the answer of job-types, `onStarted` the id of a new job. */
export function mountStartForm({ onTypes, onStarted }) {
  byId("job-type").addEventListener("change", showType);
  byId("types-again").addEventListener("click", () => loadTypes(onTypes));
  byId("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(byId("start-submit"), "Starting…", () => submit(onStarted));
  });
  return loadTypes(onTypes);
}

async function loadTypes(onTypes) {
  try {
    const answer = await fetchJobTypes();
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
  const options = types.map((type) => el("option", { value: type.job_type, disabled: !type.available, text: label(type.job_type) }));
  byId("job-type").replaceChildren(...options);
  const first = types.find((type) => type.available);
  byId("job-type").value = first?.job_type ?? "";
  byId("start-submit").disabled = first === undefined;
  const missing = types.filter((type) => !type.available);
  byId("unavailable-list").replaceChildren(...missing.map(unavailable));
  setShown(byId("unavailable"), missing.length > 0);
  showType();
}

function unavailable(type) {
  const names = [type.missing].flat().filter(Boolean).join(", ");
  return el("li", {}, el("span", { text: label(type.job_type) }),
    names === "" ? null : el("span", { class: "hint" }, "needs ", el("code", { text: names }), " to be set on the server"));
}

function showType() {
  clearErrors();
  const type = chosenType();
  const seconds = Number(type?.estimated_duration);
  setText(byId("job-type-hint"), seconds > 0 ? `Usually takes ${roughly(seconds)}.` : "");
  byId("input-fields").replaceChildren(...inputsOf(type).map(field));
}

function chosenType() {
  return types.find((type) => type.job_type === byId("job-type").value);
}

function inputsOf(type) {
  return Array.isArray(type?.input) ? type.input : [];
}

function field(input) {
  const id = `input-${input.name}`;
  const control = controlFor(input, id);
  const hint = hintFor(input);
  const head = el("label", { for: id }, label(input.name), input.required ? null : el("span", { class: "optional", text: " optional" }));
  return el("div", { class: input.kind === "boolean" ? "field check" : "field" }, head, control,
    el("p", { class: "hint", id: `${id}-hint`, text: hint }),
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
      return el("input", { ...common, type: "text", autocomplete: "off", value });
  }
}

function hintFor(input) {
  const { minimum, maximum } = input;
  if (Number.isFinite(minimum) && Number.isFinite(maximum)) return `${minimum} to ${maximum}`;
  if (Number.isFinite(minimum)) return `At least ${minimum}`;
  return Number.isFinite(maximum) ? `At most ${maximum}` : "";
}

async function submit(onStarted) {
  const type = chosenType();
  if (!type) return;
  clearErrors();
  const request = { brand_id: brandId(), job_type: type.job_type, input_data: readInput(type) };
  try {
    const answer = await startJob(request, keyFor(request));
    lastStart = { body: "", key: "" };
    onStarted(answer.job_id);
  } catch (error) {
    showError(error);
  }
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
  const prefix = control === null && name !== "" ? `${label(name)}: ` : "";
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
