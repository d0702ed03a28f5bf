/**
 * A person writes, models answer at once: for annotators, who then compare, turn by
 * turn; and for researchers, who try a model out.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api } from "../api";
import { MediaContext } from "../components/media";
import { State } from "../components/State";
import { TopBar } from "../components/TopBar";
import { Judging } from "../live/Judging";
import { TalkScreen } from "../live/TalkScreen";
import { go, Link } from "../router";
import { useOutbox } from "../session";
import { t } from "../strings";
import type { Project, Talk, User } from "../types";

/** How often growing replies are asked for; seldom where nobody is there to write. */
const GROWING_MS = 400;
const STUCK_MS = 3000;

/** The models of a trial that is to begin, from its address. */
function chosenModels(): string[] {
  const given = new URLSearchParams(location.search).get("models") ?? "";
  return given.split(",").filter(Boolean).slice(0, 2);
}

function pauseMs(talk: Talk | undefined): number | false {
  if (talk?.waits_for !== "replies") return false;
  return talk.is_stuck ? STUCK_MS : GROWING_MS;
}

interface Props {
  slug: string;
  /** Of a trial; an annotator's talk is the one under way in the project. */
  talk: string | null;
  trial: boolean;
  user: User;
}

export function Live({ slug, talk: id, trial, user }: Props) {
  const queries = useQueryClient();
  const key = ["talk", slug, id, trial ? chosenModels().join() : ""];
  const project = useQuery({
    queryKey: ["project", slug],
    queryFn: ({ signal }) => api.project(slug, signal),
    staleTime: Infinity,
  });
  const talk = useQuery({
    queryKey: key,
    queryFn: async ({ signal }) => {
      const known = queries.getQueryData<Talk>(key)?.id ?? id;
      if (known) return api.talk(known, signal);
      if (!trial) return api.openTalk(slug, false, signal);
      const begun = await api.openTrial(slug, chosenModels());
      // A reload comes back to this one, and begins no other.
      queries.setQueryData(["talk", slug, begun.id, ""], begun);
      go(`/try/${slug}/${begun.id}`, { replace: true });
      return begun;
    },
    staleTime: Infinity,
    // Whoever comes back wants it as it is now, and a new trial is a new one.
    refetchOnMount: "always",
    gcTime: 0,
    refetchInterval: ({ state }) => pauseMs(state.data),
    refetchIntervalInBackground: true,
  });

  const fresh = async (): Promise<void> => {
    if (trial) {
      go(`/try/${slug}?models=${talk.data?.models.map((model) => model.id).join() ?? ""}`);
    } else queries.setQueryData(key, await api.openTalk(slug, true));
  };

  const error = project.error ?? (talk.data ? null : talk.error);
  if (project.data && talk.data) {
    return (
      <MediaContext value={slug}>
        <Open
          key={talk.data.id}
          talk={talk.data}
          project={project.data}
          user={user}
          took={(next) => queries.setQueryData(key, next)}
          look={() => void talk.refetch()}
          fresh={() => void fresh().catch(() => talk.refetch())}
        />
      </MediaContext>
    );
  }
  return (
    <div className="page">
      <TopBar />
      <main className="column">
        {error ? (
          <State title={t.live.failed}>
            <p>{error.message}</p>
            <div className="tools">
              <button type="button" className="button" onClick={() => void talk.refetch()}>
                {t.app.tryAgain}
              </button>
              <Link to="/" className="button">
                {t.app.allProjects}
              </Link>
            </div>
          </State>
        ) : (
          <State title={t.live.opening} busy />
        )}
      </main>
    </div>
  );
}

interface OpenProps {
  talk: Talk;
  project: Project;
  user: User;
  took: (talk: Talk) => void;
  look: () => void;
  fresh: () => void;
}

function Open({ talk, project, user, took, look, fresh }: OpenProps) {
  const { outbox, status } = useOutbox();
  const [skipped, setSkipped] = useState<number | null>(null);
  const { assignment } = talk;

  useEffect(() => outbox.onAcknowledged(look), [outbox, look]);

  // What is on its way to the server is done for this page.
  const waiting = status.entries.find(
    (entry) => entry.assignment.id === assignment?.id && !entry.refusal,
  );
  const over = talk.is_over || waiting?.kind === "skip" || skipped === assignment?.id;
  if (assignment && talk.waits_for === "answer" && !waiting && !over) {
    return (
      <Judging
        key={assignment.id}
        talk={talk}
        project={project}
        user={user}
        done={(kind) => {
          if (kind === "skip") setSkipped(assignment.id);
        }}
      />
    );
  }
  return (
    <TalkScreen
      talk={talk}
      project={project}
      onItsWay={waiting !== undefined && talk.waits_for === "answer"}
      over={over}
      took={took}
      fresh={fresh}
    />
  );
}
