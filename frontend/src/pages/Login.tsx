/** Signing in. */
import { useState, type FormEvent } from "react";
import { api, ApiError, OfflineError } from "../api";
import { Mark } from "../components/TopBar";
import { go } from "../router";
import { t } from "../strings";
import { useOutbox, useSetUser } from "../session";

function nextPath(): string {
  const next = new URLSearchParams(location.search).get("next") ?? "";
  // Only addresses of this app: no way out through a crafted link.
  return /^\/app\/[\w/-]*$/.test(next) ? next.slice("/app".length) : "/";
}

function sentence(error: unknown): string {
  if (error instanceof ApiError && error.status === 429) {
    const seconds = Math.ceil((error.retryAfterMs ?? 60_000) / 1000);
    return t.login.tooMany(seconds);
  }
  if (error instanceof ApiError || error instanceof OfflineError) return error.message;
  console.error(error);
  return t.desk.broken;
}

export function Login() {
  const setUser = useSetUser();
  const { status } = useOutbox();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");

  const onSubmit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setTrouble("");
    try {
      const { user } = await api.signIn({
        username: String(form.get("username")),
        password: String(form.get("password")),
      });
      await setUser(user);
      go(nextPath(), { replace: true });
    } catch (error) {
      setTrouble(sentence(error));
      setBusy(false);
    }
  };

  const kept = status.entries.length;
  return (
    <main className="centre">
      <form className="card" onSubmit={(event) => void onSubmit(event)}>
        <div className="brand">
          <Mark />
          <h1>Hone</h1>
        </div>
        <label>
          {t.login.user}
          <input name="username" autoComplete="username" required autoFocus />
        </label>
        <label>
          {t.login.password}
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <p className="trouble" role="alert">
          {trouble}
        </p>
        <button type="submit" className="button primary" disabled={busy}>
          {busy ? t.login.signingIn : t.login.signIn}
        </button>
        {kept > 0 && (
          <p className="quiet">
            {t.login.waiting(kept)}
          </p>
        )}
      </form>
    </main>
  );
}
