import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, OfflineError } from "../src/api";
import { Desk } from "../src/desk";
import type { DraftStore } from "../src/drafts";
import { choicesAt, type Draft } from "../src/form";
import { Outbox } from "../src/outbox";
import { OutboxStorage } from "../src/outboxStorage";
import type {
  Assignment,
  AssignmentBatch,
  FeedbackBody,
  FlagJudgment,
  Question,
} from "../src/types";
import { anAssignment, aProject, aQuestion, PROGRESS } from "./made";

/** The queue of one person, as the server keeps it. */
class Server {
  open: Assignment[] = [1, 2, 3, 4, 5, 6, 7].map((id) => anAssignment(id));
  state: AssignmentBatch["state"] = "open";
  protocols: AssignmentBatch["protocols"] = {};
  leases: number[] = [];
  rows: FeedbackBody[] = [];
  skipped: number[] = [];
  answered: Assignment[] = [];
  down = false;

  #reach(): void {
    if (this.down) throw new OfflineError(new TypeError("refused"));
  }
  lease = async ({ count }: { count: number }): Promise<AssignmentBatch> => {
    this.#reach();
    this.leases.push(count);
    const assignments = this.open.slice(0, count);
    const state = assignments.length > 0 ? "open" : this.state;
    const { protocols } = this;
    return { state, assignments, protocols, progress: PROGRESS, thanks: null };
  };
  history = async (): Promise<Assignment[]> => {
    this.#reach();
    return this.answered;
  };
  renew = async (): Promise<{ expires_at: string }> => ({ expires_at: "2041-01-01T00:00:00Z" });
  answer = async (id: number, body: FeedbackBody) => {
    this.#reach();
    this.rows.push(body);
    this.open = this.open.filter((each) => each.id !== id);
    const { client_id } = body;
    const feedback_id = `server-${client_id}`;
    return { feedback_id, client_id, late: false, counted: true, progress: PROGRESS };
  };
  skip = async (id: number) => {
    this.#reach();
    this.skipped.push(id);
    this.open = this.open.filter((each) => each.id !== id);
    return { state: "skipped" };
  };
}

class Drafts implements DraftStore {
  kept = new Map<number, Draft>();
  load = (id: number): Draft | null => this.kept.get(id) ?? null;
  save = (id: number, draft: Draft): void => void this.kept.set(id, draft);
  drop = (id: number): void => void this.kept.delete(id);
}

let server: Server;
let outbox: Outbox;
let drafts: Drafts;
let storage: OutboxStorage;
const desks: Desk[] = [];

beforeEach(async () => {
  server = new Server();
  storage = new OutboxStorage("test", new IDBFactory());
  outbox = new Outbox({ storage, api: server, tab: "tab", random: () => 0 });
  drafts = new Drafts();
  await outbox.signedIn("alice");
});

afterEach(() => {
  for (const desk of desks.splice(0)) desk.stop();
});

async function sit(questions: Question[] = [aQuestion()]): Promise<Desk> {
  const desk = new Desk({
    api: server,
    outbox,
    drafts,
    project: aProject(questions),
    user: "alice",
    holder: "tab",
  });
  desks.push(desk);
  desk.start();
  await vi.waitFor(() => expect(desk.state.get().phase).not.toBe("loading"));
  return desk;
}

/** Choose an option in the cell under focus. */
function choose(desk: Desk, value: string): void {
  const { form, focus } = desk.hand;
  const choice = form && choicesAt(form, focus).find((each) => each.value === value);
  if (!choice) throw new Error(`expected a choice ${value}`);
  desk.hand.pick(choice);
}

async function answer(desk: Desk, value = "a2"): Promise<void> {
  choose(desk, value);
  await desk.accept();
}

function write(desk: Desk, reason: string): void {
  desk.hand.setReason(reason, aQuestion());
}

/** What the compare question of these tests has been answered with. */
function chosen(desk: Desk): unknown {
  return desk.state.get().draft.answers["overall"];
}

test("accepting moves on at once and sends what was chosen", async () => {
  const desk = await sit();
  write(desk, "  it is right ");
  await answer(desk, "b3");
  expect(desk.shown?.id).toBe(2);
  expect(desk.state.get().draft).toMatchObject({ answers: {}, reasons: {} });
  await outbox.settled();
  expect(server.rows).toHaveLength(1);
  expect(server.rows[0]).toMatchObject({ protocol_version: 3, supersedes: null });
  expect(server.rows[0]?.judgments).toEqual([
    {
      kind: "compare",
      a: "1A",
      b: "1B",
      outcome: "b",
      strength: 3,
      scale: "compare-7@1",
      criterion: null,
      question: "overall",
      confidence: null,
      reasons: [],
      targets: [],
    },
    {
      kind: "text",
      role: "rationale",
      completion: null,
      content: "it is right",
      question: "overall",
      criterion: null,
      confidence: null,
      reasons: [],
      targets: [],
    },
  ]);
});

test("nothing is accepted before there is a choice, and the desk says so", async () => {
  const desk = await sit();
  await desk.accept();
  expect(desk.shown?.id).toBe(1);
  expect(desk.state.get().notice?.text).toContain("Choose an answer first");
});

test("a required reason is asked for", async () => {
  const desk = await sit([aQuestion({ reason: "required" })]);
  await answer(desk);
  expect(desk.shown?.id).toBe(1);
  expect(desk.state.get().notice?.text).toContain("reason");
  write(desk, "because");
  await desk.accept();
  expect(desk.shown?.id).toBe(2);
});

test("pressing Enter twice sends one answer and skips no task", async () => {
  const desk = await sit();
  choose(desk, "tie");
  await Promise.all([desk.accept(), desk.accept()]);
  await outbox.settled();
  expect(desk.shown?.id).toBe(2);
  expect(server.rows).toHaveLength(1);
});

test("more tasks are asked for before the last is reached", async () => {
  const desk = await sit();
  for (let i = 0; i < 3; i += 1) await answer(desk);
  await vi.waitFor(() => expect(server.leases.length).toBe(2));
  await vi.waitFor(() => expect(desk.state.get().queue.map(({ id }) => id)).toEqual([4, 5, 6, 7]));
});

test("a task whose answer is still on its way does not come back", async () => {
  const desk = await sit();
  server.down = true;
  await answer(desk);
  await outbox.settled();
  server.down = false;
  await desk.refill();
  expect(desk.state.get().queue.map(({ id }) => id)).not.toContain(1);
});

test("nor does it after a reload", async () => {
  const before = await sit();
  server.answer = async () => {
    throw new OfflineError(new TypeError("refused"));
  };
  await answer(before);
  await outbox.settled();
  const after = await sit();
  expect(after.state.get().queue.map(({ id }) => id)).toEqual([2, 3, 4, 5, 6]);
});

describe("undo", () => {
  test("brings the last answer back with its values and corrects it", async () => {
    const desk = await sit();
    write(desk, "first thought");
    await answer(desk, "a1");
    await outbox.settled();
    await desk.undo();
    expect(desk.shown?.id).toBe(1);
    expect(desk.state.get().draft).toMatchObject({
      answers: { overall: { "0-1": "a1" } },
      reasons: { overall: "first thought" },
    });
    await answer(desk, "b1");
    await outbox.settled();
    expect(desk.shown?.id).toBe(2);
    expect(server.rows[1]?.supersedes).toBe(`server-${server.rows[0]?.client_id}`);
    await desk.undo();
    expect(chosen(desk)).toEqual({ "0-1": "b1" });
  });

  test("works offline: the correction follows its answer when it can", async () => {
    const desk = await sit();
    server.down = true;
    await answer(desk, "a1");
    await desk.undo();
    await answer(desk, "both_bad");
    await outbox.settled();
    server.down = false;
    outbox.kick();
    await outbox.settled();
    expect(server.rows).toHaveLength(2);
    expect(server.rows[1]?.supersedes).toBe(`server-${server.rows[0]?.client_id}`);
    expect(server.rows[1]?.judgments[0]).toMatchObject({ outcome: "both_bad", strength: null });
  });

  test("without a change sends nothing and returns", async () => {
    const desk = await sit();
    await answer(desk);
    await desk.undo();
    await desk.accept();
    await outbox.settled();
    expect(server.rows).toHaveLength(1);
    expect(desk.shown?.id).toBe(2);
  });

  test("keeps the draft of the task that was open", async () => {
    const desk = await sit();
    await answer(desk);
    write(desk, "half a thou");
    await desk.undo();
    desk.lookback.toPresent();
    expect(desk.shown?.id).toBe(2);
    expect(desk.state.get().draft.reasons["overall"]).toBe("half a thou");
  });

  test("reaches answers from before the page was opened", async () => {
    const earlier = anAssignment(90);
    const desk0 = await sit();
    await answer(desk0, "a3");
    await outbox.settled();
    const judgments = server.rows[0]!.judgments;
    server.answered = [
      { ...earlier, answer: { client_id: "x", feedback_id: "fx", judgments, active_ms: 1 } },
    ];
    const desk = await sit();
    await vi.waitFor(() => expect(desk.canUndo).toBe(true));
    await desk.undo();
    expect(desk.shown?.id).toBe(90);
    await answer(desk, "b2");
    await outbox.settled();
    expect(server.rows[1]?.supersedes).toBe("fx");
  });

  test("takes a skip back before it is sent", async () => {
    const desk = await sit();
    await desk.skip("Too hard to judge");
    expect(desk.shown?.id).toBe(2);
    await desk.undo();
    expect(desk.shown?.id).toBe(1);
    expect(desk.state.get().at).toBeNull();
    expect(await storage.all()).toEqual([]);
    expect(server.skipped).toEqual([]);
  });
});

test("a skip carries its reason and the flag that was set", async () => {
  const desk = await sit();
  const note = "a phone number";
  desk.hand.toggleFlag({ kind: "flag", target: "task", flag: "pii", note, reasons: [], targets: [] });
  await desk.skip("Other");
  const [entry] = await storage.all();
  expect(entry?.body).toEqual({ reason: "Other", flag: { kind: "pii", note: "a phone number" } });
});

test("a flag is set and taken back by the same call", async () => {
  const desk = await sit();
  const flag: FlagJudgment = {
    kind: "flag",
    target: "1A",
    flag: "unsafe",
    note: "",
    reasons: [],
    targets: [],
  };
  desk.hand.toggleFlag(flag);
  expect(desk.state.get().draft.flags).toEqual([flag]);
  desk.hand.toggleFlag(flag);
  expect(desk.state.get().draft.flags).toEqual([]);
});

test("a draft survives a reload, and goes with the answer", async () => {
  const before = await sit();
  choose(before, "a2");
  write(before, "so far");
  // No goodbye: the page may have crashed.
  const after = await sit();
  expect(after.state.get().draft).toMatchObject({
    answers: { overall: { "0-1": "a2" } },
    reasons: { overall: "so far" },
  });
  await after.accept();
  expect(drafts.kept.has(1)).toBe(false);
});

test("the last task answered ends in the finished state", async () => {
  server.open = [anAssignment(1)];
  server.state = "finished";
  const desk = await sit();
  await answer(desk);
  await outbox.settled();
  await desk.refill();
  expect(desk.state.get().phase).toBe("finished");
  expect(desk.shown).toBeNull();
});

test("with no server, answering goes on to the last task at hand", async () => {
  const desk = await sit();
  server.down = true;
  for (let i = 0; i < 5; i += 1) await answer(desk);
  await vi.waitFor(() => expect(desk.state.get().offline).toBe(true));
  expect(desk.shown).toBeNull();
  expect(await storage.all()).toHaveLength(5);
});

test("when the disk refuses, the answer is sent before the screen moves", async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  const desk = await sit();
  vi.spyOn(storage, "put").mockRejectedValue(new Error("QuotaExceededError"));
  await answer(desk);
  expect(server.rows).toHaveLength(1);
  expect(desk.shown?.id).toBe(2);
});

test("when disk and server refuse, the answer stays on the screen", async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  const desk = await sit();
  vi.spyOn(storage, "put").mockRejectedValue(new Error("QuotaExceededError"));
  server.down = true;
  await answer(desk, "a3");
  expect(desk.shown?.id).toBe(1);
  expect(chosen(desk)).toEqual({ "0-1": "a3" });
  expect(desk.state.get().notice?.text).toContain("not saved yet");
});

test("a refusal that a person can mend is shown with what to do", async () => {
  const body = {
    error: "not_a_member",
    message: "You are not a member.",
    expected: null,
    found: null,
    fix: "Ask an owner.",
    fields: [],
  };
  server.lease = async () => {
    throw new ApiError(403, body, null);
  };
  const desk = await sit();
  expect(desk.state.get()).toMatchObject({
    phase: "failed",
    error: "You are not a member. Ask an owner.",
  });
});

test("a task is asked by its own version's questions", async () => {
  const [first, second, ...rest] = server.open;
  server.open = [first!, { ...second!, protocol_version: 4 }, ...rest];
  server.protocols = { 4: [aQuestion({ id: "newer" })] };
  const desk = await sit();
  expect(desk.questions.map(({ id }) => id)).toEqual(["overall"]);
  await answer(desk);
  expect(desk.questions.map(({ id }) => id)).toEqual(["newer"]);
  await answer(desk);
  await outbox.settled();
  expect(server.rows.map((row) => row.judgments[0]?.question)).toEqual(["overall", "newer"]);
});

test("several questions are answered one after the other", async () => {
  const desk = await sit([aQuestion(), aQuestion({ id: "style", criterion: "style" })]);
  choose(desk, "a1");
  expect(desk.hand.complete).toBe(false);
  expect(desk.state.get().focus.question).toBe("style");
  choose(desk, "b1");
  await desk.accept();
  await outbox.settled();
  expect(server.rows[0]?.judgments.map((each) => (each.kind === "flag" ? "" : each.question))).toEqual(["overall", "style"]);
});
