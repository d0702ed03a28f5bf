/** One project's workspace: read, judge, next. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Activity, useEffect, useMemo, useState } from "react";
import { actions, FIRST_VIEW, type View, type Workspace as Parts } from "../actions";
import { api } from "../api";
import { ActionButton } from "../components/ActionButton";
import { Conversation } from "../components/Conversation";
import { Drawer } from "../components/Drawer";
import { HelpSheet } from "../components/HelpSheet";
import { QuestionBar } from "../components/QuestionBar";
import { State } from "../components/State";
import { SignInAgain } from "../components/SyncState";
import { ProgressLine, TopBar } from "../components/TopBar";
import { useWorkspace, WorkspaceContext } from "../components/workspace";
import { Desk } from "../desk";
import { draftStore } from "../drafts";
import { listen } from "../keyboard";
import { Compare } from "../questions/Compare";
import { Link } from "../router";
import { useHome, useOutbox } from "../session";
import { settings } from "../settings";
import { Store } from "../store";
import type { Assignment, Project, User } from "../types";
import { Finished } from "./Finished";

export function Workspace({ slug, user }: { slug: string; user: User }) {
  const { data, error, refetch } = useQuery({
    queryKey: ["project", slug],
    queryFn: ({ signal }) => api.project(slug, signal),
    staleTime: Infinity,
  });
  if (data) {
    // Another person or newer questions: another desk. Drafts are on the disk.
    const key = `${user.username} ${slug} ${data.protocol.version}`;
    return <Open key={key} project={data} user={user} />;
  }
  return (
    <div className="page">
      <TopBar />
      <main className="column">
        {error ? (
          <State title="The project could not be opened">
            <p>{error.message}</p>
            <div className="tools">
              <button type="button" className="button" onClick={() => void refetch()}>
                Try again
              </button>
              <Link to="/" className="button">
                All projects
              </Link>
            </div>
          </State>
        ) : (
          <State title="Opening the project" busy />
        )}
      </main>
    </div>
  );
}

/** Put the cursor where an action wants it. */
function focusOn(view: Store<View>): Parts["focus"] {
  return (place) => {
    if (place === "reason") document.getElementById("reason")?.focus();
    else if (place === "page") (document.activeElement as HTMLElement | null)?.blur();
    else {
      const pane = `[data-front=true] .pane[data-place="${view.get().pane}"] > .scroll`;
      document.querySelector<HTMLElement>(pane)?.focus();
    }
  };
}

function Open({ project, user }: { project: Project; user: User }) {
  const { tab, outbox } = useHome();
  const queries = useQueryClient();
  const [parts] = useState<Parts>(() => {
    const view = new Store<View>(FIRST_VIEW);
    const desk = new Desk({
      api,
      outbox,
      drafts: draftStore(user.username),
      project,
      user: user.username,
      holder: tab,
      memory: sessionStorage,
      outdated: () =>
        void queries.invalidateQueries({ queryKey: ["project", project.slug] }),
    });
    return { desk, view, focus: focusOn(view) };
  });

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
        desk.notify(`${key} belongs to ${names.join(" and ")}; press ? to change one.`),
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

  return (
    <WorkspaceContext value={parts}>
      <Room project={project} />
    </WorkspaceContext>
  );
}

function Room({ project }: { project: Project }) {
  const { desk, view } = useWorkspace();
  const { status } = useOutbox();
  const unsent = status.entries.filter(
    (entry) =>
      entry.kind === "answer" &&
      entry.project === project.slug &&
      !entry.refusal &&
      !entry.corrects &&
      !entry.body.supersedes,
  ).length;
  return (
    <div className="page workspace">
      <TopBar title={project.name}>
        <ProgressLine progress={desk.progress} unsent={unsent} />
        <ActionButton name="help" className="plain wide-only">
          <span className="label">Keys</span>
        </ActionButton>
      </TopBar>
      <main>
        <Tasks />
        <Standing />
        <Drawer project={project} />
      </main>
      <QuestionBar />
      {view.mode === "sheet" && <HelpSheet />}
    </div>
  );
}

/** The task in front, and the next one already laid out behind it. */
function Tasks() {
  const { workspace, desk } = useWorkspace();
  const shown = workspace.desk.shown;
  const front = desk.at !== null || desk.phase !== "paused" ? shown : null;
  const laid = useMemo(() => {
    const all = [shown, ...desk.queue.slice(0, 2)].filter((each) => each !== null);
    return [...new Map(all.map((each) => [each.id, each])).values()];
  }, [shown, desk.queue]);
  return laid.map((assignment) => {
    const visible = assignment.id === front?.id;
    return (
      <Activity key={assignment.id} mode={visible ? "visible" : "hidden"}>
        <Task assignment={assignment} front={visible} />
      </Activity>
    );
  });
}

function Task({ assignment, front }: { assignment: Assignment; front: boolean }) {
  return (
    <div className="task" data-front={front} data-assignment={assignment.id}>
      <Conversation assignment={assignment} />
      <Compare assignment={assignment} front={front} />
    </div>
  );
}

/** What stands in the place of a task when there is none. */
function Standing() {
  const { workspace, desk } = useWorkspace();
  const { status } = useOutbox();
  if (desk.at !== null) return null;
  if (desk.phase === "paused") {
    return (
      <State title="This project is paused">
        <p>Its researchers have stopped it for now; your answers are kept, and it goes on here by itself.</p>
      </State>
    );
  }
  if (workspace.desk.shown) return null;
  if (status.signedOut) {
    return (
      <State title="Your session has ended">
        <p>Sign in again to go on; what you have answered is kept on this device.</p>
        <SignInAgain />
      </State>
    );
  }
  if (desk.offline) {
    return (
      <State title="Offline">
        <p>
          That was the last task kept on this device. The next ones load by themselves
          once Hone can be reached; {status.waiting === 1 ? "1 answer waits" : `${status.waiting} answers wait`} safely here.
        </p>
        <button type="button" className="button" onClick={() => void workspace.desk.refill()}>
          Try now
        </button>
      </State>
    );
  }
  if (desk.phase === "failed") {
    return (
      <State title="No task could be loaded">
        <p>{desk.error}</p>
        <button type="button" className="button" onClick={() => void workspace.desk.refill()}>
          Try again
        </button>
      </State>
    );
  }
  if (desk.phase === "finished") {
    return <Finished thanks={desk.thanks} progress={desk.progress} />;
  }
  return (
    <State title="Getting your next task" busy>
      <p>It opens here by itself.</p>
    </State>
  );
}
