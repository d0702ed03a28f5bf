/** Every kind: what a draft says on the wire, and back again. */
import { describe, expect, test } from "vitest";
import {
  choicesAt,
  draftOf,
  EMPTY_DRAFT,
  firstFocus,
  judgmentsOf,
  lackOf,
  nextOpen,
  nextStage,
  sameJudgments,
  type Form,
} from "../src/form";
import type { Selection } from "../src/questions/kind";
import { nearDuplicate } from "../src/questions/principle/kind";
import { confirmed, groupsOf, leftOut, placed, shifted, tied } from "../src/questions/rank/order";
import { lettersOf, quoted, type SpanAnswer } from "../src/questions/span/kind";
import { stepsOf } from "../src/questions/step/kind";
import { sha256 } from "../src/text/sha256";
import type { Of, Question } from "../src/types";
import { anAssignment, aQuestion, COMMON } from "./made";

const label = (id: string) => ({ id, label: id, description: "" });
const RATE: Of<"rate"> = {
  ...COMMON,
  id: "rate",
  kind: "rate",
  scale: { id: "five@1", points: [], min: 0, max: 4, step: 1, na: true },
};
const RANK: Of<"rank"> = {
  ...COMMON,
  id: "rank",
  kind: "rank",
  allow_ties: true,
  allow_unranked: true,
  all_bad: true,
};
const SPAN: Of<"span"> = {
  ...COMMON,
  id: "span",
  kind: "span",
  target: "completion",
  categories: [label("wrong"), label("weak")],
  severities: [label("minor"), label("major")],
  overlap: "never",
  refs: "off",
  replacement: "off",
  note: "off",
  snap: "word",
};
const PRINCIPLE: Of<"principle"> = {
  ...COMMON,
  id: "principle",
  kind: "principle",
  principles: [
    { id: "one", text: "It is short." },
    { id: "two", text: "It is true." },
  ],
  evidence: "optional",
  open: true,
};
const STEP: Of<"step"> = {
  ...COMMON,
  id: "step",
  kind: "step",
  labels: [label("wrong")],
  first_error: true,
};
const simple: Question[] = [
  { ...COMMON, id: "best", kind: "best_worst" },
  { ...COMMON, id: "react", kind: "reaction", signals: [{ id: "up", label: "Up", value: 1 }] },
  { ...COMMON, id: "choose", kind: "choose", target: "task", categories: [label("safe")] },
  {
    ...COMMON,
    id: "missing",
    kind: "missing",
    categories: [label("answer")],
    refs: "off",
    note: "optional",
  },
];

function formOf(questions: Question[], labels = ["A", "B", "C"]): Form {
  return { task: anAssignment(1, labels), questions, draft: EMPTY_DRAFT };
}

/** The form after keys, each in the cell that the one before led to. */
function after(form: Form, keys: string, selection: Selection | null = null): Form {
  let focus = firstFocus(form);
  let now = form;
  for (const key of keys.split(" ")) {
    const choice = choicesAt(now, focus, selection).find((each) => each.key === key);
    if (!choice) throw new Error(`${key} says nothing in ${JSON.stringify(focus)}`);
    now = { ...now, draft: choice.then };
    selection = null;
    if (!choice.stays) focus = nextOpen(now, focus);
  }
  return now;
}

function comesBack(form: Form): void {
  const judgments = judgmentsOf(form);
  expect(judgments.length).toBeGreaterThan(0);
  const draft = draftOf(judgments, form.questions, form.task);
  expect(sameJudgments(judgmentsOf({ ...form, draft }), judgments)).toBe(true);
}

const HERE: Selection = {
  target: "completion",
  completion: "1A",
  passage: null,
  message: 0,
  start: 0,
  end: 1,
};

describe("a whole answer lacks nothing, and comes back from its judgments", () => {
  test.each<[string, Form, string, Selection | null]>([
    ["compare of two", formOf([aQuestion()], ["A", "B"]), "2", null],
    ["compare of three", formOf([aQuestion()]), "2 4 0", null],
    ["rate", formOf([RATE]), "4 n 0", null],
    ["rank", formOf([RANK]), "2 1 0", null],
    ["all bad", formOf([RANK]), "b", null],
    ["span", formOf([SPAN]), "1 2", HERE],
    ["principle", formOf([PRINCIPLE], ["A"]), "1 3", null],
    ["first error", formOf([STEP], ["A"]), "1", null],
    ["no error", formOf([STEP, RATE], ["A"]), "0 3", null],
    ["best and worst", formOf([simple[0]!]), "1 3", null],
    ["reaction", formOf([simple[1]!], ["A"]), "1", null],
    ["choose", formOf([simple[2]!]), "1", null],
    ["missing", formOf([simple[3]!]), "1", null],
  ])("%s", (_, form, keys, selection) => {
    expect(lackOf(form)).not.toBeNull();
    const answered = after(form, keys, selection);
    expect(lackOf(answered)).toBeNull();
    comesBack(answered);
  });

  test("confidence and reasons go along with it", () => {
    const question = aQuestion({
      confidence: [
        { value: 1, label: "sure" },
        { value: 0, label: "guess" },
      ],
      reasons: [label("true"), label("short")],
    });
    const form = after(formOf([question], ["A", "B"]), "1 2");
    const at = { question: "overall", part: "reasons" as const, row: "", completion: 0 };
    const [, short] = choicesAt(form, at);
    const ticked = { ...form, draft: short!.then };
    expect(judgmentsOf(ticked)[0]).toMatchObject({ confidence: 0, reasons: ["short"] });
    comesBack(ticked);
  });
});

describe("a ranking", () => {
  const ids = ["1A", "1B", "1C"];
  const none = { places: {}, unranked: [] };

  test("is none while cards lie as they were shown", () => {
    expect(lackOf(formOf([RANK]))?.text).toContain("Choose an answer first");
    expect(judgmentsOf(formOf([RANK]))).toEqual([]);
    expect(groupsOf(confirmed(none, ids), ids)).toEqual([["1A"], ["1B"], ["1C"]]);
  });

  test("pushes others down where ties are not allowed", () => {
    let order = placed(none, { id: "1A", place: 1, ties: false });
    order = placed(order, { id: "1B", place: 1, ties: false });
    expect(groupsOf(order, ids)).toEqual([["1B"], ["1A"]]);
  });

  test("moves cards out of ties first, and past each other then", () => {
    let order = confirmed(none, ids);
    order = tied(order, { id: "1B", ids });
    expect(groupsOf(order, ids)).toEqual([["1A", "1B"], ["1C"]]);
    order = shifted(order, { id: "1B", by: -1, ids });
    expect(groupsOf(order, ids)).toEqual([["1B"], ["1A"], ["1C"]]);
    order = shifted(order, { id: "1B", by: -1, ids });
    expect(groupsOf(order, ids)[0]).toEqual(["1B"]);
    expect(groupsOf(leftOut(order, "1B"), ids)).toEqual([["1A"], ["1C"]]);
  });
});

describe("spans", () => {
  const form = formOf([SPAN]);

  test("carry the hash of the text they were made on", () => {
    const [span] = judgmentsOf(after(form, "1 1", HERE));
    expect(span).toMatchObject({ start: 0, end: 1, text_sha: sha256("A of 1") });
  });

  test("want their severity, and may not overlap where that is ruled out", () => {
    const made = after(form, "1", HERE);
    expect(lackOf(made)?.text).toContain("severe");
    const focus = firstFocus(made);
    const again = choicesAt(made, focus, { ...HERE, end: 4 });
    expect(again.every((choice) => choice.refusal)).toBe(true);
    expect(choicesAt(made, focus, { ...HERE, start: 2, end: 4 })[0]?.refusal).toBeUndefined();
  });

  test("quote code points, and categories have letters of their own", () => {
    const task = anAssignment(1);
    task.completions[0]!.messages[0]!.content = "👍🏽 fine";
    expect(quoted(task, { ...HERE, start: 3, end: 7 })).toBe("fine");
    const letters = lettersOf([label("Irrelevant"), label("Incoherent"), label("错误")]);
    expect([...letters.values()]).toEqual(["I", "In", "错"]);
  });

  test("are listed in reading order", () => {
    let now = after(form, "1 1", { ...HERE, start: 3, end: 4 });
    now = after(now, "2 1", HERE);
    expect((now.draft.answers["span"] as SpanAnswer).marks).toHaveLength(2);
    expect(judgmentsOf(now).map((each) => each.kind === "span" && each.start)).toEqual([0, 3]);
  });
});

test("a later stage opens when the one before is whole, and settles it", () => {
  const choose = simple[2] as Of<"choose">;
  const form = formOf([choose, { ...choose, id: "later", stage: 1 }]);
  expect(nextStage(form)).toBe(1);
  const answered = after(form, "1");
  expect(lackOf(answered)).toBeNull();
  const opened = { ...answered, draft: { ...answered.draft, stage: 1 } };
  expect(firstFocus(opened).question).toBe("later");
  expect(lackOf(opened)?.focus.question).toBe("later");
  const earlier = { question: "choose", part: "answer" as const, row: "", completion: 0 };
  expect(choicesAt(opened, earlier)).toEqual([]);
  expect(nextStage(opened)).toBeNull();
});

test("questions that a task cannot be asked are left out of it", () => {
  const form = formOf([aQuestion()], ["A"]);
  expect(judgmentsOf(form)).toEqual([]);
});

test("steps are paragraphs, or lines where there is one paragraph", () => {
  const task = anAssignment(1, ["A"]);
  const cut = (content: string): string[] => {
    task.completions[0]!.messages = [{ role: "assistant", content }];
    return stepsOf(task, 0);
  };
  expect(cut("one\ntwo\n\n \nthree\n")).toEqual(["one\ntwo", "three"]);
  expect(cut("one\ntwo\n")).toEqual(["one", "two"]);
});

test("a principle that is nearly there already is told", () => {
  const known = ["It answers the question that was asked."];
  expect(nearDuplicate("It answers the question asked", known)).toBe(known[0]);
  expect(nearDuplicate("It is polite.", known)).toBeNull();
});
