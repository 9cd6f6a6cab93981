import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: {
      "@": `${import.meta.dirname}/src`,
      // Next's bundler refuses it in browser code; there is no such bundler here.
      "server-only": `${import.meta.dirname}/tests/support/nothing.ts`,
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
