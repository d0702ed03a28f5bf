/** Two completions side by side; on a narrow screen, tabs with a swipe. */
import { useEffect, useMemo, useRef, type UIEvent } from "react";
import { ActionButton, keepFocus } from "../components/ActionButton";
import { Messages } from "../components/Messages";
import { useWorkspace } from "../components/workspace";
import { difference, shared, side, type Part } from "../difference";
import type { Assignment, Completion } from "../types";

function textOf(completion: Completion): string {
  return completion.messages.map((message) => message.content).join("\n\n");
}

function DiffText({ parts }: { parts: Part[] }) {
  return (
    <div className="as-written">
      {parts.map((part, i) =>
        part.in === "both" ? (
          part.text
        ) : (
          <mark key={i} className={`only-${part.in}`}>
            {part.text}
          </mark>
        ),
      )}
    </div>
  );
}

interface PaneProps {
  completion: Completion;
  place: number;
  parts: Part[] | null | undefined;
}

function Pane({ completion, place, parts }: PaneProps) {
  const which = place === 0 ? "a" : "b";
  return (
    <section
      className="pane"
      id={`pane-${completion.id}`}
      aria-labelledby={`name-${completion.id}`}
      data-place={place}
    >
      <h2 className="name" id={`name-${completion.id}`}>
        <span className="letter">{completion.label}</span>
      </h2>
      <div
        className="scroll"
        tabIndex={0}
        role="region"
        aria-label={`Completion ${completion.label}`}
      >
        {parts === null && (
          <p className="quiet">These two differ too much to compare word by word.</p>
        )}
        {parts ? (
          <DiffText parts={side(parts, which)} />
        ) : (
          <Messages messages={completion.messages} named={completion.messages.length > 1} />
        )}
      </div>
    </section>
  );
}

export function Compare({ assignment, front }: { assignment: Assignment; front: boolean }) {
  const { workspace, view } = useWorkspace();
  const panes = useRef<HTMLDivElement>(null);
  const [a, b] = assignment.completions;

  // Undefined: not asked for. Null: too different.
  const parts = useMemo(
    () => (front && view.diff && a && b ? difference(textOf(a), textOf(b)) : undefined),
    [front, view.diff, a, b],
  );

  // On a narrow screen the panes lie side by side in a strip that snaps.
  useEffect(() => {
    const strip = panes.current;
    if (!strip || strip.scrollWidth <= strip.clientWidth) return;
    strip.scrollTo({ left: view.pane * strip.clientWidth, behavior: "auto" });
  }, [view.pane, front]);

  if (!a || !b) {
    const found = assignment.completions.length;
    return (
      <p className="state">
        This task cannot be compared: two completions were expected, {found} found. Skip
        (S) goes on to the next one.
      </p>
    );
  }

  const onStrip = (event: UIEvent<HTMLDivElement>): void => {
    const strip = event.currentTarget;
    if (event.target !== strip) return;
    const pane = Math.round(strip.scrollLeft / strip.clientWidth);
    if (pane !== view.pane) workspace.view.set({ pane });
  };

  const onScroll = (event: UIEvent<HTMLDivElement>): void => {
    const from = event.target as HTMLElement;
    if (!view.locked || !from.matches(".pane > .scroll:hover, .pane > .scroll:focus")) {
      return;
    }
    for (const other of event.currentTarget.querySelectorAll(".pane > .scroll")) {
      if (other === from) continue;
      const share = from.scrollTop / Math.max(1, from.scrollHeight - from.clientHeight);
      other.scrollTop = share * (other.scrollHeight - other.clientHeight);
    }
  };

  return (
    <div className="compare">
      <div className="strip">
        <div className="tabs narrow-only" role="group" aria-label="Completion in front">
          {[a, b].map((completion, place) => (
            <button
              key={completion.id}
              type="button"
              className="tab"
              aria-pressed={view.pane === place}
              onMouseDown={keepFocus}
              onClick={() => workspace.view.set({ pane: place })}
            >
              {completion.label}
            </button>
          ))}
        </div>
        <p className="quiet wide-only">
          {parts
            ? `${Math.round(shared(parts) * 100)} % of the words are in both`
            : "Completions"}
        </p>
        <div className="tools">
          <ActionButton name="difference" />
          <ActionButton name="lock" className="wide-only" />
        </div>
      </div>
      <div className="panes" ref={panes} onScroll={onStrip} onScrollCapture={onScroll}>
        <Pane completion={a} place={0} parts={parts} />
        <Pane completion={b} place={1} parts={parts} />
      </div>
    </div>
  );
}
