"use client";

import { useCallback, useEffect, useState } from "react";
import { call } from "./api";
import { useResource } from "./use-resource";

type Page<T> = { items: T[]; next_cursor?: string | null };

/** A list that comes in pages: the first is asked for again as `useResource` does, more come on demand. */
export type Pages<T> = {
  items: T[] | undefined;
  error: unknown;
  loading: boolean;
  reload: () => void;
  /** Fetches the next page; null where there is none. */
  more: (() => void) | null;
};

type Further<T> = { after: string; items: T[]; cursor: string | null };

/** Asks for the list at `path`, newest first; what is on several pages is shown once. */
export function usePages<T extends { id: string }>(path: string, everyMs?: number): Pages<T> {
  const first = useResource<Page<T>>(path, everyMs);
  const [further, setFurther] = useState<Further<T> | null>(null);
  const [wanted, setWanted] = useState<string | null>(null);
  const [error, setError] = useState<unknown>();
  const begins = first.data?.next_cursor ?? null;
  const cursor = further?.cursor ?? (further ? null : begins);
  useEffect(() => {
    if (wanted === null) return;
    const stop = new AbortController();
    call<Page<T>>("GET", `${path}?cursor=${encodeURIComponent(wanted)}`, { signal: stop.signal }).then(
      (page) => {
        setFurther((before) => ({
          after: before?.after ?? wanted,
          items: [...(before?.items ?? []), ...page.items],
          cursor: page.next_cursor ?? null,
        }));
        setError(undefined);
        setWanted(null);
      },
      (failure: unknown) => {
        if (stop.signal.aborted) return;
        setError(failure);
        setWanted(null);
      },
    );
    return () => stop.abort();
  }, [path, wanted]);
  const more = useCallback(() => setWanted(cursor), [cursor]);
  return {
    items: first.data && unique([...first.data.items, ...(further?.items ?? [])]),
    error: error ?? first.error,
    loading: first.loading || wanted !== null,
    reload: first.reload,
    more: cursor === null ? null : more,
  };
}

/** Items that came while pages were fetched move others on to the next page. */
function unique<T extends { id: string }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.id, item])).values()];
}
