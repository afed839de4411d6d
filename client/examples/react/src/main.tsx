import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./style.css";

Object.assign(globalThis, {
  navigateToResults: (resultId: string) => {
    location.hash = `#/results/${resultId}`;
  },
});

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
