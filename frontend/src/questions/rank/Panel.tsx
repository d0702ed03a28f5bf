/** The order so far, in a line; and the place of the card in focus. */
import { ActionButton } from "../../components/ActionButton";
import { t } from "../../strings";
import type { Of } from "../../types";
import { Choices } from "../Choices";
import { useAnswer, type PanelProps } from "../panel";
import type { Ranking } from "./kind";
import { groupsOf, waiting } from "./order";

export function RankPanel({ question }: PanelProps<Of<"rank">>) {
  const { answer, task, completion } = useAnswer<Ranking>(question);
  const ids = task.completions.map((each) => each.id);
  const labelOf = (id: string): string => task.completions[ids.indexOf(id)]?.label ?? "";
  const groups = groupsOf(answer, ids);
  const rest = waiting(answer, ids).map(labelOf);
  const order = groups.map((group) => group.map(labelOf).join(" = ")).join(" › ");
  const label = task.completions[completion]?.label ?? "";
  return (
    <>
      <p className="order" role="status">
        <b>{order || t.rank.nothing}</b>
        {rest.length > 0 && <span> · {t.rank.waiting(rest.join(", "))}</span>}
        {answer.unranked.length > 0 && (
          <span> · {t.rank.left(answer.unranked.map(labelOf).join(", "))}</span>
        )}
        {answer.allBad && <span> · {t.rank.allBad}</span>}
      </p>
      <div className="rank-tools">
        <span className="letter" aria-hidden="true">
          {label}
        </span>
        <Choices
          at={{ question: question.id, part: "answer", row: "", completion }}
          name={t.rank.placeOf(label)}
        />
        <ActionButton name="card-confirm" className="small" />
      </div>
    </>
  );
}
