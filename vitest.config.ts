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
      {
        // The built image in an emulator: scripts/test-image.
        test: {
          name: "image",
          include: ["test/image/**/*.test.ts"],
          allowOnly,
          // One machine at a time: it is emulated, and time is measured in it.
          fileParallelism: false,
          // Every wait has a limit and a message of its own; these only end what hangs.
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
