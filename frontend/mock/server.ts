/** A small stand-in for the API, for work on the screens alone. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { tasks } from "./tasks";

const CSP =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const options = [
  ["a3", "A is much better", "much", "a", 3],
  ["a2", "A is better", "better", "a", 2],
  ["a1", "A is slightly better", "slightly", "a", 1],
  ["tie", "They are about the same", "same", "tie", 0],
  ["b1", "B is slightly better", "slightly", "b", 1],
  ["b2", "B is better", "better", "b", 2],
  ["b3", "B is much better", "much", "b", 3],
].map(([value, label, short, outcome, strength]) => ({ value, label, short, outcome, strength }));

let user: object | null = { username: "ada", name: "Ada", is_staff: true };
let answered = 37;
const answers = new Map<number, object>();

function progress() {
  return { today: answered, answered, remaining: tasks.length * 3 - answers.size, total: 100 };
}

function handle(request: IncomingMessage, response: ServerResponse, body: any): void {
  const url = new URL(request.url ?? "", "http://x");
  const path = url.pathname.replace("/api/v1", "");
  const send = (data: unknown, status = 200): void => {
    response.writeHead(status, { "Content-Type": "application/json", "Set-Cookie": "csrftoken=x; Path=/" });
    response.end(status === 204 ? undefined : JSON.stringify(data));
  };
  if (path === "/session") {
    if (request.method === "POST") user = { username: body.username, name: body.username, is_staff: true };
    if (request.method === "DELETE") user = null;
    return send({ user }, request.method === "DELETE" ? 204 : 200);
  }
  const summary = { slug: "demo", name: "Everyday help", role: "annotator", state: "open", progress: progress() };
  if (path === "/projects") return send([summary, { ...summary, slug: "later", name: "Safety review", state: "paused" }]);
  if (/^\/projects\/[\w-]+$/.test(path)) {
    return send({
      ...summary,
      guidelines: "# What to look for\n\nPrefer the answer that **does what was asked**, is true, and says no more than it needs.\n\n1. Read both.\n2. Pick a side and how sure you are.\n3. *Same* is for texts of equal worth; *both bad* is for two that should not be shown to anybody.",
      lease_seconds: 600,
      protocol: { version: 1, questions: [{ id: "overall", kind: "compare", text: "Which completion is better?", criterion: null, required: true, scale: { id: "compare-7@1", options, both_bad: true }, reason: "optional" }] },
    });
  }
  if (path.endsWith("/history")) return send([]);
  if (path.endsWith("/assignments")) {
    const assignments = tasks.flatMap((task, i) =>
      [0, 1, 2].map((round) => ({
        id: round * 100 + i + 1,
        expires_at: new Date(Date.now() + 600_000).toISOString(),
        protocol_version: 1,
        prompt: { messages: task.messages, context: task.context ?? null },
        completions: ["A", "B"].map((label, k) => ({ id: `${round}-${i}-${k}`, label, messages: [{ role: "assistant", content: task.completions[k] }] })),
        answer: null,
      })),
    ).sort((x, y) => x.id - y.id);
    const open = assignments.filter((each) => !answers.has(each.id)).slice(0, Number(url.searchParams.get("count")));
    return send({ state: open.length ? "open" : "finished", assignments: open, progress: progress(), thanks: { answers: answered, models: 2, rounds: 1 } });
  }
  const id = Number(/assignments\/(\d+)/.exec(path)?.[1]);
  if (path.endsWith("/feedback")) {
    answers.set(id, body);
    answered += 1;
    return send({ feedback_id: `f-${body.client_id}`, client_id: body.client_id, late: false, counted: true, progress: progress() }, 201);
  }
  if (path.endsWith("/skip")) { answers.set(id, body); return send({ state: "skipped" }); }
  if (path.endsWith("/renew")) return send({ expires_at: new Date(Date.now() + 600_000).toISOString() });
  return send({ error: "not_found", message: `No ${path}.` }, 404);
}

const middleware: Connect.NextHandleFunction = (request, response, next) => {
  const path = request.url ?? "";
  if (path.startsWith("/app")) {
    response.setHeader("Content-Security-Policy", CSP);
    request.url = "/static/app/index.html";
    return next();
  }
  if (!path.startsWith("/api/v1")) return next();
  let text = "";
  request.on("data", (chunk: Buffer) => (text += chunk.toString()));
  request.on("end", () => handle(request, response, text ? JSON.parse(text) : {}));
};

export function mockServer(): Plugin {
  return {
    name: "mock-server",
    configureServer: (server) => void server.middlewares.use(middleware),
    configurePreviewServer: (server) => void server.middlewares.use(middleware),
  };
}
