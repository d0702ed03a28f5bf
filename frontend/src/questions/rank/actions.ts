/** Moving cards by keyboard. */
import { hasTask, type Action, type Workspace } from "../../actions/action";
import { questionAt } from "../../form";
import { t } from "../../strings";
import type { Of } from "../../types";
import type { Ranking } from "./kind";
import { confirmed, shifted, tied, waiting } from "./order";

interface Hold {
  question: Of<"rank">;
  answer: Ranking;
  ids: string[];
  /** The card in focus. */
  id: string;
}

/** The ranking that keys work on: the one in focus, or the first there is. */
function held({ desk }: Workspace): Hold | null {
  const { form, focus } = desk.hand;
  if (!form) return null;
  const here = questionAt(form, focus);
  const question = here?.kind === "rank" ? here : form.questions.find((q) => q.kind === "rank");
  const id = form.task.completions[focus.completion]?.id;
  if (question?.kind !== "rank" || !id) return null;
  const answer = desk.hand.answer(question) as Ranking;
  return { question, answer, id, ids: form.task.completions.map((each) => each.id) };
}

function change(workspace: Workspace, to: (hold: Hold) => Partial<Ranking>): void {
  const hold = held(workspace);
  if (hold) workspace.desk.hand.put(hold.question, { ...hold.answer, ...to(hold) });
}

const common = { group: "answer", mode: "task" } as const;
const ranks = (workspace: Workspace): boolean => hasTask(workspace) && held(workspace) !== null;

export const ranking: readonly Action[] = [
  {
    ...common,
    name: "card-up",
    label: () => t.rank.up,
    keys: ["Alt+ArrowUp"],
    enabled: ranks,
    perform: (workspace) =>
      change(workspace, ({ answer, id, ids }) => shifted(answer, { id, by: -1, ids })),
  },
  {
    ...common,
    name: "card-down",
    label: () => t.rank.down,
    keys: ["Alt+ArrowDown"],
    enabled: ranks,
    perform: (workspace) =>
      change(workspace, ({ answer, id, ids }) => shifted(answer, { id, by: 1, ids })),
  },
  {
    ...common,
    name: "card-tie",
    label: () => t.rank.tie,
    keys: ["="],
    enabled: (workspace) => held(workspace)?.question.allow_ties === true,
    perform: (workspace) =>
      change(workspace, ({ answer, id, ids }) => tied(answer, { id, ids })),
  },
  {
    ...common,
    name: "card-confirm",
    label: () => t.rank.takeOrder,
    keys: ["o"],
    enabled: (workspace) => {
      const hold = held(workspace);
      return hold !== null && waiting(hold.answer, hold.ids).length > 0;
    },
    perform: (workspace) => change(workspace, ({ answer, ids }) => confirmed(answer, ids)),
  },
];
