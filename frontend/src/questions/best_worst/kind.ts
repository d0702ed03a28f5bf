/** The best and the worst of several completions. */
import { t } from "../../strings";
import { base, digitAt, ofKind, ORDINARY, type KindOf } from "../kind";

interface Answer {
  best: string | null;
  worst: string | null;
}

export const bestWorst: KindOf<"best_worst", Answer> = {
  ...ORDINARY,
  kind: "best_worst",
  fits: (task) => task.completions.length >= 2,
  each: () => false,
  empty: () => ({ best: null, worst: null }),
  rows: () => ["best", "worst"],
  choices: ({ task }, answer, { row }) =>
    task.completions.map(({ id, label }, place) => {
      const mine = row === "best" ? "best" : "worst";
      const other = row === "best" ? "worst" : "best";
      // Nothing is both: choosing it here takes it away there.
      const left = answer[other] === id ? null : answer[other];
      return {
        value: id,
        label,
        short: "",
        key: digitAt(place),
        chosen: answer[mine] === id,
        then: { ...answer, [mine]: id, [other]: left },
      };
    }),
  done: (_, answer, { row }) => answer[row === "best" ? "best" : "worst"] !== null,
  begun: ({ best, worst }) => best !== null || worst !== null,
  gap: (_, { best, worst }) =>
    best === null || worst === null
      ? { text: t.bestWorst.both, row: best === null ? "best" : "worst", completion: 0 }
      : null,
  judgments: ({ question }, { best, worst }) =>
    best && worst
      ? [{ kind: "best_worst", best: [best], worst: [worst], ...base(question) }]
      : [],
  draftOf(_, judgments) {
    const [found] = ofKind(judgments, "best_worst");
    return { best: found?.best[0] ?? null, worst: found?.worst[0] ?? null };
  },
};
