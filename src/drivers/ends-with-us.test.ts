import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { endsWithUs } from "./ends-with-us.ts";
import { isAlive } from "./gpio-fake-tools.ts";

it("the kernel ends a lasting helper with the process that started it", async () => {
  const parent = spawn("sh", ["-c", `"$@" sleep 1000 & echo $!; wait`, "sh", ...endsWithUs({})], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = await once(parent.stdout, "data");
  const pid = Number(text);
  // The wrapper must have become the program before its parent may die.
  await expect.poll(() => readFileSync(`/proc/${pid}/comm`, "utf8")).toBe("sleep\n");
  parent.kill("SIGKILL");
  await expect.poll(() => isAlive(pid)).toBe(false);
});

it("leaves it to a service manager, where there is one", () => {
  expect(endsWithUs({ NOTIFY_SOCKET: "/run/systemd/notify" })).toEqual([]);
  expect(endsWithUs({ NOTIFY_SOCKET: "" })).toEqual(endsWithUs({}));
});
