/** A checklist: a verdict for each principle and completion, with evidence. */
import { useState, type FormEvent } from "react";
import { actionNamed } from "../../actions";
import { ActionButton, keepFocus } from "../../components/ActionButton";
import { useWorkspace } from "../../components/workspace";
import { t } from "../../strings";
import type { Of } from "../../types";
import { CellRow } from "../Choices";
import { useAnswer, type PanelProps } from "../panel";
import {
  cellKey,
  nearDuplicate,
  principle,
  quoteOf,
  textOf,
  withoutEvidence,
  type PrincipleAnswer,
} from "./kind";

function EvidenceOf({
  question,
  row,
  completion,
}: {
  question: Of<"principle">;
  row: string;
  completion: number;
}) {
  const { workspace, desk } = useWorkspace();
  const { answer, put, task, focus } = useAnswer<PrincipleAnswer>(question);
  const key = cellKey(task, { row, completion });
  const verdict = answer.verdicts[key];
  const pointable = question.evidence !== "off" && verdict !== undefined && verdict !== "na";
  const here =
    desk.focus.question === question.id &&
    desk.focus.row === row &&
    desk.focus.completion === completion;
  return (
    <div className="evidence">
      {(answer.evidence[key] ?? []).map((each, i) => (
        <button
          key={`${each.message} ${each.start} ${each.end}`}
          type="button"
          className="chip"
          aria-label={t.principle.removeEvidence(quoteOf(task, completion, each))}
          onMouseDown={keepFocus}
          onClick={() => put(withoutEvidence(answer, key, i))}
        >
          <q>{quoteOf(task, completion, each)}</q> ✕
        </button>
      ))}
      {here && pointable && <ActionButton name="evidence" className="plain small" />}
      {!here && pointable && (
        <button
          type="button"
          className="button plain small"
          onMouseDown={keepFocus}
          onClick={() => {
            focus(completion, row);
            actionNamed("evidence").perform(workspace);
          }}
        >
          {t.actions.evidence}
        </button>
      )}
    </div>
  );
}

function Add({ question }: { question: Of<"principle"> }) {
  const { answer, put, focus } = useAnswer<PrincipleAnswer>(question);
  const [text, setText] = useState("");
  const known = [...question.principles.map((each) => each.text), ...answer.added];
  const near = text.trim() ? nearDuplicate(text, known) : null;
  const same = known.some((each) => each.toLowerCase() === text.trim().toLowerCase());

  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    if (!text.trim() || same) return;
    put({ ...answer, added: [...answer.added, text.trim()] });
    setText("");
    focus(0, `+${answer.added.length}`);
    (document.activeElement as HTMLElement | null)?.blur();
  };

  return (
    <form className="add" onSubmit={onSubmit}>
      <input
        dir="auto"
        data-write={question.id}
        data-completion={0}
        aria-label={t.principle.add}
        placeholder={t.principle.add}
        maxLength={2000}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          // Enter adds here; it does not accept the task.
          if (event.key === "Enter") event.stopPropagation();
        }}
      />
      <button type="submit" className="button" disabled={!text.trim() || same}>
        {t.principle.addShort}
      </button>
      <p className="quiet" role="status">
        {near && t.principle.near(near)}
      </p>
    </form>
  );
}

export function PrinciplePanel({ question }: PanelProps<Of<"principle">>) {
  const { answer, task, completion } = useAnswer<PrincipleAnswer>(question);
  const asked = { question, task };
  return (
    <>
      <ol className="principles">
        {principle.rows(asked, answer, completion).map((row) => (
          <li key={row}>
            <p dir="auto">{textOf(asked, answer, row)}</p>
            <CellRow
              question={question.id}
              row={row}
              each
              name={textOf(asked, answer, row)}
              beside={(place) => (
                <EvidenceOf question={question} row={row} completion={place} />
              )}
            />
          </li>
        ))}
      </ol>
      {question.open && <Add question={question} />}
    </>
  );
}
