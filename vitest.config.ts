import { defineConfig } from "vitest/config";

/** A forgotten `.only` would make everything else pass unseen; it fails wherever nobody is watching. */
const allowOnly = process.env["CI"] === undefined;

/** Files that measure time or memory, or hold up the whole machine: they are to have it for themselves. */
const alone = [
  "attack-tools",
  "calls-long",
  "guard-attacks",
  "guard-attacks-bans",
  "guard-attacks-limits",
  "guard-attacks-trusted",
  "guard-torture",
  "leaks",
  "mqtt-publisher",
  "status-broker",
  "status-page",
  "web-attacks",
  "web-feed",
].map((name) => `test/integration/${name}.test.ts`);

const integration = {
  allowOnly,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // Whatever is polled comes at once, or never: the limit only ends what never comes. One second is too little for a
  // busy machine.
  expect: { poll: { timeout: 15_000 } },
  // What passes at the second try only is listed at the end (scripts/count-tests.mjs).
  retry: 1,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/unit/**/*.test.ts"],
          allowOnly,
          // Properties take seconds, and more on a busy machine; the limit is for what hangs.
          testTimeout: 30_000,
          retry: 1,
        },
      },
      {
        test: {
          ...integration,
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          exclude: alone,
          // Two at a time: most of the time they wait. Each makes its own directories, namespaces and ports.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...integration,
          name: "integration-alone",
          include: alone,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
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
