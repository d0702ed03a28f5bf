/** One completion, or two side by side; on a narrow screen, tabs with a swipe. */
import { useEffect, useMemo, useRef, type UIEvent } from "react";
import { ActionButton, keepFocus } from "../components/ActionButton";
import { useWorkspace } from "../components/workspace";
import { t } from "../strings";
import { difference, shared, side, type Part } from "../text/difference";
import type { Assignment, Completion } from "../types";
import { CompletionText, textOf } from "./CompletionText";
import { ReadingTools } from "./ReadingTools";

interface PaneProps {
  completion: Completion;
  place: number;
  parts: Part[] | null | undefined;
  alone: boolean;
}

function Pane({ completion, place, parts, alone }: PaneProps) {
  const which = place === 0 ? "a" : "b";
  const { workspace } = useWorkspace();
  return (
    <section
      className="pane"
      id={`pane-${completion.id}`}
      aria-labelledby={`name-${completion.id}`}
      data-place={place}
      onPointerDown={() => workspace.desk.hand.focusCompletion(place)}
    >
      <h2 className="name" id={`name-${completion.id}`} hidden={alone}>
        <span className="letter">{completion.label}</span>
      </h2>
      <div
        className="scroll"
        tabIndex={0}
        role="region"
        aria-label={t.completion(completion.label)}
      >
        <CompletionText completion={completion} parts={parts && side(parts, which)} />
      </div>
    </section>
  );
}

export function Panes({ assignment, front }: { assignment: Assignment; front: boolean }) {
  const { workspace, desk, view } = useWorkspace();
  const panes = useRef<HTMLDivElement>(null);
  const { completions } = assignment;
  const [a, b] = completions;
  const { completion: current } = desk.focus;

  // Undefined: not asked for. Null: too different.
  const parts = useMemo(
    () => (front && view.diff && a && b ? difference(textOf(a), textOf(b)) : undefined),
    [front, view.diff, a, b],
  );

  // On a narrow screen the panes lie side by side in a strip that snaps.
  useEffect(() => {
    const strip = panes.current;
    if (!front || !strip || strip.scrollWidth <= strip.clientWidth) return;
    const pane = strip.children[current];
    if (!(pane instanceof HTMLElement)) return;
    strip.scrollTo({ left: pane.offsetLeft - strip.offsetLeft, behavior: "auto" });
  }, [current, front]);

  if (!a) return <p className="state">{t.read.noCompletion}</p>;

  const onStrip = (event: UIEvent<HTMLDivElement>): void => {
    const strip = event.currentTarget;
    if (event.target !== strip || strip.scrollWidth <= strip.clientWidth) return;
    const place = Math.round(Math.abs(strip.scrollLeft) / strip.clientWidth);
    if (place !== current) workspace.desk.hand.focusCompletion(place);
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
        {b && (
          <div className="tabs narrow-only" role="group" aria-label={t.read.inFront}>
            {completions.map((completion, place) => (
              <button
                key={completion.id}
                type="button"
                className="tab"
                aria-pressed={current === place}
                onMouseDown={keepFocus}
                onClick={() => workspace.desk.hand.focusCompletion(place)}
              >
                {completion.label}
              </button>
            ))}
          </div>
        )}
        <p className="quiet wide-only">
          {parts
            ? t.read.shared(Math.round(shared(parts) * 100))
            : b
              ? t.read.completions
              : t.read.completion}
        </p>
        <div className="tools">
          <ReadingTools />
          {b && <ActionButton name="difference" />}
          {b && <ActionButton name="lock" className="wide-only" />}
        </div>
      </div>
      <div
        className="panes"
        ref={panes}
        data-count={completions.length}
        onScroll={onStrip}
        onScrollCapture={onScroll}
      >
        {completions.map((completion, place) => (
          <Pane
            key={completion.id}
            completion={completion}
            place={place}
            parts={parts}
            alone={!b}
          />
        ))}
      </div>
    </div>
  );
}
