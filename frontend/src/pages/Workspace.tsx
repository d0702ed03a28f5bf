/** One project's workspace: read, judge, next. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { FIRST_VIEW, type View, type Workspace as Parts } from "../actions";
import { api } from "../api";
import { State } from "../components/State";
import { TopBar } from "../components/TopBar";
import { Desk } from "../desk";
import { draftStore } from "../drafts";
import { Link } from "../router";
import { useHome } from "../session";
import { Store } from "../store";
import { t } from "../strings";
import type { Project, User } from "../types";
import { focusOn, Room } from "./Room";

export function Workspace({ slug, user }: { slug: string; user: User }) {
  const { data, error, refetch } = useQuery({
    queryKey: ["project", slug],
    queryFn: ({ signal }) => api.project(slug, signal),
    staleTime: Infinity,
  });
  if (data) {
    // Another person: another desk. Drafts are on the disk.
    return <Open key={`${user.username} ${slug}`} project={data} user={user} />;
  }
  return (
    <div className="page">
      <TopBar />
      <main className="column">
        {error ? (
          <State title={t.state.notOpened}>
            <p>{error.message}</p>
            <div className="tools">
              <button type="button" className="button" onClick={() => void refetch()}>
                {t.app.tryAgain}
              </button>
              <Link to="/" className="button">
                {t.app.allProjects}
              </Link>
            </div>
          </State>
        ) : (
          <State title={t.state.opening} busy />
        )}
      </main>
    </div>
  );
}

function Open({ project, user }: { project: Project; user: User }) {
  const { tab, outbox } = useHome();
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
    });
    return { desk, view, focus: focusOn(desk) };
  });

  return <Room parts={parts} project={project} />;
}
