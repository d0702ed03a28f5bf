import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { compress } from "./compress.ts";

// Django serves the built page at /app/... and its files at /static/app/.
// In development the page is here and the API is at HONE_ORIGIN.
const origin = process.env["HONE_ORIGIN"] ?? "http://127.0.0.1:8000";

/** Serve the page at the addresses of the workspace, as Django does. */
function workspaceAddresses(): Plugin {
  return {
    name: "workspace-addresses",
    configureServer: ({ middlewares }) => {
      middlewares.use((request, _response, next) => {
        if (request.url?.startsWith("/app")) request.url = "/static/app/index.html";
        next();
      });
    },
  };
}

export default defineConfig({
  base: "/static/app/",
  plugins: [react(), workspaceAddresses(), compress()],
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
