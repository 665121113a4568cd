import { expect, it } from "vitest";
import { ExternalAddress } from "./external-service.ts";

const at = (last: number) => ({ address: `198.51.100.${last}`, sipPort: 5060 });

function counted() {
  const applied: (string | null)[] = [];
  const external = new ExternalAddress(async () => {
    applied.push(external.place?.address ?? null);
  });
  external.start();
  return { applied, external };
}

it("a burst of changes is one, the last", async () => {
  const { applied, external } = counted();
  await Promise.all([1, 2, 3, 4, 5].map((last) => external.set(at(last))));
  expect(applied).toEqual(["198.51.100.5"]);
});

it("what has not changed is not applied again", async () => {
  const { applied, external } = counted();
  await external.set(null);
  await external.set(at(1));
  await external.set({ ...at(1) });
  expect(applied).toEqual(["198.51.100.1"]);
  await external.set({ ...at(1), sipPort: 5061 });
  expect(applied).toHaveLength(2);
  const networks = { ...at(1), sipPort: 5061, localNetworks: ["10.77.0.0/24"] };
  await external.set(networks);
  await external.set({ ...networks, localNetworks: ["10.77.0.0/24"] });
  expect(applied).toHaveLength(3);
});

it("a change that comes while another one is applied is applied after it", async () => {
  const applied: (string | null)[] = [];
  let later: Promise<void> | undefined;
  const external: ExternalAddress = new ExternalAddress(async () => {
    applied.push(external.place?.address ?? null);
    later ??= external.set(at(2));
  });
  external.start();
  await external.set(at(1));
  await later;
  expect(applied).toEqual(["198.51.100.1", "198.51.100.2"]);
});

it("a stop ends the wait, and the place is kept for the next start", async () => {
  const { applied, external } = counted();
  const set = external.set(at(1));
  await external.stop();
  await set;
  expect(applied).toEqual([]);
  expect(external.place).toEqual(at(1));
});
