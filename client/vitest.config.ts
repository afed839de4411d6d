import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const common = { testTimeout: 15_000, setupFiles: [] as string[] };
const react = { ...common, include: ["test/react/**/*.test.tsx"], setupFiles: ["test/support/dom.ts"] };
const from18 = (name: string) => at(`test/react-18/node_modules/${name}`);

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: "core", include: ["test/*.test.ts"] } },
      { test: { ...react, name: "react 19" } },
      {
        resolve: { alias: { react: from18("react"), "react-dom": from18("react-dom") } },
        test: { ...react, name: "react 18" },
      },
    ],
  },
});
