/** Addresses under /app, by the history of the browser. */
import { useSyncExternalStore, type MouseEvent, type ReactNode } from "react";

const ROOT = "/app";
const MOVED = "hone:moved";

function subscribe(watcher: () => void): () => void {
  window.addEventListener("popstate", watcher);
  window.addEventListener(MOVED, watcher);
  return () => {
    window.removeEventListener("popstate", watcher);
    window.removeEventListener(MOVED, watcher);
  };
}

/** The path below /app, such as "/" or "/projects/demo". */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => {
    const path = location.pathname;
    const below = path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
    return below.replace(/\/+$/, "") || "/";
  });
}

export function go(to: string, { replace = false } = {}): void {
  const url = ROOT + to;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  window.dispatchEvent(new Event(MOVED));
}

interface LinkProps {
  to: string;
  className?: string;
  title?: string;
  children: ReactNode;
}

export function Link({ to, className, title, children }: LinkProps) {
  const onClick = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={ROOT + to} className={className} title={title} onClick={onClick}>
      {children}
    </a>
  );
}
