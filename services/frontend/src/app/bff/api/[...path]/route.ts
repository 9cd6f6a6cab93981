import { ROUTES } from "@/contracts/routes";
import { readText } from "@/server/forms";
import { personal } from "@/server/guard";
import { Problem } from "@/server/problems";
import { find } from "@/server/routing";
import { callService, passOn } from "@/server/services";

/** Above the largest body of a page: a document of 200,000 characters, of four bytes at most in UTF-8. */
const BODY_BYTES_MAX = 1024 * 1024;

/** Passes a request of a page on to the service that it belongs to, as the person who is signed in. */
const pass = personal<{ path: string[] }>(async (request, session, { path }) => {
  const service = find(ROUTES, request.method, ["api", ...path]);
  if (!service) throw new Problem(404, "there is nothing here");
  const url = new URL(request.url);
  const body = request.method === "GET" || request.method === "DELETE" ? "" : await readText(request, BODY_BYTES_MAX);
  const answer = await callService(session, {
    service,
    method: request.method,
    path: `/api/${path.map(encodeURIComponent).join("/")}${url.search}`,
    signal: request.signal,
    ...(body ? { body } : {}),
  });
  return passOn(answer);
});

export { pass as DELETE, pass as GET, pass as POST };
