/** The bar at the bottom: the question, its scale, the reason, what to do next. */
import { useLayoutEffect, useRef } from "react";
import { actionNamed, FLAGS } from "../actions";
import { optionsOf } from "../judgments";
import { keysOf } from "../keyboard";
import { Scale } from "../questions/Scale";
import { settings } from "../settings";
import { useStore } from "../store";
import { ActionButton, KeyCap } from "./ActionButton";
import { FlagPanel, SkipPanel } from "./Panels";
import { useWorkspace } from "./workspace";

function Reason() {
  const { workspace, desk } = useWorkspace();
  const field = useRef<HTMLTextAreaElement>(null);
  const need = workspace.desk.questions.find((each) => each.reason !== "off")?.reason;
  const { reason } = desk.draft;
  const [key] = keysOf(actionNamed("reason"), useStore(settings).keys);

  // Grows with the text, up to the height that the style sheet allows.
  useLayoutEffect(() => {
    const box = field.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight + 2}px`;
  }, [reason]);

  if (!need) return null;
  return (
    <div className="reason">
      <textarea
        id="reason"
        ref={field}
        rows={1}
        aria-label={need === "required" ? "Reason (required)" : "Reason (optional)"}
        placeholder={need === "required" ? "Why? A reason is required" : "Why? A reason helps"}
        value={reason}
        disabled={workspace.desk.shown === null}
        onChange={(event) => workspace.desk.hand.setReason(event.target.value)}
      />
      {!reason && key && <KeyCap keys={key} />}
    </div>
  );
}

/** One line of fixed height: what is chosen, or what just happened. */
function Line() {
  const { workspace, desk } = useWorkspace();
  const { questions } = workspace.desk;
  const question = questions[desk.question];
  const chosen = question && desk.draft.choices[question.id];
  const option = question && optionsOf(question).find((each) => each.value === chosen);
  const back = desk.at === null ? 0 : desk.past.length - desk.at;
  const flags = desk.draft.flags.map(
    (flag) => FLAGS.find((each) => each.kind === flag.flag)?.label ?? flag.flag,
  );
  return (
    <div className="line" data-correcting={back > 0}>
      <p className="asked">
        {back > 0
          ? `Your answer ${back === 1 ? "before this" : `${back} back`} · Esc returns`
          : question?.text}
      </p>
      <p className="said" role="status" key={desk.notice?.n}>
        {desk.notice?.text ??
          [option?.label, ...flags.map((flag) => `⚑ ${flag}`)].filter(Boolean).join(" · ")}
      </p>
    </div>
  );
}

export function QuestionBar() {
  const { workspace, view } = useWorkspace();
  const { questions } = workspace.desk;
  return (
    <footer className="bar">
      {view.mode === "skip" && <SkipPanel />}
      {view.mode === "flag" && <FlagPanel />}
      <Line />
      {questions.length === 0 && (
        <p className="state">
          This project asks nothing that this screen can show: a compare question was
          expected. Ask the researcher to check the project's protocol.
        </p>
      )}
      {questions.map((question, place) => (
        <Scale
          key={question.id}
          question={question}
          place={place}
          stacked={questions.length > 1}
        />
      ))}
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
