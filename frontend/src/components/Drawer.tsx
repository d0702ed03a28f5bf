/** Guidelines or context, beside the work and over it, moving nothing. */
import { useEffect, useRef } from "react";
import type { Project } from "../types";
import { ActionButton } from "./ActionButton";
import { Markdown } from "./Markdown";
import { useWorkspace } from "./workspace";

function nameOf(key: string): string {
  const words = key.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function Value({ value }: { value: unknown }) {
  if (typeof value === "string") return <Markdown text={value} />;
  if (Array.isArray(value)) {
    return value.map((each: unknown, i) => (
      <div key={i} className="passage">
        <Value value={each} />
      </div>
    ));
  }
  return <pre className="as-written">{JSON.stringify(value, null, 2)}</pre>;
}

export function Drawer({ project }: { project: Project }) {
  const { workspace, view } = useWorkspace();
  const box = useRef<HTMLDivElement>(null);
  const { drawer } = view;

  useEffect(() => {
    if (drawer) box.current?.focus();
    else workspace.focus("page");
  }, [drawer, workspace]);

  if (!drawer) return null;
  const context = workspace.desk.shown?.prompt.context ?? {};
  const title = drawer === "guidelines" ? "Guidelines" : "Context";
  return (
    <aside className="drawer" aria-label={title}>
      <div className="strip">
        <h2>{title}</h2>
        <ActionButton name={drawer}>
          <span className="label">Close</span>
        </ActionButton>
      </div>
      <div className="scroll" tabIndex={0} ref={box} role="region" aria-label={`${title}, text`}>
        {drawer === "guidelines" ? (
          <Markdown text={project.guidelines || "This project has no guidelines yet."} />
        ) : (
          Object.entries(context).map(([key, value]) => (
            <section key={key} className="context">
              <h3>{nameOf(key)}</h3>
              <Value value={value} />
            </section>
          ))
        )}
      </div>
    </aside>
  );
}
