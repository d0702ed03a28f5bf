/** One category of the task, its prompt or each completion. */
import type { Of } from "../../types";
import { base, completionAt, digitAt, ofKind, ORDINARY, type Asked, type KindOf } from "../kind";

/** The category's id, by what it is about: a completion, "task" or "prompt". */
type Answer = Record<string, string>;

function targetOf({ question, task }: Asked<Of<"choose">>, completion: number): string {
  if (question.target !== "completion") return question.target;
  return completionAt(task, completion)?.id ?? "";
}

export const choose: KindOf<"choose", Answer> = {
  ...ORDINARY,
  kind: "choose",
  each: ({ target }) => target === "completion",
  empty: () => ({}),
  choices(asked, answer, { completion }) {
    const target = targetOf(asked, completion);
    return asked.question.categories.map(({ id, label, description }, i) => ({
      value: id,
      label: description ? `${label}: ${description}` : label,
      short: label,
      key: digitAt(i),
      chosen: answer[target] === id,
      then: { ...answer, [target]: id },
    }));
  },
  done: (asked, answer, { completion }) =>
    answer[targetOf(asked, completion)] !== undefined,
  begun: (answer) => Object.keys(answer).length > 0,
  judgments: ({ question }, answer) =>
    Object.entries(answer).map(([target, category]) => ({
      kind: "choose",
      target,
      category,
      ...base(question),
    })),
  draftOf: (_, judgments) =>
    Object.fromEntries(
      ofKind(judgments, "choose").map(({ target, category }) => [target, category]),
    ),
};
