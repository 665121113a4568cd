import { expect, it } from "vitest";
import { Meeting } from "./meeting.ts";

it("lets nobody go before everybody has come", async () => {
  const meeting = new Meeting(2);
  const order: string[] = [];
  const first = meeting.come(5_000).then((met) => order.push(`first: ${met}`));
  await Promise.resolve();
  expect(order).toEqual([]);
  expect(await meeting.come(5_000)).toBe(true);
  await first;
  expect(order).toEqual(["first: true"]);
});

it("tells those who wait, and who come later, that somebody will not come", async () => {
  const meeting = new Meeting(3);
  const early = meeting.come(5_000);
  meeting.giveUp();
  expect(await early).toBe(false);
  expect(await meeting.come(5_000)).toBe(false);
});

it("gives up waiting after its time", async () => {
  expect(await new Meeting(2).come(1)).toBe(false);
});
