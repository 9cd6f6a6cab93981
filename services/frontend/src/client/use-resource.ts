"use client";

import { useCallback, useEffect, useState } from "react";
import { call } from "./api";

/** What is known of something on the server. `data` stays while it is asked for again. */
export type Resource<T> = {
  data: T | undefined;
  error: unknown;
  loading: boolean;
  reload: () => void;
};

type State<T> = { path: string | null; data: T | undefined; error: unknown; loading: boolean };

/**
 * Asks for `path` (null: for nothing yet), and again every `everyMs` for as long as that is a number and the page
 * is seen.
 */
export function useResource<T>(path: string | null, everyMs?: number): Resource<T> {
  const [asked, setAsked] = useState(0);
  const [state, setState] = useState<State<T>>({ path, data: undefined, error: undefined, loading: path !== null });
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    call<T>("GET", path, { signal: stop.signal }).then(
      (data) => setState({ path, data, error: undefined, loading: false }),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        setState((before) => ({ path, data: before.path === path ? before.data : undefined, error, loading: false }));
      },
    );
    return () => stop.abort();
  }, [path, asked]);
  const reload = useCallback(() => setAsked((count) => count + 1), []);
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);
  const current = state.path === path ? state : { data: undefined, error: undefined, loading: path !== null };
  return { data: current.data, error: current.error, loading: current.loading, reload };
}
