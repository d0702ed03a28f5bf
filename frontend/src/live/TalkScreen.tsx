/** The talk while nothing is to be compared: what was said, what grows, what comes next. */
import { useLayoutEffect, useRef, useState } from "react";
import { api } from "../api";
import { Messages } from "../components/Messages";
import { State } from "../components/State";
import { TopBar } from "../components/TopBar";
import { t } from "../strings";
import type { Message, Project, Talk } from "../types";
import { Composer } from "./Composer";
import { Replies } from "./Replies";
import { failed, sideBySide, transcript } from "./talk";
import { Follow, TrialBanner } from "./Trial";

function Transcript({ messages }: { messages: Message[] }) {
  const box = useRef<HTMLDivElement>(null);
  const last = messages.at(-1)?.content.length ?? 0;
  useLayoutEffect(() => {
    const { current } = box;
    if (current) current.scrollTop = current.scrollHeight;
  }, [messages.length, last]);
  return (
    <section className="conversation" aria-label={t.read.conversation}>
      <div className="strip">
        <h2>{t.read.conversation}</h2>
      </div>
      <div className="scroll" ref={box} tabIndex={0} role="region" aria-label={t.read.turns}>
        <Messages messages={messages} named />
      </div>
    </section>
  );
}

interface Props {
  talk: Talk;
  project: Project;
  /** The answer to the last turn is on its way to the server. */
  onItsWay: boolean;
  /** It was skipped: the talk cannot go on. */
  over: boolean;
  took: (talk: Talk) => void;
  fresh: () => void;
}

export function TalkScreen({ talk, project, onItsWay, over, took, fresh }: Props) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const [follow, setFollow] = useState(0);
  const trial = talk.kind === "trial";
  const asking = talk.waits_for === "replies";
  const broken = failed(talk);
  const writing = asking && broken.length < (talk.turns.at(-1)?.replies.length ?? 0);

  const attempt = async (call: () => Promise<Talk>): Promise<boolean> => {
    setBusy(true);
    setTrouble("");
    try {
      took(await call());
      return true;
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
      return false;
    } finally {
      setBusy(false);
    }
  };

  const send = async (content: string): Promise<boolean> => {
    const body = { number: talk.next_number, content, follow: trial ? follow : null };
    const sent = await attempt(() => api.say(talk.id, body));
    if (sent) setFollow(0);
    return sent;
  };

  const line = onItsWay
    ? t.live.onItsWay
    : talk.is_stuck
      ? t.live.stuck
      : writing
        ? t.live.writing
        : talk.turns.length > 0 && !asking && !over
          ? t.live.written
          : "";
  return (
    <div className="page workspace talk">
      <TopBar title={project.name}>
        <button type="button" className="button" disabled={busy} onClick={fresh}>
          {t.live.fresh}
        </button>
      </TopBar>
      {trial && <TrialBanner key={talk.id} talk={talk} project={project} />}
      <main>
        {talk.turns.length === 0 ? (
          <State title={t.live.begin}>
            <p>{trial ? t.live.beginTrial : t.live.beginNext}</p>
          </State>
        ) : (
          <div className="task" data-replies={sideBySide(talk)}>
            <Transcript messages={transcript(talk)} />
            {sideBySide(talk) && <Replies talk={talk} />}
          </div>
        )}
      </main>
      <footer className="bar">
        <div className="line">
          <p className="asked" role="status">
            {over ? t.live.over : line}
          </p>
          {broken.length > 0 && !over && (
            <button
              type="button"
              className="button small"
              disabled={busy}
              onClick={() => void attempt(() => api.askAgain(talk.id))}
            >
              {t.live.again}
            </button>
          )}
        </div>
        {over ? (
          <p>{t.live.overNext}</p>
        ) : (
          <>
            <Follow talk={talk} at={follow} set={setFollow} />
            <Composer
              key={talk.id}
              talk={talk}
              project={project}
              closed={asking ? t.live.writing : onItsWay ? t.live.onItsWay : null}
              busy={busy}
              trouble={trouble}
              send={send}
            />
          </>
        )}
      </footer>
    </div>
  );
}
