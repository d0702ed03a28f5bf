/** Stretches of text, each with a category; offsets in code points of the source. */
import { slicePoints } from "../../text/codePoints";
import { textSha } from "../../text/sha256";
import { t } from "../../strings";
import type { Assignment, Label, Of, Ref } from "../../types";
import { passagesOf } from "../passages";
import {
  base,
  completionAt,
  digitAt,
  ofKind,
  ORDINARY,
  placeOf,
  type Asked,
  type Choice,
  type KindOf,
  type Selection,
} from "../kind";

export interface Mark extends Selection {
  category: string;
  severity: string | null;
  refs: Ref[];
  replacement: string;
  note: string;
}

export interface SpanAnswer {
  /** In the order of making. */
  marks: Mark[];
  /** The place of the mark being filled in. */
  at: number | null;
}

type Ask = Asked<Of<"span">>;

/** The text that a place lies in, as written. */
export function sourceOf(task: Assignment, at: Omit<Selection, "start" | "end">): string {
  if (at.target === "passage") {
    return passagesOf(task).find((each) => each.doc === at.passage)?.text ?? "";
  }
  const messages =
    at.target === "prompt"
      ? task.prompt.messages
      : task.completions.find((each) => each.id === at.completion)?.messages;
  return messages?.[at.message]?.content ?? "";
}

export function quoted(task: Assignment, mark: Selection): string {
  return slicePoints(sourceOf(task, mark), mark.start, mark.end);
}

export function sameText(x: Selection, y: Selection): boolean {
  return (
    x.target === y.target &&
    x.completion === y.completion &&
    x.passage === y.passage &&
    x.message === y.message
  );
}

/** Places in `marks`, in reading order. */
export function readingOrder(task: Assignment, marks: readonly Mark[]): number[] {
  const key = (mark: Mark): [number, number, number, number] => [
    mark.completion ? placeOf(task, mark.completion) : -1,
    mark.message,
    mark.start,
    mark.end,
  ];
  return marks
    .map((mark, i) => ({ i, key: key(mark) }))
    .sort((x, y) => {
      for (const [n, value] of x.key.entries()) {
        if (value !== y.key[n]) return value - y.key[n]!;
      }
      return x.i - y.i;
    })
    .map(({ i }) => i);
}

/** Short names of categories, so that underlines are told apart without colour. */
export function lettersOf(categories: readonly Label[]): Map<string, string> {
  const letters = new Map<string, string>();
  for (const { id, label } of categories) {
    const chars = [...label.replace(/[^\p{L}\p{N}]/gu, "")];
    const taken = new Set(letters.values());
    let letter = (chars[0] ?? "?").toUpperCase();
    for (const next of chars.slice(1)) {
      if (!taken.has(letter)) break;
      letter = (chars[0] ?? "?").toUpperCase() + next.toLowerCase();
    }
    letters.set(id, letter);
  }
  return letters;
}

/** Why a stretch may not have a category, where the protocol restricts overlaps. */
function refusalOf({ question }: Ask, marks: readonly Mark[], mark: Selection, category: string) {
  const over = marks.filter(
    (each) => sameText(each, mark) && each.start < mark.end && mark.start < each.end,
  );
  if (question.overlap === "never" && over.length > 0) return t.span.noOverlap;
  const mixed = over.some((each) => each.category !== category);
  if (question.overlap === "same_category" && mixed) return t.span.oneCategory;
  return over.some(
    (each) =>
      each.start === mark.start && each.end === mark.end && each.category === category,
  )
    ? t.span.marked
    : undefined;
}

function withMark(answer: SpanAnswer, selection: Selection, category: string) {
  const mark: Mark = {
    ...selection,
    category,
    severity: null,
    refs: [],
    replacement: "",
    note: "",
  };
  return { marks: [...answer.marks, mark], at: answer.marks.length };
}

export function changed(answer: SpanAnswer, at: number, change: Partial<Mark>): SpanAnswer {
  const mark = answer.marks[at];
  return mark ? { ...answer, marks: answer.marks.with(at, { ...mark, ...change }) } : answer;
}

export function removed(answer: SpanAnswer, at: number): SpanAnswer {
  return { marks: answer.marks.filter((_, i) => i !== at), at: null };
}

/** What a mark still lacks, in words. */
export function lackOf({ question }: Ask, mark: Mark): string | null {
  if (question.severities.length > 0 && !mark.severity) return t.span.severityWanted;
  if (question.note === "required" && !mark.note.trim()) return t.span.noteWanted;
  if (question.replacement === "required" && !mark.replacement.trim()) {
    return t.span.replacementWanted;
  }
  if (question.refs === "required" && mark.refs.length === 0) return t.span.refWanted;
  return null;
}

function severities(ask: Ask, answer: SpanAnswer, at: number): Choice<SpanAnswer>[] {
  return ask.question.severities.map(({ id, label }, i) => ({
    value: id,
    label,
    short: label,
    key: digitAt(i),
    chosen: answer.marks[at]?.severity === id,
    then: changed(answer, at, { severity: id }),
    stays: true,
  }));
}

export const span: KindOf<"span", SpanAnswer> = {
  ...ORDINARY,
  kind: "span",
  each: ({ target }) => target === "completion",
  empty: () => ({ marks: [], at: null }),
  choices(ask, answer, { selection }) {
    const { target } = ask.question;
    if (selection && selection.target === target) {
      return ask.question.categories.map(({ id, label }, i): Choice<SpanAnswer> => {
        const refusal = refusalOf(ask, answer.marks, selection, id);
        return {
          value: id,
          label,
          short: label,
          key: digitAt(i),
          chosen: false,
          then: refusal ? answer : withMark(answer, selection, id),
          stays: true,
          ...(refusal && { refusal }),
        };
      });
    }
    if (answer.at === null || ask.question.severities.length === 0) return [];
    return severities(ask, answer, answer.at);
  },
  done: ({ question }, answer) => !question.required || answer.marks.length > 0,
  begun: ({ marks }) => marks.length > 0,
  gap(ask, answer) {
    for (const mark of answer.marks) {
      const text = lackOf(ask, mark);
      if (!text) continue;
      const completion = mark.completion ? placeOf(ask.task, mark.completion) : 0;
      return { text, row: "", completion };
    }
    return null;
  },
  judgments: ({ question, task }, answer) =>
    readingOrder(task, answer.marks).map((i) => {
      const mark = answer.marks[i]!;
      const { target, completion, passage, message, start, end } = mark;
      return {
        kind: "span",
        ...{ target, completion, passage, message, start, end },
        text_sha: textSha(sourceOf(task, mark)),
        category: mark.category,
        severity: mark.severity,
        refs: mark.refs,
        replacement: mark.replacement.trim() || null,
        note: mark.note.trim() || null,
        ...base(question),
      };
    }),
  draftOf: (_, judgments) => ({
    at: null,
    marks: ofKind(judgments, "span").map((each) => ({
      target: each.target ?? "completion",
      completion: each.completion ?? null,
      passage: each.passage ?? null,
      message: each.message ?? 0,
      start: each.start,
      end: each.end,
      category: each.category,
      severity: each.severity ?? null,
      refs: each.refs ?? [],
      replacement: each.replacement ?? "",
      note: each.note ?? "",
    })),
  }),
};

/** The text under a cell: where a selection by keyboard begins. */
export function textUnder(
  { question, task }: Ask,
  completion: number,
): Omit<Selection, "start" | "end"> | null {
  const at = { target: question.target, completion: null, passage: null, message: 0 };
  if (question.target === "completion") {
    const found = completionAt(task, completion);
    return found ? { ...at, completion: found.id, message: found.messages.length - 1 } : null;
  }
  if (question.target === "prompt") {
    return { ...at, message: task.prompt.messages.length - 1 };
  }
  const [passage] = passagesOf(task);
  return passage ? { ...at, passage: passage.doc } : null;
}
