/** From choices on the screen to judgments on the wire, and back. */
import type {
  Assignment,
  CompareJudgment,
  FlagJudgment,
  Judgment,
  Question,
  TextJudgment,
} from "./types";

/** What a person has put down for one task, before it is an answer. */
export interface Draft {
  /** The chosen option's value, by question id. */
  choices: Record<string, string>;
  reason: string;
  flags: FlagJudgment[];
  activeMs: number;
}

export const EMPTY_DRAFT: Draft = { choices: {}, reason: "", flags: [], activeMs: 0 };

/** An answer to a compare question, as a button shows it. */
export interface Option {
  value: string;
  label: string;
  short: string;
  outcome: CompareJudgment["outcome"];
  strength: number | null;
  /** The digit that chooses it. */
  digit: string;
}

const BOTH_BAD: Option = {
  value: "both_bad",
  label: "Both are bad",
  short: "both bad",
  outcome: "both_bad",
  strength: null,
  digit: "0",
};

/** The options of a compare question, left to right, then both bad. */
export function optionsOf(question: Question): Option[] {
  const { scale } = question;
  if (!scale) return [];
  const graded = scale.options.map((option, i) => ({ ...option, digit: String(i + 1) }));
  return scale.both_bad ? [...graded, BOTH_BAD] : graded;
}

/** The questions that this screen can ask. */
export function askable(questions: readonly Question[]): Question[] {
  return questions.filter((question) => question.kind === "compare" && question.scale);
}

export type Lack = { what: "choice" | "reason"; question: Question } | null;

/** What is still missing before the draft is an answer. */
export function lackOf(draft: Draft, questions: readonly Question[]): Lack {
  for (const question of questions) {
    if (question.required && !draft.choices[question.id]) {
      return { what: "choice", question };
    }
  }
  const needsReason = questions.find((question) => question.reason === "required");
  if (needsReason && !draft.reason.trim()) {
    return { what: "reason", question: needsReason };
  }
  return null;
}

/** The question that a reason belongs to. */
function reasonQuestion(questions: readonly Question[]): Question | undefined {
  return questions.find((question) => question.reason !== "off");
}

export function judgmentsOf(
  draft: Draft,
  assignment: Assignment,
  questions: readonly Question[],
): Judgment[] {
  const [a, b] = assignment.completions;
  const judgments: Judgment[] = [];
  for (const question of questions) {
    const value = draft.choices[question.id];
    const option = optionsOf(question).find((each) => each.value === value);
    if (!option || !a || !b || !question.scale) continue;
    const compare: CompareJudgment = {
      kind: "compare",
      a: a.id,
      b: b.id,
      outcome: option.outcome,
      strength: option.strength,
      scale: question.scale.id,
      criterion: question.criterion ?? null,
      question: question.id,
      targets: [],
    };
    judgments.push(compare);
  }
  const asked = reasonQuestion(questions);
  const content = draft.reason.trim();
  if (asked && content) {
    const rationale: TextJudgment = {
      kind: "text",
      role: "rationale",
      completion: null,
      content,
      question: asked.id,
      targets: [],
    };
    judgments.push(rationale);
  }
  return [...judgments, ...draft.flags];
}

/** An earlier answer, as a draft that can be changed. */
export function draftOf(
  judgments: readonly Judgment[],
  questions: readonly Question[],
): Draft {
  const draft: Draft = { choices: {}, reason: "", flags: [], activeMs: 0 };
  for (const judgment of judgments) {
    if (judgment.kind === "text") draft.reason = judgment.content;
    else if (judgment.kind === "flag") draft.flags.push(judgment);
    else if (judgment.kind === "compare") {
      const question = questions.find((each) => each.id === judgment.question);
      const option = (question ? optionsOf(question) : []).find(
        (each) =>
          each.outcome === judgment.outcome &&
          (each.outcome === "both_bad" || each.strength === judgment.strength),
      );
      if (question && option) draft.choices[question.id] = option.value;
    }
  }
  return draft;
}

/** Whether both say the same; what is null or empty says nothing. */
export function sameJudgments(x: readonly Judgment[], y: readonly Judgment[]): boolean {
  const says = (value: unknown): boolean =>
    value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);
  const key = (judgments: readonly Judgment[]): string =>
    JSON.stringify(
      judgments.map((judgment) =>
        Object.entries(judgment)
          .filter(([, value]) => says(value))
          .sort(([m], [n]) => m.localeCompare(n)),
      ),
    );
  return key(x) === key(y);
}
