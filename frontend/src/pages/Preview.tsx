/**
 * The very screen that annotators get, over a sample: for those who make its questions.
 * Answers go nowhere; what would be stored is shown instead.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { FIRST_VIEW, type View, type Workspace as Parts } from "../actions";
import { api } from "../api";
import { State } from "../components/State";
import { TopBar } from "../components/TopBar";
import { Desk, type DeskParts } from "../desk";
import type { DraftStore } from "../drafts";
import type { OutboxStatus } from "../outbox";
import { Store } from "../store";
import { t } from "../strings";
import type { Judgment, Preview as Sample, Project, Question } from "../types";
import { focusOn, Room } from "./Room";

const NOBODY: OutboxStatus = {
  waiting: 0,
  sending: false,
  refused: [],
  others: 0,
  offline: false,
  signedOut: false,
  entries: [],
};
const NO_DRAFTS: DraftStore = { load: () => null, save: () => {}, drop: () => {} };
const PROGRESS = { today: 0, answered: 0, remaining: 1, total: 1 };

/** A desk that is handed one sample again and again, and sends nothing anywhere. */
function sampleDesk(project: Project, sample: Sample, stored: (answer: Judgment[]) => void): Desk {
  const { version, questions } = sample.protocol;
  let handed = 0;
  const lease = async () => {
    handed += 1;
    return {
      state: "open" as const,
      assignments: [{ ...sample.assignment, id: -handed }],
      protocols: { [version]: questions },
      progress: PROGRESS,
      thanks: null,
    };
  };
  const outbox: DeskParts["outbox"] = {
    add: async (entry) => {
      if (entry.kind === "answer") stored(entry.body.judgments);
    },
    kick: () => {},
    takeBack: async () => true,
    onAcknowledged: () => () => {},
    status: new Store(NOBODY),
  };
  return new Desk({
    api: {
      lease,
      history: async () => [],
      renew: async () => ({ expires_at: sample.assignment.expires_at }),
      answer: async () => Promise.reject(new Error(t.preview.banner)),
    },
    outbox,
    drafts: NO_DRAFTS,
    project: {
      ...project,
      progress: PROGRESS,
      protocol: sample.protocol,
      protocols: { [version]: questions },
    },
    user: "",
    holder: "preview",
  });
}

function Open({ project, sample }: { project: Project; sample: Sample }) {
  const [stored, setStored] = useState<Judgment[] | null>(null);
  const [parts] = useState<Parts>(() => {
    const desk = sampleDesk(project, sample, setStored);
    return { desk, view: new Store<View>(FIRST_VIEW), focus: focusOn(desk) };
  });
  return (
    <Room parts={parts} project={project}>
      <aside className="banner" role="note">
        {t.preview.banner}
        {stored && (
          <details>
            <summary>{t.preview.would}</summary>
            <pre tabIndex={0}>{JSON.stringify(stored, null, 2)}</pre>
          </details>
        )}
      </aside>
    </Room>
  );
}

/** Questions that a page of the same origin sends while they are being edited. */
function useUnsaved(slug: string): void {
  const queries = useQueryClient();
  useEffect(() => {
    const onMessage = ({ origin, data }: MessageEvent<unknown>): void => {
      if (origin !== location.origin || typeof data !== "object" || data === null) return;
      const { type, questions } = data as { type?: unknown; questions?: Question[] };
      if (type !== "hone:questions" || !Array.isArray(questions)) return;
      void queries.fetchQuery({
        queryKey: ["preview", slug],
        queryFn: () => api.previewQuestions(slug, questions),
        staleTime: 0,
      });
    };
    window.addEventListener("message", onMessage);
    return () => window.removeEventListener("message", onMessage);
  }, [queries, slug]);
}

export function Preview({ slug }: { slug: string }) {
  const version = new URLSearchParams(location.search).get("version");
  useUnsaved(slug);
  const project = useQuery({
    queryKey: ["project", slug],
    queryFn: ({ signal }) => api.project(slug, signal),
    staleTime: Infinity,
  });
  const sample = useQuery({
    queryKey: ["preview", slug],
    queryFn: ({ signal }) => api.preview(slug, version, signal),
    staleTime: 0,
  });
  const error = project.error ?? sample.error;
  if (project.data && sample.data) {
    // Other questions: another desk.
    const key = JSON.stringify(sample.data.protocol);
    return <Open key={key} project={project.data} sample={sample.data} />;
  }
  return (
    <div className="page">
      <TopBar />
      <main className="column">
        {error ? (
          <State title={t.preview.failed}>
            <p>{error.message}</p>
          </State>
        ) : (
          <State title={t.state.opening} busy />
        )}
      </main>
    </div>
  );
}
