/** The list of spans in reading order; the one being filled in is open. */
import { ActionButton, keepFocus } from "../../components/ActionButton";
import { useWorkspace } from "../../components/workspace";
import { t } from "../../strings";
import type { Of } from "../../types";
import { Choices } from "../Choices";
import { useAnswer, type PanelProps } from "../panel";
import { Refs, type EarlierSpan } from "../Refs";
import {
  changed,
  lackOf,
  lettersOf,
  quoted,
  readingOrder,
  removed,
  type Mark,
  type SpanAnswer,
} from "./kind";

function Details({ question, at }: { question: Of<"span">; at: number }) {
  const { desk } = useWorkspace();
  const { answer, put, task, completion } = useAnswer<SpanAnswer>(question);
  const mark = answer.marks[at]!;
  const change = (by: Partial<Mark>, typing = false): void =>
    put(changed(answer, at, by), { typing });
  const earlier: EarlierSpan[] = answer.marks
    .filter((each) => each !== mark && each.completion !== null)
    .map((each) => ({
      text: quoted(task, each),
      ref: {
        completion: each.completion,
        message: each.message,
        start: each.start,
        end: each.end,
      },
    }));
  return (
    <div className="details">
      {question.severities.length > 0 && !desk.selection && (
        <Choices
          at={{ question: question.id, part: "answer", row: "", completion }}
          name={t.span.severity}
        />
      )}
      <select
        aria-label={t.span.category}
        value={mark.category}
        onChange={(event) => change({ category: event.target.value })}
      >
        {question.categories.map(({ id, label }) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
      {question.note !== "off" && (
        <input
          dir="auto"
          data-write={question.id}
          data-completion={completion}
          aria-label={t.span.note}
          placeholder={question.note === "required" ? t.span.noteWanted : t.span.note}
          value={mark.note}
          onChange={(event) => change({ note: event.target.value }, true)}
        />
      )}
      {question.replacement !== "off" && (
        <input
          dir="auto"
          data-write={question.id}
          data-completion={completion}
          aria-label={t.span.replacement}
          placeholder={
            question.replacement === "required" ? t.span.replacementWanted : t.span.replacement
          }
          value={mark.replacement}
          onChange={(event) => change({ replacement: event.target.value }, true)}
        />
      )}
      {question.refs !== "off" && (
        <Refs
          task={task}
          refs={mark.refs}
          earlier={earlier}
          onChange={(refs) => change({ refs })}
        />
      )}
    </div>
  );
}

export function SpanPanel({ question }: PanelProps<Of<"span">>) {
  const { answer, put, task } = useAnswer<SpanAnswer>(question);
  const letters = lettersOf(question.categories);
  const labelOf = (id: string): string =>
    question.categories.find((each) => each.id === id)?.label ?? id;
  const severityOf = (mark: Mark): string =>
    question.severities.find((each) => each.id === mark.severity)?.label ?? "";
  const order = readingOrder(task, answer.marks);
  return (
    <>
      <div className="span-head">
        <ActionButton name="select" />
        <ul className="legend">
          {question.categories.map(({ id, label, description }, i) => (
            <li key={id} title={description}>
              <span className={`span-mark c${i % 8}`}>{letters.get(id)}</span> {label}
            </li>
          ))}
        </ul>
      </div>
      {order.length === 0 && <p className="quiet">{t.span.none}</p>}
      <ol className="marks" aria-label={t.span.list}>
        {order.map((i) => {
          const mark = answer.marks[i]!;
          const open = answer.at === i;
          const label = task.completions.find((each) => each.id === mark.completion)?.label;
          const quote = quoted(task, mark);
          const lack = lackOf({ question, task }, mark);
          const category = question.categories.findIndex((each) => each.id === mark.category);
          return (
            <li key={`${mark.completion} ${mark.message} ${mark.start} ${mark.end} ${i}`}>
              <div className="mark-line" data-open={open}>
                <button
                  type="button"
                  className="mark-name"
                  aria-expanded={open}
                  onMouseDown={keepFocus}
                  onClick={() => put({ ...answer, at: open ? null : i }, { typing: true })}
                >
                  <span className={`span-mark c${category % 8}`}>
                    {letters.get(mark.category)}
                  </span>
                  {label && task.completions.length > 1 && <b>{label}</b>}
                  <q dir="auto">{quote}</q>
                  <span className="quiet">
                    {[labelOf(mark.category), severityOf(mark)].filter(Boolean).join(" · ")}
                  </span>
                  {lack && <span className="lack">{lack}</span>}
                </button>
                <button
                  type="button"
                  className="button plain small"
                  aria-label={t.span.remove(quote)}
                  onMouseDown={keepFocus}
                  onClick={() => put(removed(answer, i))}
                >
                  ✕
                </button>
              </div>
              {open && <Details question={question} at={i} />}
            </li>
          );
        })}
      </ol>
    </>
  );
}
