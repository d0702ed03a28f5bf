import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, OfflineError } from "../src/api";
import { Outbox } from "../src/outbox";
import { OutboxStorage, type AnswerEntry, type SkipEntry } from "../src/outboxStorage";
import type { FeedbackBody, FeedbackReceipt } from "../src/types";
import { anAssignment, PROGRESS } from "./made";

type Reply = FeedbackReceipt | Error | Promise<never>;

/** A server that stores one row a client id, and fails as it is told to. */
class Server {
  rows = new Map<string, FeedbackBody>();
  calls: string[] = [];
  skips: number[] = [];
  fail: (body: FeedbackBody) => Reply | null = () => null;
  /** The row is written, but the answer never arrives. */
  loseReply = false;

  answer = async (_id: number, body: FeedbackBody): Promise<FeedbackReceipt> => {
    this.calls.push(body.client_id);
    const failure = this.fail(body);
    if (failure instanceof Error) throw failure;
    if (failure) return failure;
    this.rows.set(body.client_id, structuredClone(body));
    if (this.loseReply) throw new OfflineError(new TypeError("connection reset"));
    return {
      feedback_id: `server-${body.client_id}`,
      client_id: body.client_id,
      late: false,
      counted: true,
      progress: PROGRESS,
    };
  };

  skip = async (id: number): Promise<{ state: string }> => {
    this.skips.push(id);
    return { state: "skipped" };
  };
}

function no(status: number, code: string, retryAfterMs: number | null = null): ApiError {
  const body = { error: code, message: code, expected: null, found: null, fix: null, fields: [] };
  return new ApiError(status, body, retryAfterMs);
}

let factory: IDBFactory;
let server: Server;
let clock: number;
let made: number;

beforeEach(() => {
  factory = new IDBFactory();
  server = new Server();
  clock = 1_000_000;
  made = 0;
});

function storage(): OutboxStorage {
  return new OutboxStorage("test", factory);
}

function tab(name = "tab-1"): Outbox {
  return new Outbox({
    storage: storage(),
    api: server,
    tab: name,
    now: () => clock,
    random: () => 0.5,
  });
}

function answer(change: Partial<AnswerEntry> = {}): AnswerEntry {
  made += 1;
  const clientId = change.client_id ?? `c${made}`;
  return {
    kind: "answer",
    client_id: clientId,
    user: "alice",
    project: "demo",
    assignment: anAssignment(made),
    created_at: clock + made,
    send_after: 0,
    attempts: 0,
    claim: null,
    refusal: null,
    corrects: null,
    body: {
      client_id: clientId,
      judgments: [],
      active_ms: 10,
      protocol_version: 1,
      supersedes: null,
    },
    ...change,
  };
}

describe("an answer", () => {
  test("is on the disk when add resolves, before anything is sent", async () => {
    const outbox = tab();
    await outbox.add(answer()); // nobody is signed in: nothing may be sent
    expect(await storage().all()).toHaveLength(1);
    expect(server.calls).toEqual([]);
  });

  test("leaves the disk only when the server has acknowledged it", async () => {
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(answer());
    await outbox.settled();
    expect([...server.rows.keys()]).toEqual(["c1"]);
    expect(await storage().all()).toEqual([]);
    expect(outbox.status.get()).toMatchObject({ waiting: 0, offline: false });
  });

  test("is kept while the server is down, and sent by the next page once", async () => {
    server.fail = () => new OfflineError(new TypeError("refused"));
    const before = tab();
    await before.signedIn("alice");
    await before.add(answer());
    await before.settled();
    expect(before.status.get()).toMatchObject({ waiting: 1, offline: true });

    server.fail = () => null;
    const after = tab(); // the page was loaded again
    await after.signedIn("alice");
    await after.settled();
    expect([...server.rows.keys()]).toEqual(["c1"]);
    expect(after.status.get()).toMatchObject({ waiting: 0, offline: false });
  });

  test("keeps its client id when the reply was lost", async () => {
    server.loseReply = true;
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(answer());
    await outbox.settled();
    server.loseReply = false;
    outbox.kick();
    await outbox.settled();
    expect(server.calls).toEqual(["c1", "c1"]);
    expect(server.rows.size).toBe(1);
    expect(await storage().all()).toEqual([]);
  });

  test("of another person waits for that person", async () => {
    const outbox = tab();
    await outbox.add(answer({ user: "bob" }));
    await outbox.signedIn("alice");
    await outbox.settled();
    expect(server.calls).toEqual([]);
    expect(outbox.status.get()).toMatchObject({ waiting: 0, others: 1 });
    await outbox.signedIn("bob");
    await outbox.settled();
    expect(server.calls).toEqual(["c1"]);
  });
});

describe("a refusal", () => {
  test("that is final keeps the answer and lets the others pass", async () => {
    server.fail = (body) => (body.client_id === "c1" ? no(422, "invalid_judgments") : null);
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(answer());
    await outbox.add(answer());
    await outbox.settled();
    expect([...server.rows.keys()]).toEqual(["c2"]);
    const { refused, waiting } = outbox.status.get();
    expect(waiting).toBe(0);
    expect(refused.map((each) => each.client_id)).toEqual(["c1"]);
    expect(refused[0]?.refusal).toMatchObject({ status: 422 });
  });

  test("is not sent again by itself, and is when asked", async () => {
    server.fail = () => no(409, "already_answered");
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(answer());
    await outbox.settled();
    outbox.kick();
    await outbox.settled();
    expect(server.calls).toEqual(["c1"]);
    server.fail = () => null;
    await outbox.retry("c1");
    await outbox.settled();
    expect(outbox.status.get().refused).toEqual([]);
    expect(server.rows.size).toBe(1);
  });

  test("for want of a session keeps the queue until the sign-in", async () => {
    server.fail = () => no(401, "not_signed_in");
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(answer());
    await outbox.add(answer());
    await outbox.settled();
    expect(outbox.status.get()).toMatchObject({ signedOut: true, waiting: 2 });
    expect(server.calls).toEqual(["c1"]);
    server.fail = () => null;
    await outbox.signedIn("alice");
    await outbox.settled();
    expect([...server.rows.keys()]).toEqual(["c1", "c2"]);
  });

  test("that passes makes only that answer wait, as long as the server says", async () => {
    server.fail = (body) => (body.client_id === "c1" ? no(503, "busy", 7000) : null);
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(answer());
    await outbox.add(answer());
    await outbox.settled();
    expect([...server.rows.keys()]).toEqual(["c2"]);
    server.fail = () => null;
    clock += 6999;
    outbox.kick();
    await outbox.settled();
    expect(server.rows.has("c1")).toBe(false);
    clock += 1;
    outbox.kick();
    await outbox.settled();
    expect(server.rows.has("c1")).toBe(true);
  });
});

describe("several tabs", () => {
  test("send each answer once between them", async () => {
    const tabs = [tab("one"), tab("two"), tab("three")];
    const [first] = tabs;
    for (let i = 0; i < 12; i += 1) await first!.add(answer());
    await Promise.all(tabs.map((each) => each.signedIn("alice")));
    await Promise.all(tabs.map((each) => each.settled()));
    expect(server.calls).toHaveLength(12);
    expect(new Set(server.calls).size).toBe(12);
  });

  test("leave an answer alone that another is sending, until its claim ends", async () => {
    const claim = { tab: "dead", until: clock + 30_000 };
    await storage().put(answer({ claim }));
    const outbox = tab("alive");
    await outbox.signedIn("alice");
    await outbox.settled();
    expect(server.calls).toEqual([]);
    clock += 30_000;
    outbox.kick();
    await outbox.settled();
    expect(server.calls).toEqual(["c1"]);
  });

  test("take their own claim up again after a reload", async () => {
    await storage().put(answer({ claim: { tab: "tab-1", until: clock + 30_000 } }));
    const outbox = tab("tab-1");
    await outbox.signedIn("alice");
    await outbox.settled();
    expect(server.calls).toEqual(["c1"]);
  });
});

describe("a correction", () => {
  test("follows the answer it corrects and names its server id", async () => {
    const outbox = tab();
    await outbox.add(answer());
    await outbox.add(answer({ corrects: "c1" }));
    await outbox.signedIn("alice");
    await outbox.settled();
    expect(server.calls).toEqual(["c1", "c2"]);
    expect(server.rows.get("c2")?.supersedes).toBe("server-c1");
  });

  test("finds the id of an answer that was sent in the meantime", async () => {
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(answer());
    await outbox.settled();
    await outbox.add(answer({ corrects: "c1" }));
    await outbox.settled();
    expect(server.rows.get("c2")?.supersedes).toBe("server-c1");
  });

  test("waits as long as the answer it corrects", async () => {
    server.fail = (body) => (body.client_id === "c1" ? no(503, "busy", 5000) : null);
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(answer());
    await outbox.add(answer({ corrects: "c1" }));
    await outbox.settled();
    expect(server.calls).not.toContain("c2");
  });
});

describe("a skip", () => {
  function skip(): SkipEntry {
    const { corrects: _corrects, ...base } = answer();
    return {
      ...base,
      kind: "skip",
      send_after: clock + 10_000,
      body: { reason: "Too hard to judge", flag: null },
    };
  }

  test("can be taken back until it is sent", async () => {
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(skip());
    await outbox.settled();
    expect(server.skips).toEqual([]);
    expect(await outbox.takeBack("c1")).toBe(true);
    clock += 10_000;
    outbox.kick();
    await outbox.settled();
    expect(server.skips).toEqual([]);
  });

  test("is sent after its grace, and is then too late to take back", async () => {
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.add(skip());
    await outbox.settled();
    clock += 10_000;
    outbox.kick();
    await outbox.settled();
    expect(server.skips).toEqual([1]);
    expect(await outbox.takeBack("c1")).toBe(false);
  });
});

test("without storage, add says so instead of losing the answer", async () => {
  const outbox = new Outbox({
    storage: new OutboxStorage("test", undefined),
    api: server,
    tab: "tab-1",
  });
  await expect(outbox.add(answer())).rejects.toThrow("IndexedDB");
});

describe("sending", () => {
  let frames: FrameRequestCallback[];

  beforeEach(() => {
    frames = [];
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    vi.stubGlobal("requestAnimationFrame", (frame: FrameRequestCallback) => frames.push(frame));
    vi.stubGlobal("cancelAnimationFrame", () => undefined);
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function added(): Promise<Outbox> {
    const outbox = tab();
    await outbox.signedIn("alice");
    await outbox.settled();
    await outbox.add(answer());
    await outbox.settled();
    expect(await storage().all()).toHaveLength(1);
    expect(server.calls).toEqual([]);
    return outbox;
  }

  test("waits for the next task to be painted; the answer is on the disk by then", async () => {
    const outbox = await added();
    frames[0]?.(0);
    vi.advanceTimersByTime(1);
    await outbox.settled();
    expect(server.calls).toEqual(["c1"]);
  });

  test("waits for no frame of a page that paints none", async () => {
    const outbox = await added();
    vi.advanceTimersByTime(1000);
    await outbox.settled();
    expect(server.calls).toEqual(["c1"]);
  });
});
