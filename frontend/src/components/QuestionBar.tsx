/** The bar at the bottom: the questions, the reason, what to do next. */
import { useEffect, useLayoutEffect, useRef } from "react";
import { actionNamed } from "../actions";
import { flags as flagNames } from "../actions/panels";
import { choicesAt, questionAt, shownOf, stageOf } from "../form";
import { keysOf } from "../keyboard";
import { Choices } from "../questions/Choices";
import { grows, isRow, panelOf } from "../questions/panels";
import { settings } from "../settings";
import { useStore } from "../store";
import { t } from "../strings";
import type { Question } from "../types";
import { ActionButton, KeyCap } from "./ActionButton";
import { FlagPanel, SkipPanel } from "./Panels";
import { useForm, useWorkspace } from "./workspace";

/** The question whose reason is asked for here: the one in focus, or the first. */
function useReasonQuestion(): Question | null {
  const { desk } = useWorkspace();
  const form = useForm();
  if (!form) return null;
  const asking = shownOf(form).filter(({ reason }) => reason !== "off");
  return asking.find(({ id }) => id === desk.focus.question) ?? asking[0] ?? null;
}

function Reason() {
  const { workspace, desk } = useWorkspace();
  const field = useRef<HTMLTextAreaElement>(null);
  const question = useReasonQuestion();
  const form = useForm();
  const [key] = keysOf(actionNamed("reason"), useStore(settings).keys);
  const reason = (question && desk.draft.reasons[question.id]) ?? "";

  // Grows with the text, up to the height that the style sheet allows.
  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  }, [reason]);

  if (!question || !form) return null;
  const required = question.reason === "required";
  const several = form.questions.filter((each) => each.reason !== "off").length > 1;
  const about = several ? ` · ${question.criterion ?? question.text}` : "";
  return (
    <div className="reason">
      <textarea
        id="reason"
        ref={field}
        rows={1}
        dir="auto"
        aria-label={(required ? t.bar.reasonNameRequired : t.bar.reasonName) + about}
        placeholder={(required ? t.bar.reasonRequired : t.bar.reason) + about}
        value={reason}
        onChange={(event) => workspace.desk.hand.setReason(event.target.value, question)}
      />
      {!reason && key && <KeyCap keys={key} />}
    </div>
  );
}

/** What is chosen in the cell under focus, in words. */
function useSaid(): string {
  const { desk } = useWorkspace();
  const form = useForm();
  if (!form) return "";
  const chosen = choicesAt(form, desk.focus)
    .filter((choice) => choice.chosen)
    .map((choice) => choice.label);
  const flags = desk.draft.flags.map(
    (flag) => flagNames().find((each) => each.kind === flag.flag)?.label ?? flag.flag,
  );
  return [...chosen, ...flags.map((flag) => `⚑ ${flag}`)].join(" · ");
}

/** One line of fixed height: what is asked, what is chosen, what just happened. */
function Line() {
  const { desk, view } = useWorkspace();
  const form = useForm();
  const said = useSaid();
  const question = form && questionAt(form, desk.focus);
  const back = desk.at === null ? 0 : desk.past.length - desk.at;
  // Where questions bear their own titles, the line need not repeat one.
  const titled = back === 0 && form !== null && shownOf(form).filter((q) => !isRow(q)).length > 1;
  const hint = question?.kind === "principle" ? t.select.hintEvidence : t.select.hint;
  return (
    <div className="line" data-correcting={back > 0}>
      <p dir="auto" className={titled ? "asked narrow-only" : "asked"}>{back > 0 ? t.bar.back(back) : question?.text}</p>
      <p className="said" role="status" key={desk.notice?.n}>
        {desk.notice?.text ?? (view.mode === "select" ? hint : said)}
      </p>
    </div>
  );
}

function Asked({ question, alone }: { question: Question; alone: boolean }) {
  const { desk } = useWorkspace();
  const form = useForm();
  const section = useRef<HTMLElement>(null);
  const focused = desk.focus.question === question.id;
  const Panel = panelOf(question);
  const { row, completion } = desk.focus;

  useEffect(() => {
    if (!focused || alone) return;
    const here = section.current?.querySelector("[data-focused=true]") ?? section.current;
    here?.scrollIntoView({ block: "nearest" });
  }, [focused, alone, row, completion, form?.task]);

  if (!form) return null;
  const settled = question.stage < stageOf(form);
  const at = { question: question.id, row: "", completion: focused ? completion : 0 };
  return (
    <section
      ref={section}
      className={`ask ${question.kind}`}
      aria-label={question.text}
      data-focused={!alone && focused}
      data-settled={settled}
    >
      {!alone && !isRow(question) && <h3 dir="auto">{question.text}</h3>}
      {question.help && (focused || alone) && <p className="help">{question.help}</p>}
      {settled && <p className="help">{t.bar.settled}</p>}
      <div className="panel-body" inert={settled}>
        <Panel question={question} alone={alone} />
        {question.confidence && (
          <div className="beside">
            <span className="scale-name">{t.bar.confidence}</span>
            <Choices at={{ ...at, part: "confidence" }} name={t.bar.confidence} />
          </div>
        )}
        {question.reasons.length > 0 && (
          <div className="beside">
            <span className="scale-name">{t.bar.reasons}</span>
            <Choices at={{ ...at, part: "reasons" }} name={t.bar.reasons} />
          </div>
        )}
      </div>
    </section>
  );
}

/** On a narrow screen one question is open at a time. */
function Steps({ questions }: { questions: readonly Question[] }) {
  const { workspace, desk } = useWorkspace();
  if (questions.length < 2) return null;
  const at = questions.findIndex(({ id }) => id === desk.focus.question);
  const to = (place: number): void => {
    const question = questions[place];
    if (!question) return;
    workspace.desk.hand.focusQuestion(question.id);
  };
  return (
    <nav className="steps-nav narrow-only" aria-label={t.bar.questions}>
      <button
        type="button"
        className="button plain"
        aria-label={t.actions.previousQuestion}
        disabled={at <= 0}
        onClick={() => to(at - 1)}
      >
        ‹
      </button>
      <span>{t.bar.nth(at + 1, questions.length)}</span>
      <button
        type="button"
        className="button plain"
        aria-label={t.actions.nextQuestion}
        disabled={at >= questions.length - 1}
        onClick={() => to(at + 1)}
      >
        ›
      </button>
    </nav>
  );
}

function Questions() {
  const form = useForm();
  if (!form) return null;
  if (form.questions.length === 0) return <p className="state">{t.state.unasked}</p>;
  const questions = shownOf(form);
  const alone = questions.length === 1;
  const tall = form.questions.some((question) => !isRow(question));
  return (
    <>
      {tall && <Steps questions={questions} />}
      <div className="asks" data-tall={tall} data-grows={form.questions.some(grows)}>
        {questions.map((question) => (
          <Asked key={question.id} question={question} alone={alone} />
        ))}
      </div>
    </>
  );
}

export function QuestionBar() {
  const { view } = useWorkspace();
  return (
    <footer className="bar">
      {view.mode === "skip" && <SkipPanel />}
      {view.mode === "flag" && <FlagPanel />}
      <Line />
      <Questions />
      <div className="last-row">
        <Reason />
        <div className="tools">
          <ActionButton name="undo" />
          <ActionButton name="skip" />
          <ActionButton name="flag" />
          <ActionButton name="accept" className="primary" />
        </div>
      </div>
    </footer>
  );
}
