import type { NextConfig } from "next";

const config: NextConfig = {
  // One directory with a server and all that it needs: what the image holds.
  output: "standalone",
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
  // No picture is resized here, so that sharp stays out of the image.
  images: { unoptimized: true },
  // Types are checked by `npm run typecheck`, before anything is built.
  typescript: { ignoreBuildErrors: true },
  poweredByHeader: false,
  reactStrictMode: true,
  experimental: {
    // The root file system is read-only; nothing that is rendered outlives its request.
    isrFlushToDisk: false,
  },
};

export default config;
