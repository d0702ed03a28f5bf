/** Labels of a completion's steps, or the place of its first error. */
import { t } from "../../strings";
import type { Assignment } from "../../types";
import { base, completionAt, digitAt, ofKind, ORDINARY, type Choice, type KindOf } from "../kind";

// As annotation/protocols/steps.py cuts them: indices must mean the same there.
const BLANK_LINES = /\n[^\S\n]*\n\s*/;
const LINES = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;

/** The paragraphs of a completion, or its lines where it is one paragraph. */
export function stepsOf(task: Assignment, place: number): string[] {
  const messages = completionAt(task, place)?.messages ?? [];
  return messages.flatMap(({ content }) => {
    const parts = content.trim().split(BLANK_LINES);
    const steps = parts.length > 1 ? parts : content.trim().split(LINES);
    return steps.map((each) => each.trim()).filter((each) => each !== "");
  });
}

const ALL_RIGHT = "all";

/** By completion: labels by step; for a first error also that there is none. */
type Answer = Record<string, Record<string, string>>;

export const step: KindOf<"step", Answer> = {
  ...ORDINARY,
  kind: "step",
  empty: () => ({}),
  rows: ({ task }, _, completion) => stepsOf(task, completion).map((__, i) => String(i)),
  choices({ question, task }, answer, { row, completion }) {
    const id = completionAt(task, completion)?.id;
    if (!id) return [];
    const mine = answer[id] ?? {};
    const alone = question.first_error;
    const choices = question.labels.map(
      ({ id: label, label: wording }, i): Choice<Answer> => ({
        value: label,
        label: wording,
        short: wording,
        key: digitAt(i),
        chosen: mine[row] === label,
        then: { ...answer, [id]: alone ? { [row]: label } : { ...mine, [row]: label } },
      }),
    );
    if (alone) {
      choices.push({
        value: ALL_RIGHT,
        label: t.step.allRight,
        short: t.step.allRight,
        key: "0",
        chosen: mine[ALL_RIGHT] !== undefined,
        then: { ...answer, [id]: { [ALL_RIGHT]: ALL_RIGHT } },
      });
    }
    return choices;
  },
  done({ question, task }, answer, { row, completion }) {
    const mine = answer[completionAt(task, completion)?.id ?? ""] ?? {};
    return question.first_error ? Object.keys(mine).length > 0 : mine[row] !== undefined;
  },
  begun: (answer) => Object.keys(answer).length > 0,
  judgments: ({ question, task }, answer) =>
    task.completions.flatMap(({ id }) =>
      Object.entries(answer[id] ?? {})
        .filter(([place]) => place !== ALL_RIGHT)
        .map(([place, label]) => ({
          kind: "step",
          completion: id,
          index: Number(place),
          label,
          note: null,
          ...base(question),
        })),
    ),
  draftOf({ question, task }, judgments) {
    const answer: Answer = {};
    for (const { completion, index, label } of ofKind(judgments, "step")) {
      answer[completion] = { ...answer[completion], [index]: label };
    }
    if (question.first_error) {
      for (const { id } of task.completions) answer[id] ??= { [ALL_RIGHT]: ALL_RIGHT };
    }
    return answer;
  },
};
