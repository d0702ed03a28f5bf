/** The bar at the top: where one is, how far one is, whether it is saved. */
import type { ReactNode } from "react";
import { api } from "../api";
import { go, Link } from "../router";
import { useOutbox, useSession, useSetUser } from "../session";
import { changeSettings, settings, type Theme } from "../settings";
import { useStore } from "../store";
import { LANGUAGES, t, type Language } from "../strings";
import type { Progress } from "../types";
import { Popover } from "./Popover";
import { SyncState } from "./SyncState";

export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M6 21.5 26 10v3.2L6 24.7z" />
      <path d="M6 17.2 20 9.1" className="spark" />
    </svg>
  );
}

/** Counts as the server knows them, with what is still on its way added. */
export function ProgressLine({ progress, unsent }: { progress: Progress; unsent: number }) {
  const answered = progress.answered + unsent;
  const left = Math.max(0, progress.remaining - unsent);
  const today = progress.today + unsent;
  const total = Math.max(1, answered + left);
  return (
    <div className="progress">
      <span className="wide-only">{t.top.today(today)}</span>
      <span className="wide-only" aria-hidden="true">
        ·
      </span>
      <span>{t.top.left(left)}</span>
      <progress max={total} value={answered} aria-label={t.top.share} />
    </div>
  );
}

const THEMES: readonly Theme[] = ["system", "light", "dark"];

function Menu() {
  const { data } = useSession();
  const { status } = useOutbox();
  const setUser = useSetUser();
  const chosen = useStore(settings);
  const user = data?.user;
  if (!user) return null;
  const name = user.name || user.username;

  const signOut = async (): Promise<void> => {
    // Out of reach: the cookie stays until it expires, the screen closes.
    await api.signOut().catch(() => undefined);
    await setUser(null);
    go("/login");
  };

  return (
    <Popover
      className="button plain me"
      title={t.settings.button(name)}
      name={t.settings.title}
      button={<span aria-label={t.settings.of(name)}>{name.slice(0, 1).toUpperCase()}</span>}
    >
      <p className="who">{name}</p>
      <fieldset>
        <legend>{t.settings.colours}</legend>
        {THEMES.map((value) => (
          <label key={value} className="pick">
            <input
              type="radio"
              name="theme"
              checked={chosen.theme === value}
              onChange={() => changeSettings({ theme: value })}
            />
            {t.settings[value]}
          </label>
        ))}
      </fieldset>
      <label className="language">
        {t.settings.language}
        <select
          value={chosen.language ?? ""}
          onChange={(event) =>
            changeSettings({ language: (event.target.value || null) as Language | null })
          }
        >
          <option value="">{t.settings.browser}</option>
          {Object.entries(LANGUAGES).map(([language, { name: own }]) => (
            <option key={language} value={language} lang={language}>
              {own}
            </option>
          ))}
        </select>
      </label>
      <label className="pick">
        <input
          type="checkbox"
          checked={chosen.advance}
          onChange={(event) => changeSettings({ advance: event.target.checked })}
        />
        {t.settings.advance}
      </label>
      {user.is_staff && (
        <a className="button" href="/admin/">
          {t.settings.panel}
        </a>
      )}
      {status.waiting > 0 && (
        <p>
          {t.settings.unsent(status.waiting)}
        </p>
      )}
      <button type="button" className="button" onClick={() => void signOut()}>
        {t.settings.signOut}
      </button>
    </Popover>
  );
}

export function TopBar({ title, children }: { title?: string; children?: ReactNode }) {
  return (
    <header className="top">
      <Link to="/" className="home" title={t.app.allProjects}>
        <Mark />
        <span className="wide-only">Hone</span>
      </Link>
      {title && <h1>{title}</h1>}
      <div className="spring" />
      {children}
      <SyncState />
      <Menu />
    </header>
  );
}
