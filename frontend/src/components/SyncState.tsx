/** Whether the answers are safe: always on the screen, never in the way. */
import { useState } from "react";
import { Link } from "../router";
import { useOutbox } from "../session";
import type { Entry } from "../outboxStorage";
import type { OutboxStatus } from "../outbox";
import { Popover } from "./Popover";

type Mood = "saved" | "sending" | "waiting" | "trouble";

function answers(count: number): string {
  return count === 1 ? "1 answer" : `${count} answers`;
}

export function describe(status: OutboxStatus): { mood: Mood; short: string; long: string } {
  const { waiting, offline, signedOut } = status;
  const refused = status.refused.length;
  if (signedOut) {
    return {
      mood: "trouble",
      short: waiting ? `Sign in · ${waiting} waiting` : "Signed out",
      long: `Your session has ended. ${answers(waiting)} kept on this device will be sent when you have signed in again.`,
    };
  }
  if (refused > 0) {
    return {
      mood: "trouble",
      short: `${refused} refused`,
      long: `The server refused ${answers(refused)}; nothing is lost, they are kept here.`,
    };
  }
  if (offline) {
    return {
      mood: "waiting",
      short: `Offline · ${waiting} waiting`,
      long: `Hone cannot be reached. ${answers(waiting)} kept on this device will be sent by themselves once it can. You can go on.`,
    };
  }
  if (waiting > 0) {
    return {
      mood: "sending",
      short: `Sending ${waiting}`,
      long: `${answers(waiting)} kept on this device, on the way to the server.`,
    };
  }
  return {
    mood: "saved",
    short: "Saved",
    long: "The server has all your answers.",
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
          Send again
        </button>
        <button
          type="button"
          className="button"
          onClick={() => {
            saveAsFile([entry]);
            setSaved(true);
          }}
        >
          Save as a file
        </button>
        <button
          type="button"
          className="button"
          disabled={!saved}
          title={saved ? "Remove it from this device" : "Save it as a file first"}
          onClick={() => void outbox.discard(entry.client_id)}
        >
          Remove
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
      name="State of saving"
      button={button}
    >
      <p>{long}</p>
      {status.others > 0 && (
        <p>
          {answers(status.others)} of somebody else who used this browser wait for that
          person to sign in.
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
            Try now
          </button>
          <button
            type="button"
            className="button"
            onClick={() => saveAsFile(status.entries)}
          >
            Save a copy
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
      Sign in again
    </Link>
  );
}
