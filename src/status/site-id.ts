/** Longest identifier of a site, characters: as `site.id` may be. */
const LONGEST = 24;

/**
 * The identifier of a site, a level of its topics: `site.id`, or made from the name. 1 to 24 of a-z, 0-9 and -,
 * beginning with a letter; `pax` where the name has nothing of that kind.
 */
export function siteIdOf(site: { readonly id?: string | undefined; readonly name: string }): string {
  if (site.id !== undefined && /^[a-z][a-z0-9-]{0,23}$/.test(site.id)) return site.id;
  return slug(site.id ?? "") || slug(site.name) || "pax";
}

function slug(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, LONGEST)
    .replace(/-+$/, "");
}
