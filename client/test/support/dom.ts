// A page for the hooks. Only what React and the stores look for is put in place, so that fetch and AbortController stay
// those of Node.js, which belong together.
// @ts-expect-error There are no types for it, and little is used.
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html><div id=root></div>", { pretendToBeVisual: true, url: "http://page.example/" });

Object.assign(globalThis, {
  window,
  document: window.document,
  HTMLElement: window.HTMLElement,
  requestAnimationFrame: window.requestAnimationFrame.bind(window),
  cancelAnimationFrame: window.cancelAnimationFrame.bind(window),
});

// Node.js has one of its own from 21 on, which cannot be assigned.
if (globalThis.navigator === undefined) Object.assign(globalThis, { navigator: window.navigator });
