/** What lives as long as the page: this tab, its outbox, who is signed in. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, use } from "react";
import { api } from "./api";
import { tabId } from "./ids";
import { Outbox, type OutboxStatus } from "./outbox";
import { OutboxStorage } from "./outboxStorage";
import { useStore } from "./store";
import type { User } from "./types";

export interface Home {
  tab: string;
  outbox: Outbox;
}

export async function openHome(): Promise<Home> {
  const tab = await tabId();
  const channel = new BroadcastChannel("hone.outbox");
  const outbox = new Outbox({ storage: new OutboxStorage(), api, tab, channel });
  // The moments at which trying again is likely to help.
  window.addEventListener("online", () => outbox.kick());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) outbox.kick();
  });
  return { tab, outbox };
}

export const HomeContext = createContext<Home | null>(null);

export function useHome(): Home {
  const home = use(HomeContext);
  if (!home) throw new Error("useHome needs a HomeContext around it");
  return home;
}

export function useOutbox(): { outbox: Outbox; status: OutboxStatus } {
  const { outbox } = useHome();
  return { outbox, status: useStore(outbox.status) };
}

export const SESSION_KEY = ["session"];

export function useSession() {
  return useQuery({
    queryKey: SESSION_KEY,
    queryFn: ({ signal }) => api.session(signal),
    staleTime: Infinity,
    refetchInterval: ({ state }) => (state.status === "error" ? 5000 : false),
  });
}

/** Set who is signed in, and forget what was loaded for anybody else. */
export function useSetUser(): (user: User | null) => Promise<void> {
  const queries = useQueryClient();
  const { outbox } = useHome();
  return async (user) => {
    queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
    queries.setQueryData(SESSION_KEY, { user });
    await outbox.signedIn(user?.username ?? null);
  };
}
