/** The room that a task lies in: what is read, the bar, and the keys. */
import { Activity, memo, useEffect, useMemo, useState, type ReactNode } from "react";
import { actions, type Workspace as Parts } from "../actions";
import { ActionButton } from "../components/ActionButton";
import { Conversation } from "../components/Conversation";
import { Drawer } from "../components/Drawer";
import { MediaContext } from "../components/media";
import { HelpSheet } from "../components/HelpSheet";
import { QuestionBar } from "../components/QuestionBar";
import { State } from "../components/State";
import { SignInAgain } from "../components/SyncState";
import { ProgressLine, TopBar } from "../components/TopBar";
import { AheadContext, useWorkspace, WorkspaceContext } from "../components/workspace";
import type { Desk } from "../desk";
import { listen } from "../keyboard";
import { afterPaint } from "../painting";
import { Cards } from "../questions/Cards";
import { Palette } from "../questions/Palette";
import { Panes } from "../questions/Panes";
import { inCards } from "../questions/reading";
import { useTextSelection } from "../questions/useTextSelection";
import { useOutbox } from "../session";
import { settings } from "../settings";
import { t } from "../strings";
import type { Assignment, Project } from "../types";
import { Finished } from "./Finished";

/** Put the cursor where an action wants it. */
export function focusOn(desk: Desk): Parts["focus"] {
  const find = (selector: string): HTMLElement | null => document.querySelector(selector);
  return (place) => {
    const { question, completion } = desk.hand.focus;
    if (place === "page") (document.activeElement as HTMLElement | null)?.blur();
    else if (place === "pane") {
      find(`[data-front=true] .pane[data-place="${completion}"] > .scroll`)?.focus();
    } else {
      const own = `[data-write="${question}"]`;
      const field =
        find(`${own}[data-completion="${completion}"]`) ?? find(own) ?? find("#reason");
      (field ?? find("[data-write]"))?.focus();
    }
  };
}

/** The desk at work while its room is on the page. */
function useDesk(parts: Parts): void {
  useEffect(() => {
    const { desk } = parts;
    desk.start();
    const touch = (): void => desk.touch();
    const seen = (): void => (document.hidden ? desk.hide() : desk.touch());
    const online = (): void => void desk.refill();
    const leave = (): void => desk.hide();
    const inputs = ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"];
    for (const name of inputs) window.addEventListener(name, touch, { passive: true });
    document.addEventListener("visibilitychange", seen);
    window.addEventListener("online", online);
    window.addEventListener("pagehide", leave);
    const deaf = listen({
      mode: () => parts.view.get().mode,
      actions: () => actions,
      remaps: () => settings.get().keys,
      enabled: (action) => action.enabled(parts),
      perform: (action) => action.perform(parts),
      refuse: ({ key, names }) =>
        desk.notify(t.desk.keyTaken(key, names.join(", "))),
    });
    return () => {
      deaf();
      for (const name of inputs) window.removeEventListener(name, touch);
      document.removeEventListener("visibilitychange", seen);
      window.removeEventListener("online", online);
      window.removeEventListener("pagehide", leave);
      desk.stop();
    };
  }, [parts]);

  useTextSelection(parts);
}

interface Props {
  parts: Parts;
  project: Project;
  /** What stands above the room. */
  children?: ReactNode;
}

export function Room({ parts, project, children }: Props) {
  useDesk(parts);
  return (
    <WorkspaceContext value={parts}>
      <MediaContext value={project.slug}>
        <Furniture project={project}>{children}</Furniture>
      </MediaContext>
    </WorkspaceContext>
  );
}

/** Counts, with what is still on its way to the server. */
function Counted({ slug }: { slug: string }) {
  const { desk } = useWorkspace();
  const { status } = useOutbox();
  const unsent = status.entries.filter(
    (entry) =>
      entry.kind === "answer" &&
      entry.project === slug &&
      !entry.refusal &&
      !entry.corrects &&
      !entry.body.supersedes,
  ).length;
  return <ProgressLine progress={desk.progress} unsent={unsent} />;
}

function Sheet() {
  const { view } = useWorkspace();
  return view.mode === "sheet" && <HelpSheet />;
}

function Furniture({ project, children }: { project: Project; children: ReactNode }) {
  return (
    <div className="page workspace">
      <TopBar title={project.name}>
        <Counted slug={project.slug} />
        <ActionButton name="help" className="plain wide-only">
          <span className="label">{t.top.keys}</span>
        </ActionButton>
      </TopBar>
      {children}
      <main>
        <Tasks />
        <Palette />
        <Standing project={project} />
        <Drawer project={project} />
      </main>
      <QuestionBar />
      <Sheet />
    </div>
  );
}

function distinct(tasks: readonly (Assignment | null | undefined)[]): Assignment[] {
  const found = tasks.filter((each) => each !== null && each !== undefined);
  return [...new Map(found.map((each) => [each.id, each])).values()];
}

/** The task on the screen, and those behind it that are laid out by now. */
function useLaid(shown: Assignment | null, queue: readonly Assignment[]): Assignment[] {
  const wanted = useMemo(() => distinct([shown, ...queue.slice(0, 2)]), [shown, queue]);
  const [laid, setLaid] = useState(wanted);
  // One more is read and laid out only when the person has the next one in front.
  useEffect(() => afterPaint(() => setLaid(wanted)), [wanted]);
  const known = new Set(laid.map(({ id }) => id));
  return wanted.filter((each) => each.id === shown?.id || known.has(each.id));
}

/** The task in front, and the next ones already laid out behind it. */
function Tasks() {
  const { workspace, desk } = useWorkspace();
  const shown = workspace.desk.shown;
  const front = desk.at !== null || desk.phase !== "paused" ? shown : null;
  return useLaid(shown, desk.queue).map((assignment) => {
    const visible = assignment.id === front?.id;
    return (
      // The mark is outside: what is hidden is drawn when there is time.
      <div
        key={assignment.id}
        className="slot"
        data-front={visible}
        data-assignment={assignment.id}
      >
        <Activity mode={visible ? "visible" : "hidden"}>
          <Task assignment={assignment} front={visible} />
        </Activity>
      </div>
    );
  });
}

/** Drawn again by what it watches itself: a key pressed in front leaves those behind. */
const Task = memo(function Task({ assignment, front }: { assignment: Assignment; front: boolean }) {
  const { workspace } = useWorkspace();
  const { desk } = workspace;
  const ahead = useMemo(
    () => (front ? null : desk.formAhead(assignment)),
    [front, desk, assignment],
  );
  const questions = desk.questionsOf(assignment);
  return (
    <AheadContext value={ahead}>
      <div className="task">
        <Conversation assignment={assignment} />
        {inCards({ task: assignment, questions }) ? (
          <Cards assignment={assignment} />
        ) : (
          <Panes assignment={assignment} front={front} />
        )}
      </div>
    </AheadContext>
  );
});

/** What stands in the place of a task when there is none. */
function Standing({ project }: { project: Project }) {
  const { workspace, desk } = useWorkspace();
  const { status } = useOutbox();
  if (desk.at !== null) return null;
  if (desk.phase === "paused") {
    return (
      <State title={t.state.paused}>
        <p>{t.state.pausedNext}</p>
      </State>
    );
  }
  if (workspace.desk.shown) return null;
  if (status.signedOut) {
    return (
      <State title={t.state.ended}>
        <p>{t.state.endedNext}</p>
        <SignInAgain />
      </State>
    );
  }
  if (desk.offline) {
    return (
      <State title={t.state.offline}>
        <p>{t.state.offlineNext(status.waiting)}</p>
        <button type="button" className="button" onClick={() => void workspace.desk.refill()}>
          {t.app.tryNow}
        </button>
      </State>
    );
  }
  if (desk.phase === "failed") {
    return (
      <State title={t.state.noTask}>
        <p>{desk.error}</p>
        <button type="button" className="button" onClick={() => void workspace.desk.refill()}>
          {t.app.tryAgain}
        </button>
      </State>
    );
  }
  if (desk.phase === "finished") {
    return <Finished thanks={desk.thanks} progress={desk.progress} project={project} />;
  }
  return (
    <State title={t.state.getting} busy>
      <p>{t.state.gettingNext}</p>
    </State>
  );
}
