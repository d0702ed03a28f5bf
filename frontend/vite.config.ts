import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { mockServer } from "./mock/server";

// Django serves the built page at /app/... and its files at /static/app/.
// In development the page is here and the API is at HONE_ORIGIN.
const origin = process.env["HONE_ORIGIN"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "/static/app/",
  plugins: [react(), ...(process.env["HONE_MOCK"] ? [mockServer()] : [])],
  build: {
    outDir: "dist",
    target: "es2022",
    // Inlined files would be data: URLs, which the policy allows for images only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "/api": origin, "/admin": origin } },
  test: { environment: "node", include: ["tests/**/*.test.ts"] },
});
