/** For the load balancer and the container's own health check: the process answers. */
export function GET(): Response {
  return Response.json({ status: "ok" }, { headers: { "cache-control": "no-store" } });
}
export const dynamic = "force-dynamic";
