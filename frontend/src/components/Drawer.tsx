/** Guidelines or context, beside the work and over it, moving nothing. */
import { useEffect, useRef } from "react";
import { passagesOf } from "../questions/passages";
import { SourceText } from "../questions/SourceText";
import { t } from "../strings";
import type { Assignment, Project } from "../types";
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

/** Passages as written, under their names, so that they can be marked. */
function Passages({ task }: { task: Assignment }) {
  return passagesOf(task).map(({ doc, title, text }) => (
    <div key={doc} className="passage">
      <h4>{title || doc}</h4>
      <SourceText
        text={text}
        place={{ target: "passage", completion: null, passage: doc, message: 0 }}
      />
    </div>
  ));
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
  const task = workspace.desk.shown;
  const context = task?.prompt.context ?? {};
  const title = drawer === "guidelines" ? t.actions.guidelines : t.actions.context;
  return (
    <aside className="drawer" aria-label={title}>
      <div className="strip">
        <h2>{title}</h2>
        <ActionButton name={drawer}>
          <span className="label">{t.actions.close}</span>
        </ActionButton>
      </div>
      <div className="scroll" tabIndex={0} ref={box} role="region" aria-label={t.read.text(title)}>
        {drawer === "guidelines" ? (
          <Markdown text={project.guidelines || t.read.noGuidelines} />
        ) : (
          Object.entries(context).map(([key, value]) => (
            <section key={key} className="context">
              <h3>{nameOf(key)}</h3>
              {key === "passages" && task ? <Passages task={task} /> : <Value value={value} />}
            </section>
          ))
        )}
      </div>
    </aside>
  );
}
