// The brand this browser works for: made on first use, kept in localStorage, changed in a dialog.
import { isBrandId } from "/static/address.js";
import { byId, setText, setShown } from "/static/dom.js";

const KEY = "jobcast.brand_id";

let current = null;

/** The id of the brand, made now if there is none yet. */
export function brandId() {
  current ??= stored() ?? keep(newUuid());
  return current;
}

/** Works for this brand from now on, if it is one's id. */
export function useBrand(id) {
  if (!isBrandId(id)) return;
  current = keep(id);
  show();
}

/** Shows the brand in the page's head and calls `onChange` when the person chose another. */
export function mountBrand(onChange) {
  const dialog = byId("brand-dialog");
  const input = byId("brand-input");
  show();
  byId("brand-change").addEventListener("click", () => {
    input.value = brandId();
    setError("");
    dialog.showModal();
    input.select();
  });
  byId("brand-cancel").addEventListener("click", () => dialog.close());
  byId("brand-new").addEventListener("click", () => {
    input.value = newUuid();
    setError("");
    input.focus();
  });
  byId("brand-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = input.value.trim().toLowerCase();
    if (!isBrandId(wanted)) {
      setError("A brand id is a UUID such as 3f0c9a52-7d1e-4b64-9c5e-0a6f2f1f7b11.");
      input.focus();
      return;
    }
    dialog.close();
    if (wanted === brandId()) return;
    current = keep(wanted);
    show();
    onChange();
  });
}

/** A random UUID; `crypto.randomUUID` exists only on secure origins, and a LAN address is not one. */
export function newUuid() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function show() {
  setText(byId("brand-id"), brandId());
}

function setError(text) {
  setText(byId("brand-error"), text);
  setShown(byId("brand-error"), text !== "");
  if (text === "") byId("brand-input").removeAttribute("aria-invalid");
  else byId("brand-input").setAttribute("aria-invalid", "true");
}

// Storage may be refused (private windows, policies); the id then lives as long as the page.
function stored() {
  try {
    const value = localStorage.getItem(KEY);
    return value !== null && isBrandId(value) ? value : null;
  } catch {
    return null;
  }
}

function keep(id) {
  try {
    localStorage.setItem(KEY, id);
  } catch {
    // See `stored`.
  }
  return id;
}
