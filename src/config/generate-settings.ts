import { scalar } from "./generate-example.ts";
import { type Setting, settings } from "./settings.ts";

const HEAD = `# Settings of paxgate.yaml

Generated from the schema (\`npm run generate\`). \`[]\` stands for an entry of a list. Digits are text: write them in quotes.
A change applies after a restart of the gateway, or a reload (SIGHUP). \`paxgate check\` reports every fault of a file.
`;

/** The settings page: one table for each part of the file. */
export function renderSettings(): string {
  return [HEAD, ...settings().children.map(renderPart)].join("\n");
}

function renderPart(part: Setting): string {
  const rows = (part.kind === "list" ? (part.item?.children ?? []) : part.children).flatMap(rowsOf);
  const required = part.required ? " Required." : "";
  const shape = part.kind === "list" ? ` ${capital(part.allowed)}.` : "";
  return [
    `## ${part.key}`,
    "",
    `${part.description}${shape}${required}`,
    "",
    "| key | meaning | allowed | default | a change applies |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function rowsOf(setting: Setting): string[] {
  const below = setting.kind === "list" ? (setting.item?.children ?? []) : setting.children;
  return [row(setting), ...below.flatMap(rowsOf)];
}

function row(setting: Setting): string {
  const unit = setting.unit === undefined ? "" : ` (${setting.unit})`;
  const cells = [
    `\`${setting.path}\``,
    setting.description,
    setting.kind === "group" ? "the keys below" : `${setting.allowed}${unit}`,
    byDefault(setting),
    setting.apply === undefined ? "" : setting.apply === "live" ? "at once" : `after a ${setting.apply}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function byDefault(setting: Setting): string {
  if (setting.kind === "group") return "";
  if (setting.defaultText !== undefined) return setting.defaultText;
  if (setting.byDefault !== undefined) return `\`${scalar(setting.byDefault)}\``;
  return setting.required ? "required" : "none";
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
