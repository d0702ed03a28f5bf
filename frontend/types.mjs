/**
 * Write src/schema.d.ts from the API's own schema: `npm run types`. With
 * --check it writes nothing and fails when the file is not up to date.
 *
 * Only the calls that the workspace makes are kept, so that a change elsewhere
 * in the API does not touch this room.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TARGET = fileURLToPath(new URL("src/schema.d.ts", import.meta.url));
const CALLS = [
  "get_session",
  "sign_in",
  "sign_out",
  "list_projects",
  "get_project",
  "lease_tasks",
  "list_history",
  "submit_feedback",
  "skip_task",
  "renew_lease",
  "get_preview",
  "preview_questions",
  "list_models",
  "list_principles",
  "open_talk",
  "open_trial",
  "set_live_models",
  "get_talk",
  "say",
  "ask_again",
  "upload_image",
];
const HEAD = "// Written by `npm run types` from the API's schema; do not edit.\n\n";

function apiSchema() {
  const own = `${ROOT}.venv/bin/python`;
  const python = process.env.PYTHON || (existsSync(own) ? own : "python3");
  const env = {
    // The command needs the settings, but no server.
    DATABASE_URL: "postgresql://nobody@127.0.0.1:1/none",
    REDIS_URL: "redis://127.0.0.1:1",
    HONE_SECRET_KEY: "schema",
    ...process.env,
    PYTHONWARNINGS: "ignore",
  };
  const args = ["manage.py", "export_openapi"];
  return JSON.parse(execFileSync(python, args, { cwd: ROOT, env, maxBuffer: 64 << 20 }));
}

function narrowed(schema) {
  const paths = {};
  const missing = new Set(CALLS);
  for (const [path, methods] of Object.entries(schema.paths)) {
    for (const [method, call] of Object.entries(methods)) {
      if (!missing.delete(call.operationId)) continue;
      (paths[path] ??= {})[method] = call;
    }
  }
  if (missing.size > 0) {
    throw new Error(
      `expected the API to offer ${[...missing].join(", ")}, found no such operation; ` +
        "mend CALLS in types.mjs and src/api.ts",
    );
  }
  const all = schema.components.schemas;
  const kept = {};
  const keep = (part) => {
    for (const [, name] of JSON.stringify(part).matchAll(/#\/components\/schemas\/(\w+)/g)) {
      if (name in kept) continue;
      kept[name] = all[name];
      keep(all[name]);
    }
  };
  keep(paths);
  const ordered = Object.fromEntries(
    Object.entries(kept).sort(([x], [y]) => x.localeCompare(y)),
  );
  return { ...schema, paths, components: { ...schema.components, schemas: ordered } };
}

const types = HEAD + astToString(await openapiTS(narrowed(apiSchema())));
if (process.argv.includes("--check")) {
  if (readFileSync(TARGET, "utf8") !== types) {
    console.error(
      "expected src/schema.d.ts to match the API, found another; run `npm run types`",
    );
    process.exit(1);
  }
} else {
  writeFileSync(TARGET, types);
}
