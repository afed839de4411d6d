import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` passes the API on to a jobcast server, which `jobcast demo` starts.
export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/api": process.env["JOBCAST"] ?? "http://127.0.0.1:8080" } },
});
