/** Skip and flag: small panels above the bar. Neither asks "are you sure". */
import { useEffect, useRef, useState, type FormEvent } from "react";
import { flags as flagNames, SKIP_REASONS } from "../actions/panels";
import { t } from "../strings";
import { ActionButton, keepFocus } from "./ActionButton";
import { useWorkspace } from "./workspace";

export function SkipPanel() {
  const { workspace } = useWorkspace();
  const [reason, setReason] = useState("");

  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    if (!reason.trim()) return;
    workspace.view.set({ mode: "task" });
    void workspace.desk.skip(reason.trim());
    workspace.focus("page");
  };

  return (
    <section className="panel" role="group" aria-label={t.skip.title}>
      <div className="panel-head">
        <h2>{t.skip.why}</h2>
        <ActionButton name="close-skip" className="plain" />
      </div>
      <div className="choices">
        {SKIP_REASONS.map(({ reason: each }, i) => (
          <ActionButton key={each} name={`skip-${i + 1}`} />
        ))}
      </div>
      <form onSubmit={onSubmit} className="other">
        <input
          aria-label={t.skip.other}
          placeholder={t.skip.other}
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        <button type="submit" className="button" disabled={!reason.trim()}>
          {t.actions.skip}
        </button>
      </form>
    </section>
  );
}

export function FlagPanel() {
  const { workspace, desk, view } = useWorkspace();
  const panel = useRef<HTMLElement>(null);
  const shown = workspace.desk.shown;
  const flags = desk.draft.flags;

  useEffect(() => () => workspace.focus("page"), [workspace]);

  if (!shown) return null;
  const targets = [
    { id: "task", label: t.flags.task },
    { id: "prompt", label: t.flags.prompt },
    ...shown.completions.map(({ id, label }) => ({ id, label: t.completion(label) })),
  ];
  const nameOf = (target: string): string =>
    targets.find((each) => each.id === target)?.label ?? target;
  return (
    <section className="panel" role="group" aria-label={t.actions.flag} ref={panel}>
      <div className="panel-head">
        <h2>{t.flags.title}</h2>
        <ActionButton name="close-flag" className="plain" />
      </div>
      <div className="choices" role="group" aria-label={t.flags.about}>
        {targets.map(({ id, label }) => (
          <button
            key={id}
            type="button"
            className="button"
            aria-pressed={view.flagTarget === id}
            onMouseDown={keepFocus}
            onClick={() => workspace.view.set({ flagTarget: id })}
          >
            {label}
          </button>
        ))}
      </div>
      <div className="choices" role="group" aria-label={t.flags.wrong}>
        {flagNames().map(({ kind }, i) => (
          <ActionButton key={kind} name={`flag-${i + 1}`} />
        ))}
      </div>
      {flags.map((flag) => (
        <div key={`${flag.flag} ${flag.target}`} className="other">
          <label className="note">
            <span>
              {flagNames().find((each) => each.kind === flag.flag)?.label} ·{" "}
              {nameOf(flag.target)}
            </span>
            <input
              placeholder={t.flags.note}
              maxLength={500}
              value={flag.note}
              onChange={(event) => workspace.desk.hand.noteFlag(flag, event.target.value)}
            />
          </label>
          <button
            type="button"
            className="button"
            onMouseDown={keepFocus}
            onClick={() => workspace.desk.hand.toggleFlag(flag)}
          >
            {t.flags.remove}
          </button>
        </div>
      ))}
    </section>
  );
}
