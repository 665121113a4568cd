import { afterEach, expect, it } from "vitest";
import { Appliance } from "./support/appliance.ts";
import { issued } from "./support/button.ts";

/** What a person may put on the boot partition besides paxgate.yaml; and what no two cards have in common. */

const ADDRESS = "10.64.0.77";
/** As an editor on Windows saves it. */
const NETWORK = ["[Match]", "Type=ether", "[Network]", "DHCP=yes", `Address=${ADDRESS}/24`, ""].join("\r\n");

let appliance: Appliance;

afterEach(() => appliance?.remove());

const identity = async () => ({
  machine: await appliance.ssh.run("cat /etc/machine-id"),
  host: await appliance.ssh.run("cat /data/ssh/*.pub"),
  issued: await issued(appliance),
});

it("may hold networks and the wish for a journal that is kept; every card makes secrets of its own", async () => {
  appliance = await Appliance.create({
    prepare: async (fat) => {
      await fat.makeDirectory("network");
      await fat.write("network/10-fixed.network", NETWORK);
      await fat.write("journal-on-card", "");
    },
  });
  await appliance.powerOn();
  await appliance.readyAndLoggedIn();
  expect(await appliance.ssh.run("ip -4 -o address show")).toContain(` ${ADDRESS}/24 `);
  await appliance.ssh.run("logger -t test from-the-first-boot && journalctl --sync && sync");
  const one = await identity();
  await appliance.powerCut(0);
  await appliance.powerOn();
  await appliance.readyAndLoggedIn();
  expect(await appliance.ssh.run("journalctl -b -1 --no-pager -t test")).toContain("from-the-first-boot");
  expect(await identity()).toEqual(one);
  await appliance.remove();

  appliance = await Appliance.create();
  await appliance.powerOn();
  await appliance.readyAndLoggedIn();
  const another = await identity();
  for (const [what, value] of Object.entries(one)) {
    expect(value.length, what).toBeGreaterThan(16);
    expect(another[what as keyof typeof one], what).not.toBe(value);
  }
});
