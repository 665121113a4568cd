import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * epoll (of onoff) looks for its compiled part among the files of its package. A bundle has none: it loads
 * native/epoll-ARCHITECTURE-ABI.node beside itself, so that one bundle serves every machine whose file is there.
 */
export const epollBeside = {
  name: "epoll-beside",
  setup(build) {
    build.onResolve({ filter: /^epoll$/ }, () => ({ path: "epoll", namespace: "epoll-beside" }));
    build.onLoad({ filter: /.*/, namespace: "epoll-beside" }, () => ({
      contents: `
        import { existsSync } from "node:fs";
        import { createRequire } from "node:module";
        const file = "native/epoll-" + process.arch + "-" + process.versions.modules + ".node";
        const found = ["./" + file, "../" + file].find((path) => existsSync(new URL(path, import.meta.url)));
        if (found === undefined) throw new Error("this build has no " + file);
        export const { Epoll } = createRequire(import.meta.url)(found);`,
      loader: "js",
    }));
  },
};

/** What scripts/install-modules has compiled; it may not be there. */
export const compiledEpoll = (root) => join(root, "node_modules/epoll/build/Release/epoll.node");

/** Puts it where the bundle in `dist` looks for it; without it that bundle has no GPIO inputs. */
export function copyEpoll(root, dist) {
  if (!existsSync(compiledEpoll(root))) return;
  mkdirSync(join(dist, "native"), { recursive: true });
  copyFileSync(compiledEpoll(root), join(dist, `native/epoll-${process.arch}-${process.versions.modules}.node`));
}
