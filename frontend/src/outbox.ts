/**
 * Answers on their way. An answer is on the disk before the screen moves on,
 * leaves it only when the server has acknowledged it, and survives reloads,
 * restarts and sign-outs. Sending twice is harmless: the client id stays.
 */
import { ApiError, OfflineError, type Api } from "./api";
import { afterPaint } from "./painting";
import { Store } from "./store";
import type { FeedbackReceipt } from "./types";
import type { Entry, OutboxStorage } from "./outboxStorage";

export interface OutboxStatus {
  /** Entries of this user that the server does not have yet. */
  waiting: number;
  sending: boolean;
  /** The server refused these for good; they are kept. */
  refused: Entry[];
  /** Entries of other people who signed in on this browser. */
  others: number;
  offline: boolean;
  /** The session has ended; sending goes on after signing in. */
  signedOut: boolean;
  entries: Entry[];
}

export interface OutboxEvents {
  acknowledged: (entry: Entry, receipt: FeedbackReceipt | null) => void;
}

type Sender = Pick<Api, "answer" | "skip">;

interface OutboxParts {
  storage: OutboxStorage;
  api: Sender;
  tab: string;
  now?: () => number;
  random?: () => number;
  channel?: Pick<BroadcastChannel, "postMessage" | "onmessage"> | null;
}

/** Longer than a request may take, so a live sender keeps its claim. */
const CLAIM_MS = 30_000;
const BACKOFF_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];

export class Outbox {
  readonly status = new Store<OutboxStatus>({
    waiting: 0,
    sending: false,
    refused: [],
    others: 0,
    offline: false,
    signedOut: false,
    entries: [],
  });

  #parts: Required<OutboxParts>;
  #user: string | null = null;
  #listeners = new Set<OutboxEvents["acknowledged"]>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pumping: Promise<void> | null = null;
  #again = false;
  #failures = 0;

  constructor(parts: OutboxParts) {
    this.#parts = {
      now: () => Date.now(),
      random: Math.random,
      channel: null,
      ...parts,
    };
    const { channel } = this.#parts;
    if (channel) {
      // Another tab added, sent or lost something.
      channel.onmessage = ({ data }: MessageEvent) => {
        if (data?.acknowledged) this.#tell(data.acknowledged, data.receipt);
        void this.refresh();
      };
    }
  }

  /** Sends for this person from now on; null sends nothing. */
  async signedIn(user: string | null): Promise<void> {
    this.#user = user;
    this.status.set({ signedOut: false });
    await this.refresh();
    if (user) this.kick();
  }

  onAcknowledged(listener: OutboxEvents["acknowledged"]): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once the entry is on the disk; rejects when it cannot be kept. */
  async add(entry: Entry): Promise<void> {
    await this.#parts.storage.put(entry);
    this.#count([...this.status.get().entries, entry]);
    this.#broadcast({});
    // It is safe here; the next task is painted before it is sent.
    afterPaint(() => this.kick());
  }

  /** Undo an entry that has not been sent; false when it is too late. */
  async takeBack(clientId: string): Promise<boolean> {
    const taken = await this.#parts.storage.takeBack(clientId);
    if (taken) {
      this.#broadcast({});
      await this.refresh();
    }
    return taken;
  }

  /** Try again now: on a new answer, when the network or the page returns. */
  kick(): void {
    clearTimeout(this.#timer);
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    this.#pumping = this.#pump()
      .catch((error: unknown) => {
        console.error("outbox: storage failed, trying again in 5 s", error);
        this.#wake(5000);
      })
      .finally(() => {
        this.#pumping = null;
        if (this.#again) {
          this.#again = false;
          this.kick();
        }
      });
  }

  /** Resolves when nothing is being sent; for tests. */
  async settled(): Promise<void> {
    while (this.#pumping) await this.#pumping;
  }

  /** Send a refused entry once more, as it is. */
  async retry(clientId: string): Promise<void> {
    await this.#parts.storage.release(clientId, { refusal: null, send_after: 0 });
    await this.refresh();
    this.kick();
  }

  async discard(clientId: string): Promise<void> {
    await this.#parts.storage.discard(clientId);
    await this.refresh();
  }

  async refresh(): Promise<void> {
    this.#count(await this.#parts.storage.all());
  }

  #count(entries: Entry[]): void {
    const mine = entries.filter((entry) => entry.user === this.#user);
    this.status.set({
      entries,
      waiting: mine.filter((entry) => !entry.refusal).length,
      refused: mine.filter((entry) => entry.refusal),
      others: entries.length - mine.length,
    });
  }

  #broadcast(message: object): void {
    this.#parts.channel?.postMessage(message);
  }

  #tell(entry: Entry, receipt: FeedbackReceipt | null): void {
    for (const listener of [...this.#listeners]) listener(entry, receipt);
  }

  #wake(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.kick(), delayMs);
  }

  /** A little uneven, so that many browsers do not return at one moment. */
  #backoff(attempts: number): number {
    const step = BACKOFF_MS[Math.min(attempts, BACKOFF_MS.length) - 1] ?? 1000;
    return step * (0.75 + this.#parts.random() / 2);
  }

  async #pump(): Promise<void> {
    const { storage, tab, now } = this.#parts;
    try {
      while (this.#user && !this.status.get().signedOut) {
        const claimed = await storage.claimNext({
          user: this.#user,
          tab,
          now: now(),
          until: now() + CLAIM_MS,
        });
        if (!claimed.entry) {
          if (claimed.wakeAt !== null) this.#wake(claimed.wakeAt - now());
          return;
        }
        this.status.set({ sending: true });
        if (!(await this.#send(claimed.entry))) return;
      }
    } finally {
      this.status.set({ sending: false });
      await this.refresh();
    }
  }

  /** Send one entry; false stops the round. */
  async #send(entry: Entry): Promise<boolean> {
    const { storage, api, now } = this.#parts;
    const id = entry.client_id;
    const attempts = entry.attempts + 1;
    try {
      const receipt =
        entry.kind === "answer"
          ? await api.answer(entry.assignment.id, entry.body)
          : await api.skip(entry.assignment.id, entry.body).then(() => null);
      await storage.settle(id, receipt?.feedback_id ?? null, now());
      this.#failures = 0;
      this.status.set({ offline: false });
      await this.refresh();
      this.#tell(entry, receipt);
      this.#broadcast({ acknowledged: entry, receipt });
      return true;
    } catch (error) {
      if (error instanceof OfflineError) {
        await storage.release(id, { attempts });
        this.#failures += 1;
        this.status.set({ offline: true });
        this.#wake(this.#backoff(this.#failures));
        return false;
      }
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) {
        await storage.release(id, { attempts });
        this.status.set({ signedOut: true, offline: false });
        return false;
      }
      if (error.transient) {
        // Only this entry waits: one that always fails must not hold the rest.
        const delay = error.retryAfterMs ?? this.#backoff(attempts);
        await storage.release(id, { attempts, send_after: now() + delay });
        this.status.set({ offline: error.status >= 500 });
        return true;
      }
      this.status.set({ offline: false });
      if (entry.kind === "skip" && !entry.body.flag) {
        // The lease is gone, which is all that the skip was to do.
        await storage.settle(id, null, now());
        return true;
      }
      const refusal = { status: error.status, body: error.body, at: now() };
      await storage.release(id, { attempts, refusal });
      return true;
    }
  }
}
