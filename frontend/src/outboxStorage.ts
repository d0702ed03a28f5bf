/**
 * Where answers wait: one IndexedDB store, shared by this browser's tabs. Each
 * method is one transaction, so two tabs never take the same entry.
 */
import type { Assignment, ErrorBody, FeedbackBody, SkipBody } from "./types";

interface EntryBase {
  /** Drawn here; the server stores one row for it however often it is sent. */
  client_id: string;
  user: string;
  project: string;
  /** Kept whole, so that undo works with no network. */
  assignment: Assignment;
  created_at: number;
  /** Not sent before this time: a back-off, or the grace in which undo works. */
  send_after: number;
  attempts: number;
  claim: { tab: string; until: number } | null;
  refusal: { status: number; body: ErrorBody; at: number } | null;
}

export interface AnswerEntry extends EntryBase {
  kind: "answer";
  body: FeedbackBody;
  /** The client id of the answer it corrects, whose server id is not known yet. */
  corrects: string | null;
}

export interface SkipEntry extends EntryBase {
  kind: "skip";
  body: SkipBody;
}

export type Entry = AnswerEntry | SkipEntry;

export type Claimed = { entry: Entry } | { entry: null; wakeAt: number | null };

interface Ack {
  client_id: string;
  feedback_id: string;
  at: number;
}

const ACKS_KEPT_MS = 7 * 24 * 3600 * 1000;

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class OutboxStorage {
  #open: Promise<IDBDatabase> | null = null;

  constructor(
    private readonly name = "hone",
    private readonly factory: IDBFactory | undefined = globalThis.indexedDB,
  ) {}

  #database(): Promise<IDBDatabase> {
    this.#open ??= new Promise<IDBDatabase>((resolve, reject) => {
      if (!this.factory) throw new Error("this browser offers no IndexedDB");
      const request = this.factory.open(this.name, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("entries", { keyPath: "client_id" });
        request.result.createObjectStore("acks", { keyPath: "client_id" });
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    }).catch((error: unknown) => {
      this.#open = null;
      throw error;
    });
    return this.#open;
  }

  async #write<T>(
    work: (stores: { entries: IDBObjectStore; acks: IDBObjectStore }) => Promise<T>,
  ): Promise<T> {
    const database = await this.#database();
    // "strict": complete fires only when the data is on the disk.
    const transaction = database.transaction(["entries", "acks"], "readwrite", {
      durability: "strict",
    });
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      transaction.onerror = () => reject(transaction.error);
    });
    // `work` awaits requests of this transaction only, or it would close early.
    const value = await work({
      entries: transaction.objectStore("entries"),
      acks: transaction.objectStore("acks"),
    });
    await done;
    return value;
  }

  async all(): Promise<Entry[]> {
    const database = await this.#database();
    const store = database.transaction("entries", "readonly").objectStore("entries");
    const entries = await result<Entry[]>(store.getAll());
    return entries.sort((x, y) => x.created_at - y.created_at);
  }

  put(entry: Entry): Promise<void> {
    return this.#write(async ({ entries }) => {
      await result(entries.put(entry));
    });
  }

  /** Remove an entry that was never sent; false when it is too late. */
  takeBack(clientId: string): Promise<boolean> {
    return this.#write(async ({ entries }) => {
      const entry = await result<Entry | undefined>(entries.get(clientId));
      if (!entry || entry.claim || entry.attempts > 0) return false;
      await result(entries.delete(clientId));
      return true;
    });
  }

  /** Take the oldest entry of this user that is due, for this tab alone. */
  claimNext(ask: {
    user: string;
    tab: string;
    now: number;
    until: number;
  }): Promise<Claimed> {
    return this.#write(async ({ entries, acks }) => {
      const all = await result<Entry[]>(entries.getAll());
      const waiting = all
        .filter((entry) => entry.user === ask.user && !entry.refusal)
        .sort((x, y) => x.created_at - y.created_at);
      const waitingIds = new Set(waiting.map((entry) => entry.client_id));
      let wakeAt: number | null = null;
      for (const entry of waiting) {
        if (entry.kind === "answer" && entry.corrects) {
          // A correction follows the answer it corrects.
          if (waitingIds.has(entry.corrects)) continue;
          const ack = await result<Ack | undefined>(acks.get(entry.corrects));
          entry.body.supersedes = ack?.feedback_id ?? null;
          entry.corrects = null;
        }
        const claimedUntil =
          entry.claim && entry.claim.tab !== ask.tab ? entry.claim.until : 0;
        const due = Math.max(entry.send_after, claimedUntil);
        if (due > ask.now) {
          wakeAt = Math.min(wakeAt ?? due, due);
          continue;
        }
        entry.claim = { tab: ask.tab, until: ask.until };
        await result(entries.put(entry));
        return { entry };
      }
      return { entry: null, wakeAt };
    });
  }

  /** The server has it: forget the entry, remember its id for corrections. */
  settle(clientId: string, feedbackId: string | null, now: number): Promise<void> {
    return this.#write(async ({ entries, acks }) => {
      await result(entries.delete(clientId));
      if (feedbackId === null) return;
      const ack: Ack = { client_id: clientId, feedback_id: feedbackId, at: now };
      await result(acks.put(ack));
      for (const old of await result<Ack[]>(acks.getAll())) {
        if (now - old.at > ACKS_KEPT_MS) await result(acks.delete(old.client_id));
      }
    });
  }

  /** Change an entry in place and give up its claim. */
  release(
    clientId: string,
    change: Partial<Pick<Entry, "send_after" | "attempts" | "refusal">>,
  ): Promise<void> {
    return this.#write(async ({ entries }) => {
      const entry = await result<Entry | undefined>(entries.get(clientId));
      if (entry) await result(entries.put({ ...entry, ...change, claim: null }));
    });
  }

  /** Drop an entry for good; only ever on the person's own word. */
  discard(clientId: string): Promise<void> {
    return this.#write(async ({ entries }) => {
      await result(entries.delete(clientId));
    });
  }
}
