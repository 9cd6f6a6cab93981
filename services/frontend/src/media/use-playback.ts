"use client";

import { useCallback, useRef, useState, type RefObject } from "react";
import { useResource, type Resource } from "@/client/use-resource";
import type { components } from "@/contracts/audio";
import type { MediaKind } from "./kinds";

type Playback = components["schemas"]["Playback"];

export type Player = {
  element: RefObject<HTMLMediaElement | null>;
  source: Resource<Playback>;
  /** Where it is, in seconds. */
  place: number;
  seek: (seconds: number) => void;
  /** For the element: what it tells. */
  events: { onTimeUpdate: () => void; onLoadedMetadata: () => void; onError: () => void };
};

/** Plays what was uploaded, from `start` on; asks for a new address when the one it has is no longer good. */
export function usePlayback(kind: MediaKind, id: string, ready: boolean, start: number): Player {
  const source = useResource<Playback>(ready ? `/api/${kind}/${id}/content` : null);
  const element = useRef<HTMLMediaElement>(null);
  const wanted = useRef(start);
  const [place, setPlace] = useState(start);
  const { data, reload } = source;
  const seek = useCallback((seconds: number) => {
    wanted.current = seconds;
    setPlace(seconds);
    const player = element.current;
    if (!player) return;
    player.currentTime = seconds;
    // A browser may refuse to play before the person has touched the page; the place is right all the same.
    player.play().catch(() => undefined);
  }, []);
  const onLoadedMetadata = useCallback(() => {
    if (element.current && wanted.current > 0) element.current.currentTime = wanted.current;
  }, []);
  const onTimeUpdate = useCallback(() => {
    if (!element.current) return;
    wanted.current = element.current.currentTime;
    setPlace(element.current.currentTime);
  }, []);
  const onError = useCallback(() => {
    if (data && Date.parse(data.expires_at) <= Date.now()) reload();
  }, [data, reload]);
  return { element, source, place, seek, events: { onTimeUpdate, onLoadedMetadata, onError } };
}
