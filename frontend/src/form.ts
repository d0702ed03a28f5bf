/**
 * The form of one task: its questions as a grid of cells that keys speak to, and the
 * way between the draft on the screen and the judgments on the wire. Pure.
 */
import { base, type Asked, type Cell, type Choice, type Selection } from "./questions/kind";
import { kindOf } from "./questions/kinds";
import { t } from "./strings";
import type { Assignment, FlagJudgment, Judgment, Question, TextJudgment } from "./types";

/** What a person has put down for one task, before it is an answer. */
export interface Draft {
  /** By question id; each kind knows what its own look like. */
  answers: Record<string, unknown>;
  /** The reason in words, by question id. */
  reasons: Record<string, string>;
  /** Ticked reasons, by question id. */
  ticks: Record<string, string[]>;
  /** By question id. */
  confidence: Record<string, number>;
  flags: FlagJudgment[];
  /** The stage that is open; answers of earlier ones are settled. */
  stage: number;
  activeMs: number;
}

export const EMPTY_DRAFT: Draft = {
  answers: {},
  reasons: {},
  ticks: {},
  confidence: {},
  flags: [],
  stage: 0,
  activeMs: 0,
};

export interface Form {
  task: Assignment;
  /** All that this task is asked, of every stage. */
  questions: readonly Question[];
  draft: Draft;
}

/** What a row asks for: the answer itself, or what goes beside it. */
export type Part = "answer" | "confidence" | "reasons";

export interface Row {
  question: string;
  part: Part;
  row: string;
}

export interface Focus extends Row {
  completion: number;
}

export const NOWHERE: Focus = { question: "", part: "answer", row: "", completion: 0 };

/** The questions that this task can be asked. */
export function askedOf(questions: readonly Question[], task: Assignment): Question[] {
  return questions.filter((question) => kindOf(question).fits(task));
}

/** The stage in force: the draft's, or the first there is. */
export function stageOf({ questions, draft }: Form): number {
  const stages = questions.map((question) => question.stage);
  return Math.max(draft.stage, Math.min(...stages, Number.MAX_SAFE_INTEGER));
}

/** The stage after the one in force; null behind the last. */
export function nextStage(form: Form): number | null {
  const later = form.questions
    .map((question) => question.stage)
    .filter((stage) => stage > stageOf(form));
  return later.length > 0 ? Math.min(...later) : null;
}

/** The questions on the screen: those of the stage in force and before. */
export function shownOf(form: Form): Question[] {
  const stage = stageOf(form);
  return form.questions.filter((question) => question.stage <= stage);
}

/** Whether what came of the completions is on the screen by now. */
export function revealed(form: Form): boolean {
  return shownOf(form).some((question) => question.reveal === "outcome");
}

export function answerTo(form: Form, question: Question): unknown {
  const asked: Asked = { question, task: form.task };
  return form.draft.answers[question.id] ?? kindOf(question).empty(asked);
}

function rowsOf(form: Form, question: Question, completion: number): Row[] {
  const asked: Asked = { question, task: form.task };
  const kind = kindOf(question);
  const rows: Row[] = kind
    .rows(asked, answerTo(form, question), completion)
    .map((row) => ({ question: question.id, part: "answer", row }));
  if (question.confidence) rows.push({ question: question.id, part: "confidence", row: "" });
  if (question.reasons.length > 0) rows.push({ question: question.id, part: "reasons", row: "" });
  return rows;
}

/** Every row that arrows go through while a completion is in focus. */
export function allRows(form: Form, completion: number): Row[] {
  return shownOf(form).flatMap((question) => rowsOf(form, question, completion));
}

export function sameRow(x: Row, y: Row): boolean {
  return x.question === y.question && x.part === y.part && x.row === y.row;
}

export function questionAt(form: Form, focus: Row): Question | undefined {
  return shownOf(form).find((question) => question.id === focus.question);
}

function cellAt(focus: Focus, selection: Selection | null): Cell {
  return { row: focus.row, completion: focus.completion, selection };
}

/** Everything there is to press in a cell; none where an earlier stage is settled. */
export function choicesAt(
  form: Form,
  focus: Focus,
  selection: Selection | null = null,
): Choice<Draft>[] {
  const question = questionAt(form, focus);
  if (!question || question.stage < stageOf(form)) return [];
  const { draft } = form;
  const { id } = question;
  if (focus.part === "confidence") {
    return (question.confidence ?? []).map(({ value, label }, i) => ({
      value: String(value),
      label,
      short: label,
      key: String(i + 1),
      chosen: draft.confidence[id] === value,
      then: { ...draft, confidence: { ...draft.confidence, [id]: value } },
    }));
  }
  if (focus.part === "reasons") {
    const had = draft.ticks[id] ?? [];
    return question.reasons.map(({ id: reason, label }, i) => {
      const ticked = had.includes(reason);
      const ticks = ticked ? had.filter((each) => each !== reason) : [...had, reason];
      return {
        value: reason,
        label,
        short: label,
        key: i < 9 ? String(i + 1) : null,
        chosen: ticked,
        then: { ...draft, ticks: { ...draft.ticks, [id]: ticks } },
        stays: true,
      };
    });
  }
  const asked: Asked = { question, task: form.task };
  return kindOf(question)
    .choices(asked, answerTo(form, question), cellAt(focus, selection))
    .map((choice) => ({
      ...choice,
      then: { ...draft, answers: { ...draft.answers, [id]: choice.then } },
    }));
}

function done(form: Form, focus: Focus): boolean {
  const question = questionAt(form, focus);
  if (!question || focus.part === "reasons") return true;
  if (focus.part === "confidence") return form.draft.confidence[question.id] !== undefined;
  const asked: Asked = { question, task: form.task };
  return kindOf(question).done(asked, answerTo(form, question), cellAt(focus, null));
}

/** Every cell in the order of answering: a question's completions one by one. */
function cells(form: Form, question: Question, completion: number): Focus[] {
  const places = kindOf(question).each(question)
    ? form.task.completions.map((_, place) => place)
    : [completion];
  const answers = places.flatMap((place) =>
    rowsOf(form, question, place)
      .filter(({ part }) => part === "answer")
      .map((row) => ({ ...row, completion: place })),
  );
  const beside = rowsOf(form, question, completion)
    .filter(({ part }) => part !== "answer")
    .map((row) => ({ ...row, completion }));
  return [...answers, ...beside];
}

/** Where the keys go after a choice: the next open cell; where nothing is, stay. */
export function nextOpen(form: Form, focus: Focus): Focus {
  const shown = shownOf(form);
  const all = shown.flatMap((question) => {
    const each = kindOf(question).each(question);
    return cells(form, question, each || question.id === focus.question ? focus.completion : 0);
  });
  const here = all.findIndex(
    (each) => sameRow(each, focus) && each.completion === focus.completion,
  );
  const open = (each: Focus): boolean => !done(form, each);
  const wanted = (each: Focus): boolean =>
    open(each) && questionAt(form, each)?.required === true;
  const own = (each: Focus): boolean => each.question === focus.question && open(each);
  return (
    all.slice(here + 1).find(own) ??
    all.slice(0, Math.max(0, here)).find(own) ??
    all.slice(here + 1).find(open) ??
    all.find(wanted) ??
    focus
  );
}

/** Where a task begins. */
export function firstFocus(form: Form): Focus {
  const fresh = shownOf(form).find((question) => question.stage === stageOf(form));
  const row = fresh ? rowsOf(form, fresh, 0)[0] : undefined;
  return row ? { ...row, completion: 0 } : NOWHERE;
}

export interface Lack {
  text: string;
  focus: Focus;
  /** The words are what is missing: the cursor belongs into the field. */
  reason?: true;
}

/** What is still missing before the stage in force is whole, and where. */
export function lackOf(form: Form): Lack | null {
  for (const question of shownOf(form)) {
    const lack = lackIn(form, question);
    if (lack) return lack;
  }
  return null;
}

function lackIn(form: Form, question: Question): Lack | null {
  const kind = kindOf(question);
  const asked: Asked = { question, task: form.task };
  const answer = answerTo(form, question);
  const begun = kind.begun(answer);
  if (!question.required && !begun) return null;
  if (question.required) {
    const open = cells(form, question, 0).find((cell) => !done(form, cell));
    if (open) return { text: t.desk.chooseFirst(question.text), focus: open };
  }
  const gap = begun || question.required ? kind.gap(asked, answer) : null;
  if (gap) {
    const { text, row, completion } = gap;
    return { text, focus: { question: question.id, part: "answer", row, completion } };
  }
  if (question.reason === "required" && !form.draft.reasons[question.id]?.trim()) {
    const row = rowsOf(form, question, 0)[0];
    const focus = row ? { ...row, completion: 0 } : NOWHERE;
    return { text: t.desk.reasonFirst, focus, reason: true };
  }
  return null;
}

export function judgmentsOf(form: Form): Judgment[] {
  const { task, draft } = form;
  const judgments = form.questions.flatMap((question): Judgment[] => {
    const { id } = question;
    const beside = {
      confidence: draft.confidence[id] ?? null,
      reasons: question.reasons
        .map((each) => each.id)
        .filter((each) => draft.ticks[id]?.includes(each)),
    };
    const answers = kindOf(question).judgments({ question, task }, answerTo(form, question));
    const content = draft.reasons[id]?.trim();
    const all: Judgment[] = answers.map((each) => ({ ...each, ...beside }));
    if (content && question.reason !== "off") {
      const rationale: TextJudgment = {
        kind: "text",
        role: "rationale",
        completion: null,
        content,
        ...base(question),
        criterion: null,
      };
      all.push(rationale);
    }
    return all;
  });
  return [...judgments, ...draft.flags];
}

/** An earlier answer, as a draft that can be changed. */
export function draftOf(
  judgments: readonly Judgment[],
  questions: readonly Question[],
  task: Assignment,
): Draft {
  const draft: Draft = structuredClone(EMPTY_DRAFT);
  draft.stage = Math.max(0, ...questions.map((question) => question.stage));
  for (const question of questions) {
    const { id, kind } = question;
    const mine = judgments.filter((each) => each.question === id);
    const answers = mine.filter((each) => each.kind === kind);
    if (answers.length > 0 || kind === "step") {
      draft.answers[id] = kindOf(question).draftOf({ question, task }, answers);
    }
    const reason = mine.find((each) => each.kind === "text" && kind !== "text");
    if (reason?.kind === "text") draft.reasons[id] = reason.content;
    const [first] = answers;
    if (first?.confidence != null) draft.confidence[id] = first.confidence;
    if (first?.reasons && first.reasons.length > 0) draft.ticks[id] = [...first.reasons];
  }
  draft.flags = judgments.filter((each) => each.kind === "flag");
  return draft;
}

/** Whether both say the same; what is null or empty says nothing. */
export function sameJudgments(x: readonly Judgment[], y: readonly Judgment[]): boolean {
  return said(x) === said(y);
}

/** What the server leaves out, since it goes without saying. */
const UNSAID: Record<string, unknown> = {
  message: 0,
  target: "completion",
  exposed: true,
  origin: "authored",
};

function said(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    const entries = Object.entries(each).filter(
      ([key, inner]) =>
        inner !== null &&
        inner !== "" &&
        inner !== false &&
        inner !== UNSAID[key] &&
        !(Array.isArray(inner) && inner.length === 0),
    );
    return Object.fromEntries(entries.sort(([m], [n]) => (m < n ? -1 : 1)));
  });
}
