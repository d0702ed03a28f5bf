/** One signal of each completion, such as a thumb up or down. */
import { base, completionAt, digitAt, ofKind, ORDINARY, type KindOf } from "../kind";

/** The signal's id, by completion. */
type Answer = Record<string, string>;

export const reaction: KindOf<"reaction", Answer> = {
  ...ORDINARY,
  kind: "reaction",
  empty: () => ({}),
  choices({ question, task }, answer, { completion }) {
    const id = completionAt(task, completion)?.id;
    if (!id) return [];
    return question.signals.map((signal, i) => ({
      value: signal.id,
      label: signal.label,
      short: signal.label,
      key: digitAt(i),
      chosen: answer[id] === signal.id,
      then: { ...answer, [id]: signal.id },
    }));
  },
  done: ({ task }, answer, { completion }) =>
    answer[completionAt(task, completion)?.id ?? ""] !== undefined,
  begun: (answer) => Object.keys(answer).length > 0,
  judgments: ({ question, task }, answer) =>
    task.completions.flatMap(({ id }, position) => {
      const signal = question.signals.find((each) => each.id === answer[id]);
      if (!signal) return [];
      return [
        {
          kind: "reaction",
          completion: id,
          signal: signal.id,
          value: signal.value,
          position,
          exposed: true,
          ...base(question),
        },
      ];
    }),
  draftOf: (_, judgments) =>
    Object.fromEntries(
      ofKind(judgments, "reaction").map(({ completion, signal }) => [completion, signal]),
    ),
};
