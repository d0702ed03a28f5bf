/** Kinds that are answered by choosing alone: reaction, choose, best and worst. */
import { t } from "../strings";
import type { Of } from "../types";
import { CellRow, Choices } from "./Choices";
import type { PanelProps } from "./panel";

export function ReactionPanel({ question }: PanelProps<Of<"reaction">>) {
  return <CellRow question={question.id} row="" each name={question.text} />;
}

export function ChoosePanel({ question }: PanelProps<Of<"choose">>) {
  const each = question.target === "completion";
  const name = question.criterion ?? question.text;
  return <CellRow question={question.id} row="" each={each} name={name} />;
}

export function BestWorstPanel({ question }: PanelProps<Of<"best_worst">>) {
  return (["best", "worst"] as const).map((row) => (
    <div key={row} className="scale-row">
      <span className="scale-name">{t.bestWorst[row]}</span>
      <Choices
        at={{ question: question.id, part: "answer", row, completion: 0 }}
        name={`${question.text} ${t.bestWorst[row]}`}
        draw={(choice) => <span className="glyph">{choice.label}</span>}
      />
    </div>
  ));
}
