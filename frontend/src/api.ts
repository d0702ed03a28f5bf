/** The only file that calls fetch. */
import type {
  Assignment,
  AssignmentBatch,
  ErrorBody,
  FeedbackBody,
  FeedbackReceipt,
  Image,
  LibraryPrinciple,
  Model,
  Preview,
  Project,
  ProjectSummary,
  Question,
  SkipBody,
  Talk,
  User,
} from "./types";

const BASE = "/api/v1";

/** The server answered, and said no. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly body: ErrorBody,
    readonly retryAfterMs: number | null,
  ) {
    super([body.message, body.fix].filter(Boolean).join(" "));
    this.name = "ApiError";
  }

  get code(): string {
    return this.body.error;
  }

  /** True when the same request can succeed later without a change. */
  get transient(): boolean {
    // Retry-After is the server's word that trying again helps.
    return this.status >= 500 || this.status === 408 || this.retryAfterMs !== null;
  }
}

/** No answer came: no network, a server that is down, or one too slow. */
export class OfflineError extends Error {
  constructor(cause: unknown) {
    super("Hone could not be reached. It is tried again by itself.", { cause });
    this.name = "OfflineError";
  }
}

interface Call {
  method?: "GET" | "POST" | "DELETE";
  body?: unknown;
  /** Sent as it is, in the place of a body. */
  file?: Blob;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

function csrfToken(): string | null {
  const match = /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie);
  return match?.[1] ? decodeURIComponent(match[1]) : null;
}

async function errorFrom(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  let body: Partial<ErrorBody> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) body = parsed;
  } catch {
    // A proxy's HTML page; the status says what there is to say.
  }
  const seconds = Number(response.headers.get("Retry-After"));
  return new ApiError(
    response.status,
    {
      error: body.error ?? `http_${response.status}`,
      message: body.message ?? `The server answered with status ${response.status}.`,
      expected: body.expected ?? null,
      found: body.found ?? null,
      fix: body.fix ?? null,
      fields: body.fields ?? [],
    },
    Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null,
  );
}

async function send<T>(path: string, call: Call, freshToken = false): Promise<T> {
  const method = call.method ?? "GET";
  const headers: Record<string, string> = { Accept: "application/json" };
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  if (call.file) headers["Content-Type"] = "application/octet-stream";
  if (method !== "GET") {
    if (!csrfToken() || freshToken) await send<unknown>("/session", {});
    headers["X-CSRFToken"] = csrfToken() ?? "";
  }
  const timeout = AbortSignal.timeout(call.timeoutMs ?? 20_000);
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers,
      body: call.file ?? (call.body === undefined ? null : JSON.stringify(call.body)),
      credentials: "same-origin",
      signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
    });
  } catch (error) {
    if (call.signal?.aborted) throw error;
    throw new OfflineError(error);
  }
  if (!response.ok) {
    const error = await errorFrom(response);
    // Signing in elsewhere rotates the token: take the new one, once.
    const stale = error.status === 403 && error.code !== "not_your_assignment";
    if (stale && method !== "GET" && !freshToken) return send<T>(path, call, true);
    throw error;
  }
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw new OfflineError(error);
  }
}

const slugPath = (slug: string): string => `/projects/${encodeURIComponent(slug)}`;

/** An upload may take its time on a slow line. */
const UPLOAD_MS = 120_000;

/** Where an uploaded image of a project is. */
export const imageUrl = (slug: string, sha256: string): string =>
  `${BASE}${slugPath(slug)}/media/${sha256}`;

export const api = {
  session: (signal?: AbortSignal) =>
    send<{ user: User | null }>("/session", { signal }),
  signIn: (body: { username: string; password: string }) =>
    send<{ user: User }>("/session", { method: "POST", body }),
  signOut: () => send<void>("/session", { method: "DELETE" }),
  projects: (signal?: AbortSignal) => send<ProjectSummary[]>("/projects", { signal }),
  project: (slug: string, signal?: AbortSignal) =>
    send<Project>(slugPath(slug), { signal }),
  lease: (
    ask: { slug: string; count: number; holder: string },
    signal?: AbortSignal,
  ) =>
    send<AssignmentBatch>(
      `${slugPath(ask.slug)}/assignments?count=${ask.count}` +
        `&holder=${encodeURIComponent(ask.holder)}`,
      { method: "POST", signal },
    ),
  history: (ask: { slug: string; limit: number }, signal?: AbortSignal) =>
    send<Assignment[]>(`${slugPath(ask.slug)}/history?limit=${ask.limit}`, { signal }),
  /** A task to look at, asked by a version's questions or by those being edited. */
  preview: (slug: string, version: string | null, signal?: AbortSignal) =>
    send<Preview>(
      `${slugPath(slug)}/preview${version ? `?version=${encodeURIComponent(version)}` : ""}`,
      { signal },
    ),
  previewQuestions: (slug: string, questions: readonly Question[]) =>
    send<Preview>(`${slugPath(slug)}/preview`, { method: "POST", body: { questions } }),
  /** The talk under way in a project, or a new one. */
  openTalk: (slug: string, fresh: boolean, signal?: AbortSignal) =>
    send<Talk>(`${slugPath(slug)}/talks`, { method: "POST", body: { fresh }, signal }),
  /** Begin trying models out. */
  openTrial: (slug: string, models: readonly string[]) =>
    send<Talk>(`${slugPath(slug)}/trials`, { method: "POST", body: { models } }),
  /** Let models answer what a project's annotators write. */
  offerModels: (slug: string, models: readonly string[]) =>
    send<unknown>(`${slugPath(slug)}/live`, { method: "POST", body: { models } }),
  models: (slug: string, signal?: AbortSignal) =>
    send<Model[]>(`${slugPath(slug)}/models`, { signal }),
  /** Approved principles of a project's library that hold all words of `q`. */
  principles: (slug: string, ask: { q: string; limit: number }, signal?: AbortSignal) =>
    send<LibraryPrinciple[]>(
      `${slugPath(slug)}/principles?state=approved&limit=${ask.limit}` +
        `&q=${encodeURIComponent(ask.q.slice(0, 200))}`,
      { signal },
    ),
  uploadImage: (slug: string, file: Blob, signal?: AbortSignal) =>
    send<Image>(`${slugPath(slug)}/media`, {
      method: "POST",
      file,
      signal,
      timeoutMs: UPLOAD_MS,
    }),
  talk: (id: string, signal?: AbortSignal) => send<Talk>(`/talks/${id}`, { signal }),
  say: (id: string, body: { number: number; content: string; follow: number | null }) =>
    send<Talk>(`/talks/${id}/turns`, { method: "POST", body }),
  askAgain: (id: string) => send<Talk>(`/talks/${id}/retry`, { method: "POST" }),
  answer: (id: number, body: FeedbackBody) =>
    send<FeedbackReceipt>(`/assignments/${id}/feedback`, { method: "POST", body }),
  skip: (id: number, body: SkipBody) =>
    send<{ state: string }>(`/assignments/${id}/skip`, { method: "POST", body }),
  renew: (id: number) =>
    send<{ expires_at: string }>(`/assignments/${id}/renew`, { method: "POST" }),
};

export type Api = typeof api;
