/** What was said before the completions. */
import { useLayoutEffect, useRef } from "react";
import type { Assignment } from "../types";
import { ActionButton } from "./ActionButton";
import { Messages } from "./Messages";
import { useWorkspace } from "./workspace";

export function Conversation({ assignment }: { assignment: Assignment }) {
  const { view } = useWorkspace();
  const scroller = useRef<HTMLDivElement>(null);
  const { messages, context } = assignment.prompt;

  // The last turn is the one to answer: it starts at the top of the box.
  useLayoutEffect(() => {
    const box = scroller.current;
    const last = box?.lastElementChild;
    if (box && last instanceof HTMLElement && messages.length > 1) {
      box.scrollTop = last.offsetTop - box.offsetTop;
    }
  }, [messages]);

  const turns = messages.length === 1 ? null : ` · ${messages.length} turns`;
  return (
    <section className="conversation" data-expanded={view.expanded} aria-label="Conversation">
      <div className="strip">
        <h2>
          Conversation<span className="wide-only">{turns}</span>
        </h2>
        <div className="tools">
          {context && Object.keys(context).length > 0 && <ActionButton name="context" />}
          <ActionButton name="guidelines" />
          <ActionButton name="expand">
            <span className="label">{view.expanded ? "Shrink" : "Expand"}</span>
          </ActionButton>
        </div>
      </div>
      <div className="scroll" ref={scroller} tabIndex={0} role="region" aria-label="Turns">
        <Messages messages={messages} named={messages.length > 1 || messages[0]?.role !== "user"} />
      </div>
    </section>
  );
}
