import type { Store } from "@/server/redis";

type Entry = { value: string; seconds: number };

/** What is used of Redis, in this process: with the options of SET that the site relies on. */
export class MemoryStore implements Store {
  readonly entries = new Map<string, Entry>();

  get(key: string): Promise<string | null> {
    return Promise.resolve(this.entries.get(key)?.value ?? null);
  }

  set(key: string, value: string, ...options: (string | number)[]): Promise<unknown> {
    const known = this.entries.get(key);
    if (options.includes("NX") && known) return Promise.resolve(null);
    if (options.includes("XX") && !known) return Promise.resolve(null);
    const seconds = options.includes("KEEPTTL") ? (known?.seconds ?? 0) : Number(options[options.indexOf("EX") + 1]);
    this.entries.set(key, { value, seconds });
    return Promise.resolve("OK");
  }

  expire(key: string, seconds: number): Promise<unknown> {
    const known = this.entries.get(key);
    if (known) known.seconds = seconds;
    return Promise.resolve(known ? 1 : 0);
  }

  del(key: string): Promise<unknown> {
    return Promise.resolve(this.entries.delete(key) ? 1 : 0);
  }
}
