"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import type { TextKey } from "@/i18n/en";
import { useI18n } from "@/i18n/provider";

/** The pages, in the order of the navigation. A new page gets a line here, and a text. */
const PAGES: readonly (readonly [path: string, text: TextKey])[] = [
  ["/chat", "nav.chat"],
  ["/media", "nav.media"],
  ["/documents", "nav.documents"],
  ["/search", "nav.search"],
  ["/voice", "nav.voice"],
  ["/memory", "nav.memory"],
  ["/spend", "nav.spend"],
  ["/approvals", "nav.approvals"],
];

export function Navigation() {
  const { t } = useI18n();
  const here = usePathname();
  return (
    <nav aria-label={t("site.navigation")} className="order-last w-full overflow-x-auto sm:order-none sm:w-auto">
      <ul className="flex gap-1">
        {PAGES.map(([path, text]) => {
          const current = here === path || here.startsWith(`${path}/`);
          return (
            <li key={path}>
              <Link
                href={path}
                aria-current={current ? "page" : undefined}
                className="block rounded-md px-3 py-2 whitespace-nowrap text-text no-underline hover:bg-raised aria-[current=page]:bg-raised aria-[current=page]:font-semibold"
              >
                {t(text)}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
