import type { ServiceName } from "./settings";

type Routes = readonly (readonly [string, string, ServiceName])[];

/** An id of a service's: nothing that would lead elsewhere once it is part of a path. */
const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** The service that answers a method on a path, given as its segments; undefined where there is none. */
export function find(routes: Routes, method: string, path: readonly string[]): ServiceName | undefined {
  const fixed = (template: string): number => template.split("/").filter((part) => !part.startsWith("{")).length;
  return routes
    .filter(([known, template]) => known === method && matches(template, path))
    .sort(([, one], [, other]) => fixed(other) - fixed(one))[0]?.[2];
}

function matches(template: string, path: readonly string[]): boolean {
  const parts = template.slice(1).split("/");
  return (
    parts.length === path.length &&
    parts.every((part, index) => (part.startsWith("{") ? ID.test(path[index] ?? "") : part === path[index]))
  );
}
