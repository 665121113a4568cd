import { defineConfig } from "vitest/config";

/** A forgotten `.only` would make everything else pass unseen; it fails wherever nobody is watching. */
const allowOnly = process.env["CI"] === undefined;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/unit/**/*.test.ts"],
          allowOnly,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          allowOnly,
          // One file after the other: they measure time and share the machine's ports and network namespaces.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
