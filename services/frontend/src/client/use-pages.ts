"use client";

import { useEffect, useState } from "react";
import { call } from "./api";
import { useResource } from "./use-resource";

export type Page<T> = { items: T[]; next_cursor?: string | null };

/** A list that comes in pages: the first is asked for again as `useResource` does, more come on demand. */
export type Pages<T, Answer = Page<T>> = {
  /** The first page as it was answered, with what it says beside its items. */
  first: Answer | undefined;
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
  return usePagesOf<T, Page<T>>(path, itself, everyMs);
}

/** As `usePages`, for answers that are more than a list; `read`, which stays the same, finds the list in them. */
export function usePagesOf<T extends { id: string }, Answer>(
  path: string,
  read: (answer: Answer) => Page<T>,
  everyMs?: number,
): Pages<T, Answer> {
  const first = useResource<Answer>(path, everyMs);
  const begun = first.data === undefined ? undefined : read(first.data);
  const [further, setFurther] = useState<Further<T> | null>(null);
  const [wanted, setWanted] = useState<string | null>(null);
  const [error, setError] = useState<unknown>();
  const begins = begun?.next_cursor ?? null;
  const cursor = further?.cursor ?? (further ? null : begins);
  useEffect(() => {
    if (wanted === null) return;
    const stop = new AbortController();
    call<Answer>("GET", `${path}?cursor=${encodeURIComponent(wanted)}`, { signal: stop.signal }).then(
      (answer) => {
        const page = read(answer);
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
  }, [path, read, wanted]);
  return {
    first: first.data,
    items: begun && unique([...begun.items, ...(further?.items ?? [])]),
    error: error ?? first.error,
    loading: first.loading || wanted !== null,
    reload: first.reload,
    more: cursor === null ? null : () => setWanted(cursor),
  };
}

function itself<T>(page: Page<T>): Page<T> {
  return page;
}

/** Items that came while pages were fetched move others on to the next page. */
function unique<T extends { id: string }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.id, item])).values()];
}
