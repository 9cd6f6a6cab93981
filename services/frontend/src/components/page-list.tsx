"use client";

import type { ReactNode } from "react";
import type { Pages } from "@/client/use-pages";
import { MoreButton } from "./more-button";
import { EmptyNote, ErrorNote, LoadingNote } from "./states";

type Props<T> = { pages: Pages<T>; empty: string; children: (item: T) => ReactNode };

/** A list that comes in pages, with a way to the next one; `children` shows an item as what stands in a `li`. */
export function PageList<T extends { id: string }>({ pages, empty, children }: Props<T>) {
  return (
    <>
      {pages.error === undefined ? null : <ErrorNote error={pages.error} retry={pages.reload} />}
      {pages.items ? (
        pages.items.length === 0 ? (
          <EmptyNote>{empty}</EmptyNote>
        ) : (
          <ul className="flex flex-col divide-y divide-line border-y border-line">
            {pages.items.map((item) => (
              <li key={item.id} data-item={item.id} className="flex flex-wrap items-baseline gap-x-4 gap-y-1 py-3">
                {children(item)}
              </li>
            ))}
          </ul>
        )
      ) : pages.loading ? (
        <LoadingNote />
      ) : null}
      <MoreButton pages={pages} />
    </>
  );
}
