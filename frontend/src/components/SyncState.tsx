/** Whether the answers are safe: always on the screen, never in the way. */
import { useState } from "react";
import { Link } from "../router";
import { useOutbox } from "../session";
import type { Entry } from "../outboxStorage";
import type { OutboxStatus } from "../outbox";
import { t } from "../strings";
import { Popover } from "./Popover";

type Mood = "saved" | "sending" | "waiting" | "trouble";

export function describe(status: OutboxStatus): { mood: Mood; short: string; long: string } {
  const { waiting, offline, signedOut } = status;
  const refused = status.refused.length;
  if (signedOut) {
    return {
      mood: "trouble",
      short: waiting ? t.sync.signInWaiting(waiting) : t.sync.signedOut,
      long: t.sync.signedOutLong(waiting),
    };
  }
  if (refused > 0) {
    return {
      mood: "trouble",
      short: t.sync.refused(refused),
      long: t.sync.refusedLong(refused),
    };
  }
  if (offline) {
    return {
      mood: "waiting",
      short: t.sync.offline(waiting),
      long: t.sync.offlineLong(waiting),
    };
  }
  if (waiting > 0) {
    return {
      mood: "sending",
      short: t.sync.sending(waiting),
      long: t.sync.sendingLong(waiting),
    };
  }
  return {
    mood: "saved",
    short: t.sync.saved,
    long: t.sync.savedLong,
  };
}

function saveAsFile(entries: Entry[]): void {
  const text = JSON.stringify(entries, null, 2);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "hone-answers.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function Refused({ entry }: { entry: Entry }) {
  const { outbox } = useOutbox();
  const [saved, setSaved] = useState(false);
  const body = entry.refusal?.body;
  return (
    <li>
      <p>
        {body?.message} {body?.fix}
      </p>
      <div className="tools">
        <button type="button" className="button" onClick={() => void outbox.retry(entry.client_id)}>
          {t.sync.sendAgain}
        </button>
        <button
          type="button"
          className="button"
          onClick={() => {
            saveAsFile([entry]);
            setSaved(true);
          }}
        >
          {t.sync.saveFile}
        </button>
        <button
          type="button"
          className="button"
          disabled={!saved}
          title={saved ? t.sync.removeReady : t.sync.removeFirst}
          onClick={() => void outbox.discard(entry.client_id)}
        >
          {t.sync.remove}
        </button>
      </div>
    </li>
  );
}

export function SyncState() {
  const { outbox, status } = useOutbox();
  const { mood, short, long } = describe(status);
  const button = (
    <>
      <span className="dot" aria-hidden="true" />
      <span role="status">{short}</span>
    </>
  );
  return (
    <Popover
      className={`button plain sync ${mood}`}
      title={long}
      name={t.sync.title}
      button={button}
    >
      <p>{long}</p>
      {status.others > 0 && (
        <p>
          {t.sync.others(status.others)}
        </p>
      )}
      {status.signedOut && <SignInAgain />}
      {status.refused.length > 0 && (
        <ul className="refused">
          {status.refused.map((entry) => (
            <Refused key={entry.client_id} entry={entry} />
          ))}
        </ul>
      )}
      {status.waiting > 0 && (
        <div className="tools">
          <button type="button" className="button" onClick={() => outbox.kick()}>
            {t.app.tryNow}
          </button>
          <button
            type="button"
            className="button"
            onClick={() => saveAsFile(status.entries)}
          >
            {t.sync.saveCopy}
          </button>
        </div>
      )}
    </Popover>
  );
}

export function SignInAgain() {
  const next = encodeURIComponent(location.pathname);
  return (
    <Link className="button primary" to={`/login?next=${next}`}>
      {t.login.again}
    </Link>
  );
}
